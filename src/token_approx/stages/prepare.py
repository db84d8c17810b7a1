"""Documents -> samples: reads, cleans, splits and writes the texts to be labelled."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from token_approx.errors import InputError, UsageError
from token_approx.files import check_writable
from token_approx.preparing.documents import ReadingSettings, read_documents
from token_approx.preparing.samples import Sample, choose, cut, write_samples
from token_approx.stages.command_line import check_numbers, run_stage
from token_approx.stages.labelling_console import preparing_summary
from token_approx.text.counts import encode

LEAST = {"limit": 0, "seed": 0}


def prepare(config: DictConfig) -> None:
    """Write the samples that the configuration describes."""
    check_numbers(config, LEAST)
    if not str(config.source):
        raise UsageError("prepare needs a text. Give source=<path, URL or Project Gutenberg number>.")
    out = Path(config.out)
    check_writable([out])
    reading = ReadingSettings(
        text_column=config.text_column,
        exclude=tuple(config.exclude),
        cache=Path(config.cache),
        gutenberg=config.gutenberg,
        strict=config.strict,
    )
    skipped: Counter[str] = Counter()
    documents = read_documents(str(config.source), reading, skipped)
    rule = instantiate(config.split_rule, _convert_="all")
    pieces = cut(documents, rule, cleaned=config.clean, skipped=skipped)
    lengths: list[int] = []
    sources: set[str] = set()

    def counted() -> Iterator[Sample]:
        for sample in choose(pieces, config.limit, config.seed):
            lengths.append(len(encode(sample.text)))
            sources.add(sample.source)
            yield sample
        if not lengths:
            raise _no_samples(str(config.source), skipped)

    write_samples(out, counted())
    preparing_summary(out, lengths, len(sources), skipped)


def _no_samples(source: str, skipped: Mapping[str, int]) -> InputError:
    left_out = ", ".join(f"{number} {kind}" for kind, number in sorted(skipped.items()))
    return InputError(f"source={source} gives no samples{f' ({left_out})' if left_out else ''}. Give a text.")


def main() -> None:
    """Run the stage from the command line."""
    run_stage("prepare", prepare)


if __name__ == "__main__":
    main()
