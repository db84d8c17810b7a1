"""Fit the shipped models of whole requests, print their errors on repositories left out, and write them.

Each dataset's candidates, drawn to what is expected, with and without features of some models alone, are
compared by the mean error over repositories left out in turn. The best is fitted on all records; its bounds
are calibrated on the estimates of repositories left out. The stage `train` makes the same comparison, with
simpler candidates besides, and logs it to MLflow. Afterwards, `python -m token_approx.benchmarks.requests`
writes the errors of what is shipped to output/requests.csv.

Usage: python .ci/ship_requests.py [--dry] [--records PATH] [DATASET ...]
"""

import argparse
import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from token_approx import __version__
from token_approx.fitting.candidates import Candidate, fit
from token_approx.fitting.dataset import Dataset, Floats
from token_approx.fitting.feature_sets import expand
from token_approx.fitting.feature_sets import named as feature_sets_named
from token_approx.fitting.left_out import (
    Calibration,
    bounds_by_kind,
    errors_by_category,
    kinds_without_bound,
    left_out_estimates,
    with_none_below,
)
from token_approx.fitting.metrics import intervals, metrics
from token_approx.labelling.counters.protocol import REQUEST
from token_approx.lifecycle.contract import SCHEMA_VERSION, schema_text, sha256, tables_of, write_json
from token_approx.lifecycle.export import _bound

ROOT = Path(__file__).parents[1]
LEVEL, RESAMPLES, SEED = 0.95, 1000, 42
# Two repositories are too few to calibrate bounds on: the family before is built, and errs, alike.
BORROWED = {"requests-claude-4-7": "requests-claude-3"}
SETS = ("requests_shared", "requests_models")
COLUMNS = ["records", "sources", "mape", "mape_low", "mape_high", "median", "p95", "bias"]


def main() -> None:
    """Fit, print and write what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="*")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("--records", default=str(ROOT / "output/records/requests.parquet"))
    parser.add_argument("--folder", default=str(ROOT / "src/token_approx/estimator/defaults/requests"))
    arguments = parser.parse_args()
    names = arguments.datasets or sorted(
        path.stem for path in (ROOT / "conf/dataset").glob("requests-*.yaml")
    )
    pd.set_option("display.width", 200)
    for title in names:
        dataset, candidates = _configured(title, arguments.records)
        left_out = {c.name: left_out_estimates(c, dataset) for c in candidates}
        errors = {name: float(_by_source(dataset, found)) for name, found in left_out.items()}
        best = min(candidates, key=lambda candidate: errors[candidate.name])
        print(f"\n{title}: {len(dataset)} requests of {len(set(dataset.sources.tolist()))} repositories")
        for candidate in candidates:
            mark = "*" if candidate is best else " "
            print(f" {mark} {candidate.name}: {errors[candidate.name]:.2f} % (mean over repositories)")
        borrowed = _borrowed(title, arguments.records)
        found = errors_by_category(dataset, left_out[best.name], LEVEL, RESAMPLES, SEED, borrowed)
        found = found.set_index("kind")
        print(found[[*COLUMNS, "coverage", "lower_coverage", "excess", "median_excess"]].round(2).to_string())
        if not arguments.dry:
            content = _coefs(dataset, best, left_out[best.name], borrowed, Path(arguments.records))
            write_json(Path(arguments.folder) / f"{dataset.table}.json", content)


def _configured(name: str, records: str) -> tuple[Dataset, list[Candidate]]:
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = compose("train", overrides=[f"dataset={name}", f"dataset.path={records}"])
    made = partial(instantiate, _convert_="all")
    dataset, models = made(config.dataset), made(config.estimator)
    sets = expand(feature_sets_named(config.default_features), dataset.names)
    candidates = []
    for feature_set in (found for found in SETS if found in sets):
        for spread in models["shrunk"].hyperparameters["text_spread"].grid:
            settings = {"text_spread": spread}
            candidates.append(Candidate("shrunk", models["shrunk"], feature_set, sets[feature_set], settings))
    return dataset, candidates


def _by_source(dataset: Dataset, estimates: Floats) -> Floats:
    errors = 100 * np.abs(estimates / dataset.tokens - 1)
    return np.mean([errors[dataset.sources == source].mean() for source in np.unique(dataset.sources)])


def _borrowed(title: str, records: str) -> Calibration | None:
    """Return the errors of the family that a dataset of few repositories takes its bounds from as well."""
    lender = BORROWED.get(title)
    if lender is None:
        return None
    dataset, candidates = _configured(lender, records)
    return Calibration(dataset.tokens, left_out_estimates(candidates[-1], dataset), dataset.categories)


def _coefs(
    dataset: Dataset, candidate: Candidate, estimates: Floats, borrowed: Calibration | None, records: Path
) -> dict[str, Any]:
    fitted = fit(candidate, dataset.matrix(candidate.features), dataset.tokens)
    own = Calibration(dataset.tokens, estimates, dataset.categories)
    above, below = kinds_without_bound(own, dataset.sources, LEVEL, borrowed)
    upper, lower = bounds_by_kind(own.joined(borrowed))
    lower = with_none_below(lower, below)
    left_out = metrics(dataset.tokens, estimates)
    low_high = intervals(dataset.tokens, estimates, RESAMPLES, SEED)
    frame = dataset.features[list(candidate.features)]
    if not tables_of(candidate.features, dataset.table):
        raise SystemExit(f"no n-gram table {dataset.table!r} is shipped: train it first")
    settings = ", ".join(f"{name}={value!r}" for name, value in candidate.hyperparameters.items())
    content = {
        "schema_version": SCHEMA_VERSION,
        "type": "linear",
        "model": dataset.reference_model,
        "counts_of": REQUEST,
        "estimator": f"{candidate.model_name}({settings})",
        "feature_set": list(candidate.features),
        "w0": fitted.intercept,
        **{f"w_{n}": float(value) for n, value in zip(candidate.features, fitted.coefficients, strict=True)},
        "tables": {
            name: {"file": table.name, "sha256": table.sha256}
            for name, table in tables_of(candidate.features, dataset.table).items()
        },
        "upper_bound": [_bound(bound) for bound in upper],
        "lower_bound": [_bound(bound) for bound in lower],
        "byte_bound": None,
        "domain": {name: [float(frame[name].min()), float(frame[name].max())] for name in frame},
        # Every record is a test record once, of a fit on the other repositories.
        "metrics": {
            "training_records": len(dataset),
            "test_records": len(dataset),
            "cv": left_out,
            "unseen_source": left_out,
            "test": {
                name: {"value": value, "interval_95": list(low_high[name])}
                for name, value in left_out.items()
            },
        },
        "provenance": {
            "run_id": "",
            "registered_model": None,
            "registered_version": None,
            "git_commit": None,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "package_version": __version__,
            "records_sha256": sha256(records),
        },
    }
    if above:
        content["kinds_without_bound"] = above
    jsonschema.validate(content, json.loads(schema_text()))
    return content


if __name__ == "__main__":
    main()
