"""Labelled documents -> an n-gram table, as an MLflow run with its errors on held-out groups."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from token_approx import __version__
from token_approx.errors import InputError, UsageError
from token_approx.files import write_whole
from token_approx.lifecycle import tracking
from token_approx.pretraining.adapt import Labelled, adapted_table
from token_approx.pretraining.documents import held_out, read_documents
from token_approx.pretraining.fit import FitSpec, fit_table
from token_approx.pretraining.grams import count_grams
from token_approx.pretraining.known import ngram_counts, with_known_ngrams
from token_approx.pretraining.pieces import Bytes, Corpus, gather_counted, gather_traced
from token_approx.pretraining.priors import load_priors
from token_approx.pretraining.store import EndsStore
from token_approx.reporting.breakdown import breakdown, category_figure
from token_approx.reporting.figures import png
from token_approx.stages import console
from token_approx.stages.command_line import check_numbers, run_stage
from token_approx.stages.next_samples import choose_next
from token_approx.text.counts import encode
from token_approx.text.ngrams import NgramTable


def pretrain(config: DictConfig) -> None:
    """Fit the table that the configuration describes, or choose what to label for it."""
    check_numbers(config, {"choose": 0, "seed": 0})
    if not config.name:
        raise UsageError("pretrain needs a name for the table. Give name=<name>.")
    if config.choose:
        choose_next(config)
        return
    ends: Callable[[str], Bytes] | None = instantiate(config.tokenizer)
    if config.prior and ends is not None:
        raise UsageError(
            "prior= adapts tables to counts of whole documents, and tokenizer= says more than they do. Leave"
            " out one of the two."
        )
    documents = read_documents(config.documents, config.tokens, config.counts, counted=ends is None)
    outside = held_out(documents, config.held_out, config.seed)
    with tracking.parent_run(config.experiment, f"pretrain · {config.name}") as run:
        tracking.log_configuration(run, _parameters(config), OmegaConf.to_yaml(config, resolve=True))
        if config.prior:
            table = _adapted(config, documents, documents[~outside])
        else:
            tracking.log_description(run, config.description)
            table = _fitted(config, documents, documents[~outside], ends)
        path = Path(config.out or f"{config.reports}/{config.name}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        table.save(path)
        categories, whole = _errors(table, _counted(documents[outside], ends))
        files = {
            "tables/by_category.csv": tracking.table_csv(categories),
            "tables/summary.csv": tracking.table_csv(whole),
            "figures/by_category.png": png(category_figure(categories, f"n-gram table {config.name}")),
        }
        for name, data in files.items():
            write_whole(Path(config.reports, config.name, name), data)
        tracking.log_files(run.info.run_id, files | {path.name: path.read_bytes()})
        tracking.log_metrics(run, _metrics(whole) | _choice_metrics(table))
    console.table(f"{path}: errors on held-out documents", whole)
    _tell_choice(table)


def _fitted(
    config: DictConfig, documents: pd.DataFrame, inside: pd.DataFrame, ends: Callable[[str], Bytes] | None
) -> NgramTable:
    known = _known(inside, list(config.known))
    spec: FitSpec = instantiate(config.fit, _convert_="all")
    importance = instantiate(config.importance, _convert_="all").of(inside)
    corpus = _corpus(inside, ends, spec.pieces.head)
    if isinstance(ends, EndsStore):
        ends.save()
    trained_on = {"documents": len(corpus.documents) - 1, "bytes": int(corpus.data.size)}
    provenance = _provenance(config, documents, trained_on) | {
        "fit": OmegaConf.to_container(config.fit, resolve=True),
        "importance": OmegaConf.to_container(config.importance, resolve=True),
        "known": sorted(set(known["corpus"])),
    }
    counted = ngram_counts(known["text"], spec.layout.fold)
    return with_known_ngrams(fit_table(corpus, importance, spec, config.name, provenance), *counted)


def _known(documents: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    # The documents whose n-grams the table knows: all, or those of the files that are named.
    found = set(documents["corpus"])
    if missing := sorted(set(names) - found):
        raise UsageError(
            f"known={','.join(missing)} is none of the files of documents. Give {', '.join(sorted(found))}."
        )
    return documents[documents["corpus"].isin(names)] if names else documents


def _adapted(config: DictConfig, documents: pd.DataFrame, inside: pd.DataFrame) -> NgramTable:
    priors = load_priors(config.prior)
    grams = count_grams(inside["text"].tolist(), priors.layout)
    groups = (inside["corpus"] + " " + inside["group"].astype(str)).to_numpy(str)
    labelled = Labelled(grams, inside["tokens"].to_numpy(np.float64), groups)
    trained_on = {"documents": len(inside), "bytes": int(grams.orders[0].sum())}
    provenance = _provenance(config, documents, trained_on) | {
        "fit": OmegaConf.to_container(config.adapt, resolve=True),
        "priors": priors.digests,
    }
    return adapted_table(
        labelled, priors, instantiate(config.adapt, _convert_="all"), config.name, provenance
    )


def _choice_metrics(table: NgramTable) -> dict[str, float]:
    adapted = table.provenance.get("adapted", {})
    errors = adapted.get("cross_validation", {})
    found = {f"cv/{name}/mape": 100.0 * error for name, error in errors.items()}
    return found | {f"shares/{Path(name).stem}": share for name, share in adapted.get("shares", {}).items()}


def _tell_choice(table: NgramTable) -> None:
    adapted = table.provenance.get("adapted")
    if adapted is None:
        return
    errors = {name: f"{100 * error:.2f} %" for name, error in adapted["cross_validation"].items()}
    shares = sorted(adapted["shares"].items(), key=lambda each: -each[1])
    console.print_lines(
        {
            "error": f"{errors['adapted']} by cross-validation over groups; {errors['combination']} without a"
            f" correction, {errors['scale']} by the best single prior times a factor",
            "priors": ", ".join(f"{share:.2f} {Path(name).stem}" for name, share in shares if share > 0),
        }
    )


def _corpus(documents: pd.DataFrame, ends: Callable[[str], Bytes] | None, head: int) -> Corpus:
    texts = documents["text"].tolist()
    if ends is None:
        return gather_counted(texts, documents["tokens"].to_numpy())
    _check(documents[documents["tokens"].notna()], ends, head)
    return gather_traced(texts, ends, head)


def _check(documents: pd.DataFrame, ends: Callable[[str], Bytes], head: int, sample: int = 50) -> None:
    # A wrong vocabulary would teach the table another tokenizer: compare some documents' own counts.
    sizes = documents["text"].map(lambda text: len(encode(text))).astype(np.int64)
    whole = documents[sizes <= head]
    for text, counted in whole[["text", "tokens"]][:: max(1, len(whole) // sample)].itertuples(index=False):
        found = int(ends(text).sum())
        if found != counted:
            raise InputError(
                f"The tokenizer counts {found} tokens where the documents say {counted:.0f}. Use the"
                " tokenizer that counted them."
            )


def _counted(documents: pd.DataFrame, ends: Callable[[str], Bytes] | None) -> pd.DataFrame:
    # The tokenizer counts what the documents' files have no count of.
    lacking = documents["tokens"].isna()
    if ends is None or not lacking.any():
        return documents
    found = documents.loc[lacking, "text"].map(lambda text: float(ends(text).sum()))
    return documents.assign(tokens=documents["tokens"].fillna(found))


def _errors(table: NgramTable, documents: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    # By category, and by corpus with its worst category.
    estimated = np.maximum(0, np.floor(table.score_many(documents["text"]) * table.unit + 0.5))
    tokens, corpus = documents["tokens"].to_numpy(np.float64), documents["corpus"]
    categories = breakdown(
        "category", (corpus + " " + documents["category"]).to_numpy(str), tokens, estimated
    )
    whole = breakdown("corpus", corpus.to_numpy(str), tokens, estimated)
    worst = categories.groupby(categories["category"].str.split(" ").str[0])["mape"].max()
    return categories, whole.assign(worst_category_mape=whole["corpus"].map(worst))


def _provenance(config: DictConfig, documents: pd.DataFrame, trained_on: dict[str, int]) -> dict[str, Any]:
    return {
        "documents": {Path(path).name: _sha256(Path(path)) for path in config.documents},
        "counts": config.tokens,
        "tokenizer": {key: value for key, value in config.tokenizer.items() if key not in ("path", "store")},
        "trained_on": trained_on,
        "labelled_documents": len(documents),
        "package_version": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _parameters(config: DictConfig) -> dict[str, object]:
    if config.prior:
        names = {"name": config.name, "tokens": config.tokens, "seed": config.seed}
        return names | {"prior": ",".join(Path(name).name for name in config.prior)}
    fit = {key: value for key, value in config.fit.items() if not isinstance(value, DictConfig)}
    return {
        "name": config.name,
        "tokens": config.tokens,
        "bits": config.fit.layout.bits,
        "seed": config.seed,
    } | {f"fit.{key}": value for key, value in fit.items() if not str(key).startswith("_")}


def _metrics(whole: pd.DataFrame) -> dict[str, float]:
    return {
        f"test/{row['corpus']}/{name}": float(value)
        for row in whole.to_dict("records")
        for name, value in row.items()
        if name != "corpus" and pd.notna(value)
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Run the stage from the command line."""
    run_stage("pretrain", pretrain)


if __name__ == "__main__":
    main()
