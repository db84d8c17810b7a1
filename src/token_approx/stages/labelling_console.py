"""What a person sees of prepare and label: a progress bar while it counts, a summary at the end."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from token_approx.labelling import progress as labelling
from token_approx.labelling.attempts import duration
from token_approx.labelling.label import skipped_path
from token_approx.stages.console import place


@contextmanager
def labelling_progress() -> Iterator[Callable[[labelling.Progress], None]]:
    """Show a bar with rate, failures and time left on standard error; call the yielded function with news."""
    columns = (
        TextColumn("samples"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f}/s"),
        TextColumn("{task.fields[failures]} failures"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    started = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, rate=0.0, failures=0)

        def show(news: labelling.Progress) -> None:
            settled = news.samples - news.missing + len(news.failed)
            rate = news.counted / max(time.monotonic() - started, 1e-9)
            bar.update(task, total=news.samples, completed=settled, rate=rate, failures=news.errors.total())

        yield show


def labelling_summary(progress: labelling.Progress, out: Path, seconds: float) -> None:
    """Print what was counted, what failed and why, and where the records are."""
    rate = progress.counted / seconds if seconds else 0.0
    lines = {
        "records": (
            f"{progress.finished_before + progress.counted} of {progress.samples} samples in {place(out)}"
            f" ({progress.finished_before} from before)"
        ),
        "counted": f"{progress.counted} in {seconds:.1f} s ({rate:.1f}/s), {progress.requests} requests",
    }
    if progress.framing_tokens is not None:
        lines["framing"] = f"{progress.framing_tokens} tokens are subtracted from every count"
    if progress.left_out:
        lines["log"] = f"{progress.left_out.total()} rows are left out ({_kinds(progress.left_out)})"
    if progress.asked_to_wait:
        lines["waited"] = f"the provider asked to wait up to {duration(progress.asked_to_wait)}"
    if progress.errors:
        lines["errors"] = _kinds(progress.errors)
    if progress.skipped:
        reasons = _kinds(Counter(progress.skipped.values()))
        lines["skipped"] = f"{len(progress.skipped)} ({reasons}), see {place(skipped_path(out))}"
    if progress.missing:
        reasons = _kinds(Counter(progress.failed.values()))
        lines["missing"] = f"{progress.missing}" + (f" ({reasons})" if reasons else "")
    _print(lines)


def preparing_summary(out: Path, lengths: list[int], sources: int, skipped: Mapping[str, int]) -> None:
    """Print how many samples of which lengths were written, and what was left out."""
    lengths = sorted(lengths)
    middle = lengths[len(lengths) // 2]
    lines = {
        "samples": f"{len(lengths)} from {sources} sources in {place(out)}",
        "lengths": f"{lengths[0]} to {lengths[-1]} bytes, median {middle}",
    }
    if skipped:
        lines["skipped"] = _kinds(skipped)
    _print(lines)


def _kinds(numbers: Mapping[str, int]) -> str:
    ranked = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} {kind}" for kind, number in ranked)


def _print(lines: Mapping[str, str]) -> None:
    console = Console(highlight=False, markup=False)
    for name, line in lines.items():
        console.print(f"{name:<9} {line}", soft_wrap=True)
