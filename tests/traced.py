"""The spans of recorded calls: what the pipeline makes of their frames, on their own clock."""

import heapq
from collections.abc import Iterable, Iterator
from functools import lru_cache

from rtc_exporter.model import Joined, Left, ParticipantKey, Record, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.span import Span
from rtc_exporter.spans import SpanType, common
from rtc_exporter.tracing import TraceSettings
from rtc_exporter.wire.rtcstats import Decoder
from tests import captures


def carried(row: SpanType) -> tuple[str, ...]:
    """Every attribute that a span of this kind may carry."""
    return (*common(row), *row.attributes)


def participants(case: str) -> list[str]:
    """Recordings of a case: ``degraded-cr.p1.frames``, ..."""
    return [name for name in captures.names() if name.startswith(f"{case}.")]


def records(name: str, session: str) -> Iterator[tuple[float, int, int, Record]]:
    """What one recording tells, in order: arrival, a number, and the record."""
    case, participant, frames = name.split(".")
    key = ParticipantKey(session, participant)
    page = int(frames.removeprefix("frames") or 1)
    decoder = Decoder(key, page=page)
    number, time = 0, 0.0
    for frame in captures.frames(name):
        time = frame.time
        if not number:
            yield time, page, number, Joined(key, time, {"user_agent.name": "Chrome", "rtc.app.name": case})
        for record in decoder.receive(frame.text, time):
            number += 1
            yield time, page, number, record
    yield time + 0.01, page, number + 1, Left(key, time + 0.01, "page_hide" if case.startswith("reload") else "closed")


def play(case: str, settings: TraceSettings, names: Iterable[str] | None = None) -> list[Span]:
    """All spans of a case, or of some of its participants, as they left."""
    chosen = participants(case) if names is None else list(names)
    pipeline: Pipeline | None = None
    ticked = now = 0.0
    left: list[Span] = []
    for now, _, _, record in heapq.merge(*(records(name, case) for name in chosen)):
        if pipeline is None:
            pipeline = Pipeline(PipelineSettings(traces=settings), now)
        while now - ticked >= 1.0:
            ticked = now if now - ticked > 60 else ticked + 1.0
            pipeline.tick(ticked)
        pipeline.feed(record, now)
        left += pipeline.take_spans()
        if isinstance(record, Report):
            assert record.stats is not None
    assert pipeline is not None, f"no recording of {case}"
    pipeline.shutdown(now)
    return left + pipeline.take_spans()


@lru_cache(maxsize=64)
def spans(case: str) -> tuple[Span, ...]:
    """All spans of a case, everything kept."""
    return tuple(play(case, TraceSettings()))
