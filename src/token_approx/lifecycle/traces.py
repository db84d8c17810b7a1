"""Traces of an experiment in MLflow -> records of whole requests."""

from collections import Counter as Tally
from collections.abc import Iterator
from datetime import UTC, datetime

from mlflow.entities import SpanStatusCode, Trace
from mlflow.tracing.constant import TraceMetadataKey
from mlflow.tracking import MlflowClient

from token_approx.errors import InputError, UsageError
from token_approx.labelling.exchanges import table_of_family
from token_approx.labelling.observations import Observation
from token_approx.labelling.spans import Span, SpanCall, span_calls, span_observations, span_records
from token_approx.labelling.usage import OnProgress, UsageRecords, nothing_found, request_usage
from token_approx.lifecycle.feedback import models_noted

PAGE = 100
REMEDY = "Give experiments= whose calls were logged by mlflow.<provider>.autolog() without streaming."


class MlflowTraces:
    """Reads the traces of some experiments, page by page, from the tracking store in use."""

    out = "requests.parquet"

    def __init__(self, experiments: str, since: str = "", model: str = "") -> None:
        """Take experiments by id or name, with commas between them.

        `since` is the day or moment (ISO 8601, UTC unless it says otherwise) from which traces are read;
        with `model` the requests of other models are left out.

        Raises:
            UsageError: no experiment is given, or `since` is no moment.
        """
        self.experiments = [name.strip() for name in str(experiments).split(",") if name.strip()]
        if not self.experiments:
            raise UsageError("mlflow_traces needs experiments=<ids or names, with commas between them>.")
        try:
            moment = datetime.fromisoformat(since) if since else None
        except ValueError as error:
            raise UsageError(
                f"since={since} is not a day or a moment. Write, for example, since=2026-01-31."
            ) from error
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        self.since = "" if moment is None else f"trace.timestamp_ms >= {int(moment.timestamp() * 1000)}"
        self.model = model

    def read(self, left_out: Tally[str], on_progress: OnProgress) -> UsageRecords:
        """Return one row per distinct request, as Parquet; `left_out` counts other spans by the reason.

        Raises:
            InputError: there is no such experiment, or no request can be used.
        """
        frame = span_records(self._spans(on_progress), table_of_family, left_out, self.model)
        if frame.empty:
            raise InputError(nothing_found("request", left_out, REMEDY))
        return request_usage(frame)

    def observe(self, left_out: Tally[str], on_progress: OnProgress) -> list[Observation]:
        """Return the distinct requests with their texts, in memory; of any model.

        Raises:
            InputError: there is no such experiment, or no request can be used.
        """
        found = span_observations(self._spans(on_progress), left_out, self.model)
        if not found:
            raise InputError(nothing_found("request", left_out, REMEDY))
        return found

    def calls(self, left_out: Tally[str], on_progress: OnProgress) -> Iterator[SpanCall]:
        """Yield each call whose trace holds the whole request; `left_out` counts other spans by the reason.

        Raises:
            InputError: there is no such experiment.
        """
        return span_calls(self._spans(on_progress), left_out, self.model)

    def _spans(self, on_progress: OnProgress) -> Iterator[list[Span]]:
        return map(_spans, self._traces(on_progress))

    def _traces(self, on_progress: OnProgress) -> Iterator[Trace]:
        client, token, seen = MlflowClient(), None, 0
        ids = [_experiment_id(client, name) for name in self.experiments]
        while True:
            page = client.search_traces(
                locations=ids,
                filter_string=self.since or None,
                max_results=PAGE,
                page_token=token,
                flush=True,
            )
            seen += len(page)
            yield from page
            on_progress(seen, len(page))
            token = page.token
            if not token:
                return


def _experiment_id(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None and name.isdecimal():
        known = {each.experiment_id for each in client.search_experiments()}
        if name in known:
            return name
    if found is None:
        raise InputError(
            f"there is no experiment {name!r} at MLflow. Give the id or the name of one that is there."
        )
    return str(found.experiment_id)


def _spans(trace: Trace) -> list[Span]:
    group = trace.info.trace_metadata.get(TraceMetadataKey.TRACE_SESSION) or trace.info.trace_id
    noted = models_noted(trace.info)
    return [
        Span(
            id=f"{trace.info.trace_id} {span.span_id}",
            parent=None if span.parent_id is None else f"{trace.info.trace_id} {span.parent_id}",
            type=str(span.span_type),
            group=group,
            inputs=span.inputs,
            attributes=span.attributes,
            failed=span.status.status_code == SpanStatusCode.ERROR,
            moment=trace.info.timestamp_ms,
            noted=noted.get(span.span_id, frozenset()),
        )
        for span in trace.data.spans
    ]
