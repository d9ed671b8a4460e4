"""
Tenants: a pipeline for each, so that what one sends touches no session, series, trace or label value of another.

What they share are bounds of the whole process.  The pipeline of nobody, ``""``, is always there: it holds what is
about the process, and all clients where there are no tenants.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import inf

from rtc_exporter.choices import series_of
from rtc_exporter.limits import Limits, Room
from rtc_exporter.listener import Listener
from rtc_exporter.metric import Tier
from rtc_exporter.pipeline import Pipeline, PipelineSettings, Status
from rtc_exporter.series import Family, SeriesStore
from rtc_exporter.span import Span


class Tenants:
    """Every pipeline, by the name of its tenant."""

    def __init__(
        self,
        settings: PipelineSettings,
        names: Iterable[str],
        now: float,
        listener: Callable[[str], Listener] | None = None,
    ) -> None:
        """``listener`` makes one for each tenant, who is told what verdicts find."""
        limits = settings.limits
        self._room, self._series_room = Room(limits.participants), Room(limits.series)
        shared = replace(settings, room=self._room, series_room=self._series_room)
        self._pipelines = {
            name: Pipeline(_of(shared, name), now, listener(name) if listener else None) for name in ("", *names)
        }
        self.own = self._pipelines[""]

    def __getitem__(self, tenant: str) -> Pipeline:
        return self._pipelines[tenant]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pipelines)

    def configure(self, limits: Limits) -> None:
        """Take over other limits; what is there stays."""
        self._room.limit, self._series_room.limit = limits.participants, limits.series
        for name, pipeline in self._pipelines.items():
            pipeline.limits = limits
            pipeline.store.limit(series_of(limits, name))

    def close(self, is_closed: bool) -> None:
        """Let nobody in who is not here, or whoever comes."""
        self._room.is_closed = is_closed

    def families(self, tier: Tier | None = None) -> list[Family]:
        """The families of a tier, or all; those of one metric stand together."""
        stores = [store.families(tier) for store in self.stores()]
        return [family for together in zip(*stores, strict=True) for family in together]

    def stores(self) -> list[SeriesStore]:
        """The series of each."""
        return [pipeline.store for pipeline in self._pipelines.values()]

    def watch(self) -> Callable[[], bool]:
        """Tells whether what is shown now may still be shown then: always, since nobody else has it."""
        return lambda: True

    def tick(self, now: float) -> None:
        """Once a second."""
        for pipeline in self._pipelines.values():
            pipeline.tick(now)

    def scraped(self, since: float = inf) -> None:
        """The participant tier was rendered wholly."""
        for pipeline in self._pipelines.values():
            pipeline.scraped(since)

    def shutdown(self, now: float) -> None:
        """The process ends: every participant leaves."""
        for pipeline in self._pipelines.values():
            pipeline.shutdown(now)

    def take_spans(self) -> list[Span]:
        """Finished spans since the last call, parents first."""
        return [span for pipeline in self._pipelines.values() for span in pipeline.take_spans()]

    def status(self) -> Status:
        """What is held now, of all together."""
        return Status(*map(sum, zip(*(pipeline.status() for pipeline in self._pipelines.values()), strict=True)))


def _of(settings: PipelineSettings, tenant: str) -> PipelineSettings:
    traces = replace(settings.traces, tenant=tenant) if settings.traces else None
    return replace(settings, tenant=tenant, traces=traces)
