"""Compare the main job's results with the reference results: text alike, numbers within a thousandth.

Iterative fits differ in their last digits from processor to processor; on the handful of records where a
learning curve starts, robust fits have many solutions, 4 % apart. What says where a result comes from
(`provenance`) is left out. Numbers in a sentence are rounded: they may differ by one.

Usage: python same_results.py FOLDER (a checkout in which the main job has run)
"""

import csv
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path

# What a run writes, and what the repository holds of it.
RESULTS, REFERENCE = "results/claude-3-7-sonnet", "output"
COMPARED = ("model_coefs.json", "golden_vectors.json", "tables/*.csv")
TOLERANCE = 1e-3
OWN_TOLERANCE = {"tables/learning_curves.csv": 0.1}
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
        yield f"{name}: the reference has {old!r}, the run {new!r}"


def _alike(old: object, new: object, tolerance: float) -> bool:
    # Split at its numbers, a text is "text, number, text, …"; in a sentence they are rounded to whole ones.
    parts, others = (NUMBER.split(str(value)) for value in (old, new))
    rounded = 1.0 if len(parts) > LONE_NUMBER else tolerance
    return len(parts) == len(others) and all(
        math.isclose(float(a), float(b), rel_tol=tolerance, abs_tol=rounded) if place % 2 else a == b
        for place, (a, b) in enumerate(zip(parts, others, strict=True))
    )


def read(path: Path) -> object:
    """Return the content of a CSV or JSON file."""
    text = path.read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines())) if path.suffix == ".csv" else json.loads(text)


def compare(reference: Path, results: Path) -> list[str]:
    """Return what differs between the reference results in one folder and a run's in another."""
    names = [
        {path.relative_to(folder).as_posix() for pattern in COMPARED for path in folder.glob(pattern)}
        for folder in (reference, results)
    ]
    found = [f"{name}: the run did not write it" for name in sorted(names[0] - names[1])]
    found += [f"{name}: is not among the reference results" for name in sorted(names[1] - names[0])]
    for name in sorted(names[0] & names[1]):
        tolerance = OWN_TOLERANCE.get(name, TOLERANCE)
        found += differences(name, read(reference / name), read(results / name), tolerance)
    return found


def main() -> None:
    """Print every difference; exit with 1 if there is one."""
    folder = Path(sys.argv[1])
    found = compare(folder / REFERENCE, folder / RESULTS)
    print(f"{len(found)} results differ", *found[:20], sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
