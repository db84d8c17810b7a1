"""Bring the champions of output/corpus-*/ into the package, as the estimators that it ships, one per family.

Usage: python .ci/ship_defaults.py [FOLDER]
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PREFIX = "corpus-"


def main() -> None:
    """Copy each model_coefs.json, to a file named after its family."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "src/token_approx/estimator/defaults"
    for path in (ROOT / "output").glob(f"{PREFIX}*/model_coefs.json"):
        (folder / f"{path.parent.name.removeprefix(PREFIX)}.json").write_bytes(path.read_bytes())


if __name__ == "__main__":
    main()
