"""Samples + counter -> records: resumable, bounded, retried, one record per sample whatever happens."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from token_approx.errors import InputError, UnfinishedError, UsageError
from token_approx.labelling.attempts import Attempts
from token_approx.labelling.counters.protocol import AS_LOGGED, ONE_USER_MESSAGE, Counter, Refused, Transient
from token_approx.labelling.journal import Journal
from token_approx.labelling.progress import LabellingSettings, Progress, Skipped
from token_approx.labelling.records import Record, parse_records, record_line, write_records
from token_approx.preparing.json_lines import parse_object, validate
from token_approx.preparing.samples import Sample
from token_approx.text.features import features

# One token in every vocabulary we know, so that the rest of its count is what frames a message.
MINIMAL_MESSAGE = "a"
SKIPPED_SUFFIX = ".skipped.jsonl"


def label(
    samples: Sequence[Sample],
    counter: Counter,
    out: Path,
    settings: LabellingSettings,
    progress: Progress,
    on_change: Callable[[Progress], None],
) -> None:
    """Count every sample that `out` has no record of, append its record, and put the file in order.

    `progress` is kept up to date, also where this raises; `on_change` is called with it at the start and
    after each batch. Samples that the counter
    refuses for good go to `<out>.skipped.jsonl` with the reason and are not asked again. May be stopped in
    any way at any moment and called again: a sample whose record was written is never counted again.

    Raises:
        InputError: the configuration is wrong, or `out` holds other records or is being written by another
            run.
        UnfinishedError: the provider keeps failing. What was counted until then is in the file.
    """
    if settings.framing == "subtract" and counter.counts_of == AS_LOGGED:
        raise UsageError(
            f"framing=subtract is not possible with counter={counter.name}, which counts whole requests."
            " Leave framing=keep."
        )
    with Journal(out) as journal, Journal(skipped_path(out)) as skips:
        records = {record.id: record for record in parse_records(journal.data, out)}
        for record in records.values():
            _check_same(record, counter, settings, out)
        labelling = _Labelling(counter, settings, journal, skips, on_change, progress, records)
        labelling.resume(samples)
        asyncio.run(labelling.run([sample for sample in samples if labelling.is_pending(sample)]))
        _put_in_order(out, samples, records)


def skipped_path(out: Path) -> Path:
    """Return the path of the file beside the records that holds the skipped samples' reasons."""
    return out.with_name(out.name.removesuffix(".jsonl") + SKIPPED_SUFFIX)


