"""Compare results with the committed ones: text alike, numbers within a thousandth, the same figures.

Iterative fits differ in their last digits from processor to processor, and figures with them; on the handful
of records where a learning curve starts, robust fits have many solutions, 4 % apart. What says where a result
comes from (`provenance`) is left out.

Usage: python same_results.py FOLDER (a checkout in which the main job has run)
"""

import csv
import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TOLERANCE = 1e-3
OWN_TOLERANCE = {"output/tables/learning_curves.csv": 0.1}
NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
LONE_NUMBER = 3


def differences(name: str, old: object, new: object, tolerance: float) -> Iterator[str]:
    """Yield what differs between two values out of JSON or CSV by more than a share of them."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        for key in old.keys() - {"provenance"}:
            yield from differences(f"{name}.{key}", old[key], new[key], tolerance)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(f"{name}[{place}]", *pair, tolerance)
    elif not _alike(old, new, tolerance):
        yield f"{name}: {old!r} was committed, now {new!r}"


def _alike(old: object, new: object, tolerance: float) -> bool:
    # Split at its numbers, a text is "text, number, text, …"; in a sentence they are rounded to whole ones.
    parts, others = (NUMBER.split(str(value)) for value in (old, new))
    rounded = 1.0 if len(parts) > LONE_NUMBER else tolerance
    return len(parts) == len(others) and all(
        math.isclose(float(a), float(b), rel_tol=tolerance, abs_tol=rounded) if place % 2 else a == b
        for place, (a, b) in enumerate(zip(parts, others, strict=True))
    )


def read(name: str, data: bytes) -> object:
    """Return the content of a file by its ending."""
    if name.endswith(".csv"):
        return list(csv.reader(io.StringIO(data.decode())))
    return json.loads(data) if name.endswith(".json") else data


def main() -> None:
    """Print every difference; exit with 1 if there is one."""
    folder = Path(sys.argv[1])

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True).stdout  # noqa: S603, S607

    found = [
        f"{line[3:]}: is not committed"
        for line in git("status", "--porcelain", "--", "output").decode().splitlines()
        if line[:2] == "??"
    ]
    changed = git("diff", "--name-only", "--", "output").decode().splitlines()
    for name in changed:
        if not (folder / name).exists():
            found.append(f"{name}: is gone")
        elif not name.endswith(".png"):
            old, new = git("show", f"HEAD:{name}"), (folder / name).read_bytes()
            tolerance = OWN_TOLERANCE.get(name, TOLERANCE)
            found += differences(name, read(name, old), read(name, new), tolerance)
    print(f"{len(changed)} files differ in bytes, {len(found)} results differ", *found[:20], sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
