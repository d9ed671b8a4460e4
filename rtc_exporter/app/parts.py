"""
The parts that a process is made of, as the configuration wants them.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from rtc_exporter.app.taking import Published
from rtc_exporter.config import Config
from rtc_exporter.history import Archive
from rtc_exporter.keys import ANONYMOUS
from rtc_exporter.pipeline import PipelineSettings
from rtc_exporter.privacy import pseudonym
from rtc_exporter.scores import Scoring
from rtc_exporter.series import SeriesStore
from rtc_exporter.sessions import Session
from rtc_exporter.support import keep
from rtc_exporter.tracing import TraceSettings


class Push(Protocol):
    """What the server asks of OTLP, see ``rtc_exporter.app.otlp``."""

    def start(self) -> None:
        """Begin."""

    def tick(self, now: float) -> None:
        """Once a second."""

    async def stop(self) -> None:
        """Send what is left."""

    def hurry(self) -> None:
        """Wait for nothing."""


def tenants_of(config: Config) -> tuple[str, ...]:
    """Whose clients may come, besides nobody's."""
    ingest = config.ingest
    anonymous = (ANONYMOUS,) if ingest.allow_anonymous and not config.keys.is_empty else ()
    return (*ingest.tenants, *anonymous)


def archive_of(config: Config) -> Archive | None:
    """Where calls are remembered, if they are."""
    return Archive(keep(config.history), Scoring(config.thresholds)) if config.history.enabled else None


def pipeline_settings(config: Config, shard: str = "") -> PipelineSettings:
    """What the pipeline is told of the configuration."""
    return PipelineSettings(
        profile=config.profile,
        fold_interval=config.metrics.fold_interval,
        budget=config.metrics.budget,
        participants_series=config.participants.series,
        participants_limit=config.participants.limit,
        pinned=pinned(config),
        retention=config.privacy.retention,
        expiry=config.participants.expiry,
        native=config.metrics.native_histograms or config.otlp.exponential,
        traces=trace_settings(config) if config.otlp.traces else None,
        thresholds=config.thresholds,
        limits=config.bounds,
        shard=shard,
    )


def trace_settings(config: Config) -> TraceSettings:
    """What is told of the spans that are made, where they have a receiver."""
    return TraceSettings(
        ratio=config.traces.ratio,
        epoch=config.traces.epoch,
        budget=config.traces.budget,
        replica=config.otlp.resource["service.instance.id"],
        pinned=frozenset(pinned(config) + pinned(config, config.traces.pinned)),
    )


def push(
    config: Config, published: Published, fault: Callable[[BaseException, float], None], clock: Callable[[], float]
) -> Push | None:
    """What pushes, if anything shall be pushed: by name, since importing it takes 0.4 s and 30 MB."""
    if not config.otlp.is_on:
        return None
    otlp = importlib.import_module("rtc_exporter.app.otlp")
    result: Push = otlp.Push(config.otlp, published, fault, clock)
    return result


def pinned(config: Config, ids: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Ids of sessions and participants that always have series, or others; the latter as they are exported."""
    key = config.people.hash_key
    ids = config.participants.pinned if ids is None else ids
    return (*ids, *(pseudonym(key, name) for name in ids)) if key else ids


def remember(archive: Archive, sessions: Mapping[str, Iterable[Session]], store: SeriesStore, now: float) -> None:
    """Once a second: look at who is here, by tenant, and say how much is remembered and what no longer is."""
    archive.tick(sessions, now)
    store.set("rtc.exporter.history.sessions", (), archive.ended, now)
    store.set("rtc.exporter.history.usage", (), archive.held, now)
    for reason, number in archive.dropped.items():
        store.counter("rtc.exporter.history.dropped", (reason,), now).value = float(number)