@dataclass
class _Labelling:
    counter: Counter
    settings: LabellingSettings
    journal: Journal
    skips: Journal
    on_change: Callable[[Progress], None]
    progress: Progress
    records: dict[str, Record]
    failed_in_a_row: int = 0
    framing_tokens: int = 0

    def __post_init__(self) -> None:
        self.attempts = Attempts(self.counter, self.settings, self.progress)

    def resume(self, samples: Sequence[Sample]) -> None:
        """Take over what earlier runs have finished."""
        wanted = {sample.id for sample in samples}
        self.progress.finished_before = len(wanted & self.records.keys())
        for number, line in enumerate(self.skips.data.splitlines(), start=1):
            entry = validate(Skipped, parse_object(line, self.skips.path, number), self.skips.path, number)
            same = (entry.model, entry.counter, entry.framing) == self._key()
            if same and entry.id in wanted and entry.id not in self.records:
                self.progress.skipped[entry.id] = entry.reason
        self.on_change(self.progress)

    def is_pending(self, sample: Sample) -> bool:
        """Tell whether the sample is yet to be counted."""
        return sample.id not in self.records and sample.id not in self.progress.skipped

    async def run(self, pending: Sequence[Sample]) -> None:
        """Count the pending samples, so many requests at a time."""
        if not pending:
            return
        if self._asks_a_provider:
            await self._try_out()
        left = iter(pending)
        workers = [asyncio.create_task(self._work(left)) for _ in range(self.settings.concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _try_out(self) -> None:
        # One request with nothing in it finds a wrong key, model or address before eight have to.
        try:
            (minimal,) = await self.attempts.count([MINIMAL_MESSAGE])
        except Refused as error:
            raise InputError(
                f"{self.counter.name} does not count even a message of one letter ({error}). Check model=,"
                " counter.base_url= and the account."
            ) from error
        except Transient as error:
            raise UnfinishedError(
                f"{self.counter.name} does not answer ({error}). Run the same command again later."
            ) from error
        if self.settings.framing == "subtract":
            before = {record.framing_tokens for record in self.records.values()}
            # All records of a file subtract the same, whatever is measured today.
            self.framing_tokens = next((n for n in before if n is not None), max(0, minimal - 1))
            self.progress.framing_tokens = self.framing_tokens

    async def _work(self, left: Iterator[Sample]) -> None:
        while batch := list(islice(left, self.counter.batch_size)):
            try:
                counts = await self.attempts.count([sample.text for sample in batch])
            except Refused as error:
                await self._confirm(error)
                for sample in batch:
                    self._leave_out(sample, error.reason, final=error.final)
                if self._asks_a_provider and not error.final:
                    self._check_giving_up(error.reason)
            except Transient as error:
                for sample in batch:
                    self._leave_out(sample, error.kind, final=False)
                self._check_giving_up(error.kind)
            else:
                self.failed_in_a_row = 0
                new = [self._record(sample, tokens) for sample, tokens in zip(batch, counts, strict=True)]
                self.journal.append("".join(map(record_line, new)))
                self.records.update((record.id, record) for record in new)
                self.progress.counted += len(new)
            self.on_change(self.progress)
            await asyncio.sleep(0)  # a counter that does not wait for input lets nobody else run

    @property
    def _asks_a_provider(self) -> bool:
        return self.counter.counts_of == ONE_USER_MESSAGE

    async def _confirm(self, refusal: Refused) -> None:
        # Where a message of one letter is refused too, it is not the text that is refused but the account.
        if not self._asks_a_provider:
            return
        try:
            await self.attempts.count([MINIMAL_MESSAGE])
        except (Refused, Transient) as error:
            raise UnfinishedError(
                f"{self.counter.name} no longer counts even a message of one letter ({error}), so it"
                f" was not the text that it refused ({refusal}). Check the account at the provider, then"
                f" run the same command again. {self.progress.missing} samples are missing."
            ) from error

    def _record(self, sample: Sample, tokens: int) -> Record:
        subtract = self.settings.framing == "subtract"
        return Record(
            id=sample.id,
            model=self.counter.model,
            input_tokens=max(0, tokens - self.framing_tokens),
            features=features(sample.text),
            source=sample.source,
            category=sample.category,
            counter=self.counter.name,
            counts_of=self.counter.counts_of,
            framing=self.settings.framing,
            framing_tokens=self.framing_tokens if subtract else None,
        )

    def _leave_out(self, sample: Sample, reason: str, *, final: bool) -> None:
        if not final:
            self.progress.failed[sample.id] = reason
            return
        model, counter, framing = self._key()
        entry = Skipped(
            id=sample.id,
            source=sample.source,
            category=sample.category,
            model=model,
            counter=counter,
            framing=framing,
            reason=reason,
        )
        self.skips.append(json.dumps(entry.model_dump(), ensure_ascii=False) + "\n")
        self.progress.skipped[sample.id] = reason

    def _check_giving_up(self, kind: str) -> None:
        self.failed_in_a_row += 1
        if self.failed_in_a_row >= self.settings.give_up_after:
            raise UnfinishedError(
                f"{self.counter.name} failed on {self.failed_in_a_row} samples in a row, the last time with"
                f" {kind}. {self.progress.missing} samples are missing. Run the same command again later."
            )

    def _key(self) -> tuple[str, str, str]:
        return self.counter.model, self.counter.name, self.settings.framing


def _check_same(record: Record, counter: Counter, settings: LabellingSettings, out: Path) -> None:
    wanted = {"model": counter.model, "counter": counter.name, "framing": settings.framing}
    for name, value in wanted.items():
        found = getattr(record, name)
        if found != value:
            raise InputError(
                f"{out} holds records of another {name} ({found or 'unknown'}, not {value})."
                " Give another out=."
            )


def _put_in_order(out: Path, samples: Sequence[Sample], records: dict[str, Record]) -> None:
    """Write the records in the samples' order, those of other samples first as they stand.

    Records that an older version made get the features that it could not compute.
    """
    names = features("").keys()
    wanted = {sample.id for sample in samples}
    ordered = [record for record in records.values() if record.id not in wanted]
    for sample in samples:
        if sample.id in records:
            record = records[sample.id]
            if record.features.keys() != names:
                record = record.model_copy(update={"features": features(sample.text)})
            ordered.append(record)
    if ordered != list(records.values()):
        write_records(out, ordered)
