"""Learning curves of adapted n-gram tables: the error on documents kept apart, by labelled documents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import DictConfig
from scipy.stats import t as student

from token_approx.errors import InputError, UsageError
from token_approx.files import write_whole
from token_approx.lifecycle.tracking import table_csv
from token_approx.pretraining.adapt import AdaptSpec, Labelled, adapt, best_scale
from token_approx.pretraining.choosing import choose
from token_approx.pretraining.documents import held_out, read_documents
from token_approx.pretraining.grams import count_grams
from token_approx.pretraining.kernels import Variances
from token_approx.pretraining.pieces import Floats
from token_approx.pretraining.priors import Priors, load_priors, names_of
from token_approx.stages import console
from token_approx.stages.command_line import run_stage

RANDOM, CHOSEN = "at random", "chosen"


@dataclass(frozen=True)
class Curves:
    """What curves are drawn of: documents to label and to test on, priors, and how to fit."""

    pool: pd.DataFrame
    test: Labelled
    priors: Priors
    spec: AdaptSpec

    def rows(
        self, seed: int, sizes: Sequence[int], chosen_sizes: Sequence[int], chosen_of: int
    ) -> Iterator[dict[str, object]]:
        """Yield the errors of a draw of documents, by how they were picked and how many are labelled."""
        drawn = np.random.default_rng(seed).permutation(len(self.pool))[: max(chosen_of, *sizes)]
        labelled = counted(self.pool.iloc[drawn], self.priors)
        for size in sizes:
            if size <= len(drawn):
                yield self._errors(seed, RANDOM, labelled.rows(np.arange(size)))
        if chosen_of:
            usual = Variances(
                self.spec.usual_scale, self.spec.usual_spread, (1.0,) * len(self.priors.layout.bits)
            )
            offered = labelled.rows(np.arange(min(chosen_of, len(drawn))))
            order = choose(offered.grams, self.priors, usual, max(chosen_sizes))
            for size in chosen_sizes:
                yield self._errors(seed, CHOSEN, offered.rows(order[:size]))

    def _errors(self, seed: int, picked: str, labelled: Labelled) -> dict[str, object]:
        spec = replace(self.spec, seed=seed)
        found = adapt(labelled, self.priors, spec)
        place, factor = best_scale(*relative(labelled, self.priors, spec.floor))
        costs, target = relative(self.test, self.priors, spec.floor)
        scale = np.maximum(self.test.tokens, spec.floor)
        adapted = np.abs(self.test.grams.costs(found.weights) / scale - target)
        row = {
            "picked": picked,
            "documents": len(labelled.tokens),
            "seed": seed,
            "scale": 100 * float(np.abs(factor * costs[:, place] - target).mean()),
            "adapted": 100 * float(adapted.mean()),
            "median": 100 * float(np.median(adapted)),
            "cross_validation": 100 * found.error,
            "variance_scale": found.variances.scale,
            "variance_spread": found.variances.spread,
        }
        console.notice(", ".join(f"{name} {value}" for name, value in row.items()))
        return row


def adapting(config: DictConfig) -> None:
    """Print and write the learning curves that the configuration describes."""
    names = [name for name in names_of(list(config.prior)) if name not in list(config.without)]
    priors = load_priors(names)
    documents = read_documents(config.documents, config.tokens, config.counts)
    outside = held_out(documents, config.held_out, 1)
    shared = set(documents.loc[outside, "group"]) & set(documents.loc[~outside, "group"])
    if shared:
        raise InputError(f"{len(shared)} groups are in the split `test` and in another. Keep groups whole.")
    test = documents[outside]
    drawn = test.sample(min(config.test_documents, len(test)), random_state=1)
    curves = Curves(
        documents[~outside], counted(drawn, priors), priors, instantiate(config.fit, _convert_="all")
    )
    rows: list[dict[str, object]] = []
    seeds, sizes, chosen_sizes = (_whole(config, name) for name in ("seeds", "sizes", "chosen_sizes"))
    for seed in seeds:
        rows += curves.rows(seed, sizes, chosen_sizes, config.chosen_of)
        write_whole(Path(config.out), table_csv(pd.DataFrame(rows)))
    console.table(
        f"{config.out}: {config.tokens} from {', '.join(priors.names)}; MAPE % on {len(drawn)} others",
        summary(pd.DataFrame(rows)),
    )


def _whole(config: DictConfig, name: str) -> list[int]:
    # A list that is given on the command line holds texts.
    try:
        return [int(value) for value in config[name]]
    except ValueError as error:
        raise UsageError(f"{name}={','.join(map(str, config[name]))} are not whole numbers.") from error


def counted(documents: pd.DataFrame, priors: Priors) -> Labelled:
    """Return documents as what adapting needs of them."""
    groups = (documents["corpus"] + " " + documents["group"].astype(str)).to_numpy(str)
    grams = count_grams(documents["text"].tolist(), priors.layout)
    return Labelled(grams, documents["tokens"].to_numpy(np.float64), groups)


def relative(labelled: Labelled, priors: Priors, floor: float) -> tuple[Floats, Floats]:
    """Return each prior's costs (documents, priors) and the tokens (documents,), divided by the tokens."""
    scale = np.maximum(labelled.tokens, floor)
    costs = np.column_stack([labelled.grams.costs(weights) for weights in priors.weights])
    return costs / scale[:, None], labelled.tokens / scale


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the means over seeds, and the 95 % interval (Student's t) of the mean of the adapted ones."""
    grouped = rows.groupby(["picked", "documents"], sort=False)
    found = grouped[["scale", "adapted", "median", "cross_validation"]].mean()
    number, spread = grouped["adapted"].size(), grouped["adapted"].std()
    half = student.ppf(0.975, np.maximum(number - 1, 1)) * spread / np.sqrt(number)
    found.insert(2, "low", found["adapted"] - half)
    found.insert(3, "high", found["adapted"] + half)
    return found.assign(seeds=number).reset_index()


def main() -> None:
    """Run the stage from the command line."""
    run_stage("adapting", adapting)


if __name__ == "__main__":
    main()
