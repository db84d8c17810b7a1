"""Bring the champions of output/ into the package, as the estimators that it ships.

Those are the default dataset's, and one per reference model whose tokenizer the corpora were counted with.

Usage: python .ci/ship_defaults.py [FOLDER]
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Copy each model_coefs.json, to a file named after its reference model."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "src/token_approx/estimator/defaults"
    output = ROOT / "output"
    for path in [output / "model_coefs.json", *output.glob("corpus-*/model_coefs.json")]:
        data = path.read_bytes()
        (folder / f"{json.loads(data)['model']}.json").write_bytes(data)


if __name__ == "__main__":
    main()
