"""Usage -> a table, framing and a model of one's own, in one command; tested on sessions held out."""

import re
from collections import Counter as Tally
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import DictConfig

from token_approx import __version__
from token_approx.errors import InputError, UsageError
from token_approx.estimator.catalogue import catalogue
from token_approx.files import check_writable, write_whole
from token_approx.labelling.counters.protocol import TEXT
from token_approx.labelling.observations import Observer, only_model
from token_approx.labelling.records import Record, record_line
from token_approx.labelling.transcripts.steps import hashed
from token_approx.lifecycle.tracking import table_csv
from token_approx.pretraining import calibrating
from token_approx.pretraining.adapt import table_of
from token_approx.pretraining.calibrating import Calibrated
from token_approx.pretraining.priors import ALL, load_priors
from token_approx.reporting.calibration import curve, curve_figure, errors
from token_approx.reporting.figures import png
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, run_stage
from token_approx.stages.train import Besides, train
from token_approx.text.features import NGRAM, features_of
from token_approx.text.ngrams import shipped_tables
from token_approx.text.own_tables import NAME

# What people borrow where nobody has a tokenizer.
BORROWED = "o200k_base"
# Results that stand in the folder besides those of the comparison.
RECORDS = "records.jsonl"
# Where logs are may say whose they are.
NOT_LOGGED = "not logged"


def calibrate(config: DictConfig) -> None:
    """Read usage, fit a table and framing to it, and train, test and register a model on that."""
    check_numbers(config, {"seed": 0, "curve_seeds": 2})
    if not isinstance(config.held_out, float) or not 0 < config.held_out < 1:
        raise UsageError(f"held_out={config.held_out} is not a share between 0 and 1. Give 0.25, say.")
    left_out: Tally[str] = Tally()
    with console.progress("usage") as advance:
        reader: Observer = instantiate(config.reader, _convert_="all")
        observations = reader.observe(left_out, advance)
    model = str(config.model) or only_model(observations)
    name = _checked(str(config.name) or re.sub(r"\W+", "_", model))
    config.name = name
    output = Path(config.output)
    check_writable([output / RECORDS])
    priors, spec = load_priors(list(config.prior) or [ALL]), instantiate(config.adapt, _convert_="all")
    found = calibrating.calibrated(observations, priors, spec, config.held_out, config.seed)
    feature = _feature(found, name, output)
    table = errors(found, _before(model), config.seed)
    drawn = curve(found, range(config.seed, config.seed + config.curve_seeds))
    _tell(found, model, left_out, table)
    files = {
        "tables/calibration.csv": table_csv(table),
        "tables/framing.csv": table_csv(_framing(found)),
        "tables/usage_curve.csv": table_csv(drawn),
        "figures/usage_curve.png": png(curve_figure(drawn, float(table["mape"].iloc[0]), model)),
    }
    records = _records(found, model, feature)
    write_whole(output / RECORDS, "".join(map(record_line, records)).encode())
    tested_sources = sorted({record.source for record in records} & set(found.test.groups.tolist()))
    train(_comparison(config, output, feature, found, tested_sources), Besides(files, _metrics(table)))


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"name={name} may hold letters, digits and _ alone. Give another name.")
    if name in shipped_tables():
        raise UsageError(f"name={name} is that of a shipped table. Give another name.")
    return name


def _feature(found: Calibrated, name: str, output: Path) -> str:
    # The table that the model weighs: one of its own, or the prior that is best alone.
    if not found.adapts:
        return NGRAM + found.priors.names[found.calibration.scaled.place]
    provenance = {
        "priors": found.priors.digests,
        "trained_on": {"documents": len(found.inside), "bytes": int(found.inside.bytes.sum())},
        "labelled_documents": len(found.inside) + len(found.test),
        "framing": dict(zip(found.inside.things, found.framing.tolist(), strict=True)),
        "package_version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    table = table_of(found.calibration.adapted, found.priors, found.spec, name, provenance)
    table.save(output / f"{name}.json")
    return NGRAM + name


def _before(model: str) -> str:
    # What is said of the model's texts today: by its family's table, or by a borrowed one.
    try:
        family = catalogue().find(model).family.name
    except InputError:
        return BORROWED
    return family if family in shipped_tables() else BORROWED


def _framing(found: Calibrated) -> pd.DataFrame:
    return pd.DataFrame({"thing": found.inside.things, "tokens": found.framing})


def _records(found: Calibrated, model: str, feature: str) -> list[Record]:
    # Labels are what framing leaves of a count. A cost that the table was fitted to says too little of its
    # error elsewhere: of those observations, tables that were fitted without them give the cost.
    both = [found.inside, found.test]
    labels = np.concatenate([usage.of_texts(found.framing) for usage in both])
    costs = np.concatenate([usage.grams.costs(found.weights) for usage in both])
    if found.adapts:
        unseen = calibrating.out_of_fold(found.inside, found.priors, found.calibration, found.spec)
        costs[: len(unseen)] = unseen
    records = []
    for number, (each, label, cost) in enumerate(zip(found.observations, labels, costs, strict=True)):
        rows = features_of(each.texts)
        features = {name: sum(row[name] for row in rows) for name in (rows[0] if rows else ())}
        if found.adapts:
            features[feature] = float(cost)
        if features.get("bytes") and label >= 1:
            records.append(
                Record(
                    id=hashed("calibrate", number, each.group),
                    model=model,
                    input_tokens=round(float(label)),
                    features=features,
                    source=each.group,
                    category=each.kind,
                    counter="usage",
                    counts_of=TEXT,
                )
            )
    return records


def _comparison(
    config: DictConfig, output: Path, feature: str, found: Calibrated, tested: list[str]
) -> DictConfig:
    merged: DictConfig = config.copy()
    merged.path = NOT_LOGGED
    merged.records = str(output / RECORDS)
    merged.features = feature
    merged.split.sources = tested
    if found.adapts:
        merged.tables = [*merged.tables, str(output / f"{config.name}.json")]
    return merged


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    places = {"before": 0, "scaled": -2, "adapted": -1}
    return {
        f"calibration/{name}/{metric}": float(table[metric].iloc[place])
        for name, place in places.items()
        for metric in ("mape", "bias", "p95")
    }


def _tell(found: Calibrated, model: str, left_out: Mapping[str, int], table: pd.DataFrame) -> None:
    sessions = len({each.group for each in found.observations})
    calibration = found.calibration
    framing = zip(found.inside.things, found.framing, strict=True)
    chosen = "the adapted table" if found.adapts else "the best table times a factor"
    lines = {
        "usage": f"{len(found.observations)} counts of {model}, of {sessions} sessions;"
        f" {len(found.test)} of {len(np.unique(found.test.groups))} sessions are held out",
        "chosen": f"{chosen}: {100 * calibration.adapted_error:.2f} % adapted,"
        f" {100 * calibration.scaled_error:.2f} % scaled, by cross-validation over sessions",
        "framing": ", ".join(f"{tokens:.1f} for {thing}" for thing, tokens in framing) + " (tokens each)",
    }
    used = Tally(left_out)
    if +used:
        reasons = ", ".join(f"{number} {reason}" for reason, number in (+used).most_common())
        lines["left out"] = f"{used.total()} ({reasons})"
    console.print_lines(lines)
    shown = table.drop(columns=["fit", "observations", "groups", "median"])
    console.table("Errors on the sessions that are held out, in per cent", shown)


def main() -> None:
    """Run the stage from the command line."""
    run_stage("calibrate", calibrate)


if __name__ == "__main__":
    main()
