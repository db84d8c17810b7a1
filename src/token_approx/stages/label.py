"""Samples -> records: counts tokens with a provider or tokenizer, tracked in MLflow."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import UnfinishedError
from token_approx.labelling.label import label as label_samples
from token_approx.labelling.progress import LabellingSettings, Progress
from token_approx.labelling.records import read_records
from token_approx.lifecycle import labelling_run, tracking
from token_approx.preparing.samples import read_samples
from token_approx.reporting.figures import png
from token_approx.reporting.sample_figures import sample_lengths
from token_approx.stages.command_line import check_numbers, run_stage
from token_approx.stages.labelling_console import labelling_progress, labelling_summary
from token_approx.text.counts import encode
from token_approx.text.own_tables import with_tables

LEAST = {
    "labelling.concurrency": 1,
    "labelling.requests_per_minute": 0,
    "labelling.attempts": 1,
    "labelling.first_wait": 0,
    "labelling.longest_wait": 0,
    "labelling.give_up_after": 1,
}


def label(config: DictConfig) -> None:
    """Label the samples that the configuration names."""
    with with_tables(config.tables):
        _label(config)


def _label(config: DictConfig) -> None:
    check_numbers(config, LEAST, fractions=("requests_per_minute", "first_wait", "longest_wait"))
    out = Path(config.out)
    samples = read_samples(Path(config.samples))
    counter: Any = instantiate(config.counter, _convert_="all")
    settings = LabellingSettings(framing=config.framing, **OmegaConf.to_container(config.labelling))  # type: ignore[arg-type]
    chosen = HydraConfig.get().runtime.choices["counter"]
    # Only a counter that reads a log leaves rows out.
    left_out: Counter[str] = counter.left_out if hasattr(counter, "left_out") else Counter()
    progress = Progress(len(samples), left_out=left_out)
    with tracking.parent_run(config.experiment, f"label · {chosen} · {counter.model}") as run:
        parameters = {"counter": chosen, "model": counter.model}
        parameters |= {name: config[name] for name in ("samples", "out", "framing")}
        tracking.log_configuration(run, parameters, OmegaConf.to_yaml(config))
        started = time.perf_counter()
        try:
            with labelling_progress() as show:
                label_samples(samples, counter, out, settings, progress, show)
        finally:
            seconds = time.perf_counter() - started
            labelling_run.log_progress(run, progress, seconds)
            if progress.missing < progress.samples:
                labelling_summary(progress, out, seconds)
        records = read_records(out) if out.exists() else []
        recorded = {record.id for record in records}
        lengths = [len(encode(sample.text)) for sample in samples]
        labelled = [n for n, sample in zip(lengths, samples, strict=True) if sample.id in recorded]
        if records:
            figure = png(sample_lengths(lengths, labelled))
            labelling_run.log_results(run, samples, records, out, figure)
        if progress.missing:
            raise UnfinishedError(
                f"{progress.missing} of {progress.samples} samples are missing. Run the same command again:"
                " it asks for those alone."
            )


def main() -> None:
    """Run the stage from the command line."""
    run_stage("label", label)


if __name__ == "__main__":
    main()
