"""Which documents to label next for a table that is adapted: the samples file that `label` reads."""

from pathlib import Path

import numpy as np
from hydra.utils import instantiate
from omegaconf import DictConfig

from token_approx.errors import InputError
from token_approx.preparing.samples import Sample, sample_id, write_samples
from token_approx.pretraining.adapt import AdaptSpec
from token_approx.pretraining.choosing import choose
from token_approx.pretraining.documents import read_documents
from token_approx.pretraining.grams import count_grams
from token_approx.pretraining.kernels import Variances
from token_approx.pretraining.priors import load_priors
from token_approx.stages import console


def choose_next(config: DictConfig) -> None:
    """Write the documents without a count that say most about the others, the best first.

    Of more documents than `adapt.most_dual` so many are drawn, those with a count first.

    Raises:
        InputError: every document has a count.
    """
    priors = load_priors(config.prior)
    spec: AdaptSpec = instantiate(config.adapt, _convert_="all")
    documents = read_documents(config.documents, config.tokens, config.counts, counted=False)
    documents = documents.sample(frac=1.0, random_state=config.seed)
    documents = documents.sort_values("tokens", kind="stable", na_position="last")
    kept = documents.head(spec.most_dual)
    counted = kept["tokens"].notna().to_numpy()
    if counted.all():
        raise InputError("Every document has a count. Give documents= with others to choose from.")
    usual = Variances(spec.usual_scale, spec.usual_spread, (1.0,) * len(priors.layout.bits))
    grams = count_grams(kept["text"].tolist(), priors.layout)
    found = kept.iloc[choose(grams, priors, usual, config.choose, np.flatnonzero(counted))]
    samples = [
        Sample(id=sample_id(str(text)), source=str(group), category=str(category), text=str(text))
        for text, group, category in found[["text", "group", "category"]].itertuples(index=False)
    ]
    out = Path(config.out or f"{config.name}-next.jsonl")
    write_samples(out, samples)
    size = sum(len(sample.text) for sample in samples)
    console.print_lines(
        {
            "chosen": f"{len(samples)} of {int((~counted).sum())} documents without a count, in {out}",
            "size": f"{size} characters; {int(counted.sum())} documents had a count",
        }
    )
