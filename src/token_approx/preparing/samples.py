"""Samples: the texts to be labelled, one JSON object per line, named by the hash of their content."""

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from token_approx.errors import InputError
from token_approx.preparing.documents import Document
from token_approx.preparing.json_lines import parse_object, read_bytes, refuse, validate, write_lines
from token_approx.preparing.splitting import SplitRule, clean
from token_approx.text.counts import encode

NonEmpty = Annotated[str, Field(min_length=1)]
ID_DIGITS = 32


class Sample(BaseModel):
    """One text to be labelled, where it came from and what kind it is of."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: NonEmpty
    source: NonEmpty
    category: NonEmpty
    text: NonEmpty


def sample_id(text: str) -> str:
    """Return 128 bits of the SHA-256 of the text's UTF-8, in hexadecimal: the same text, the same id."""
    return hashlib.sha256(encode(text)).hexdigest()[:ID_DIGITS]


def cut(
    documents: Iterable[Document], rule: SplitRule, *, cleaned: bool, skipped: Counter[str]
) -> Iterator[Sample]:
    """Yield the samples that a rule makes of the documents; a text that came before is counted as skipped."""
    seen: set[str] = set()
    for document in documents:
        source, category, text = document.source, document.category, document.text
        del document  # a large text is in memory once
        for piece in rule(clean(text) if cleaned else text):
            name = sample_id(piece)
            if name in seen:
                skipped["repeated text"] += 1
                continue
            seen.add(name)
            yield Sample(id=name, source=source, category=category, text=piece)


def choose(samples: Iterable[Sample], limit: int, seed: int) -> Iterable[Sample]:
    """Return a seeded random choice of `limit` samples in their order, or all of them when limit is 0.

    Holds no more than `limit` samples at a time. A sample's rank is a hash of its id and the seed, so the
    choice does not depend on the order, and a sample stays chosen while its rank is among the first.
    """
    if limit == 0:
        return samples
    ranked = ((_rank(sample, seed), place, sample) for place, sample in enumerate(samples))
    first = heapq.nsmallest(limit, ranked, key=lambda item: item[:2])
    return [sample for _, _, sample in sorted(first, key=lambda item: item[1])]


def write_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples whole, one JSON object per line."""
    write_lines(path, (json.dumps(sample.model_dump(), ensure_ascii=False) + "\n" for sample in samples))


def read_samples(path: Path) -> list[Sample]:
    """Read and validate a samples file; an id that is left out is computed.

    Raises:
        InputError: the file cannot be read, holds no sample, or has a line that is not a valid sample,
            repeats a text or has an id that is not the hash of its text.
    """
    samples: list[Sample] = []
    line_of_id: dict[str, int] = {}
    for number, line in enumerate(read_bytes(path, "samples").split(b"\n"), start=1):
        if not line.strip():
            continue
        fields = parse_object(line, path, number)
        if isinstance(fields.get("text"), str):
            fields.setdefault("id", sample_id(fields["text"]))
        sample = validate(Sample, fields, path, number)
        if sample.id != sample_id(sample.text):
            refuse(
                path,
                number,
                "id",
                "is not the hash of its text",
                "Leave the id out, or prepare the text again.",
            )
        if sample.id in line_of_id:
            refuse(path, number, "text", f"is also on line {line_of_id[sample.id]}", "Remove one of the two.")
        line_of_id[sample.id] = number
        samples.append(sample)
    if not samples:
        raise InputError(f"{path} holds no samples. Prepare some texts first, or give another file.")
    return samples


def _rank(sample: Sample, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{sample.id}".encode()).digest()
