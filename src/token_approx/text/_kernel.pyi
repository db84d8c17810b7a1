from collections.abc import Buffer
from typing import Self

class Plan:
    def __new__(
        cls,
        tables: tuple[tuple[int, int, Buffer], ...],
        multiplier: int,
        fold: bytes,
        seen_pairs: bytes | None = None,
        seen_threes: bytes | None = None,
    ) -> Self: ...
    def score(self, text: str | bytes, context: bytes, /) -> int: ...
    def cumulative(self, text: str | bytes, context: bytes, sums: Buffer, /) -> None: ...

def measure(plan: Plan | None, text: str | bytes, /) -> tuple[int, int, int, int, int, int, int]: ...
def measure_many(
    plan: Plan | None,
    texts: list[str | bytes] | list[bytes],
    units: Buffer | None,
    counts: Buffer | None,
    unseen: Buffer | None,
    /,
) -> None: ...
def count_prefixes(data: bytes, start: int, begin: int, end: int, counts: Buffer, /) -> None: ...
