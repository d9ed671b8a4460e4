"""
Runs the clock of a simulated history: records go into the exporter's pipeline, scrapes come out.

What a scrape says is the exporter's own exposition, kept as text by series: nothing between a recorded call and a
sample was made up here, but for ``up``, which is Prometheus' own.
"""

import heapq
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple, TypeAlias

from rtc_exporter.export import prometheus
from rtc_exporter.model import Record, Report
from rtc_exporter.pipeline import PipelineSettings
from rtc_exporter.tenants import Tenants
from tools.queries import JOB
from tools.store import conference
from tools.store.cast import parts, perform
from tools.store.scenarios import HOUR, START, TENANTS, Scenario, calls

STEP = 60.0
INSTANCE = "exporter-1:9464"
TARGET = f'job="{JOB}",instance="{INSTANCE}"'
_HEAD = re.compile(r"^(\w+)(?:\{(.*)\})?$")


class History(NamedTuple):
    """Series as Prometheus would have them -> values by step, None where there was none; and the families' headers."""

    start: float
    step: float
    length: int
    headers: dict[str, str]
    series: dict[str, dict[str, list[str | None]]]

    def of(self, families: Collection[str]) -> "History":
        """What it has of some families, and whether exporters were up."""
        wanted = {"up", *families}
        return self._replace(series={name: series for name, series in self.series.items() if name in wanted})


#: A time, a number that tells equal times apart, a tenant, and what a client of it tells.
Told: TypeAlias = tuple[float, int, str, Record]


def records(scenario: Scenario) -> Iterator[Told]:
    """
    Everything that clients tell in a history, in the order of time.

    The call of five is there twice, under the same names: in the other tenant nobody has trouble.
    """
    if scenario.name != "participant":
        return _recorded(scenario)
    begin, over = START + scenario.begin * HOUR, START + scenario.end * HOUR
    start, end = begin - HOUR / 2, over + HOUR / 2
    bad = conference.records("acme", start, end, begin, over)
    return heapq.merge(_recorded(scenario), bad, conference.records("globex", begin, over, end, end))


def _recorded(scenario: Scenario) -> Iterator[Told]:
    queue: list[Told] = []
    number = 0
    for call in calls(scenario):
        for part in parts(call.case):
            mine = [event for event in call.events if event.key.participant == part.participant]
            for time, record in perform(part, call.session, call.start, call.attributes, mine, call.frozen):
                number += 1
                heapq.heappush(queue, (time, number, call.tenant, record))
        while queue and queue[0][0] < call.start:
            yield heapq.heappop(queue)
    while queue:
        yield heapq.heappop(queue)


def play(scenario: Scenario, families: Collection[str] | None = None) -> History:
    """The history of a scenario; of some families only, by their Prometheus names, where nobody needs the others."""
    length = int(scenario.hours * HOUR / STEP)
    history = History(START, STEP, length, {}, {})
    stream = records(scenario)
    upcoming = next(stream, None)
    tenants: Tenants | None = None
    for step in range(length):
        due = START + step * STEP
        is_down = scenario.name == "exporter" and scenario.is_faulty(due)
        if is_down:
            tenants = None
        elif tenants is None:
            tenants = Tenants(PipelineSettings(), TENANTS.values(), due)
        while upcoming is not None and upcoming[0] <= due:
            now, _, tenant, record = upcoming
            upcoming = next(stream, None)
            if tenants is not None:
                pipeline = tenants[tenant]
                pipeline.feed(record, now)
                if isinstance(record, Report):
                    pipeline.count("rtc.exporter.reports", ("rtcstats", "accepted"), now=now)
        _note(history, step, history.series.setdefault("up", {}), "up", "0" if is_down else "1")
        if tenants is not None:
            _scrape(history, step, tenants, due, families)
    told = {
        family: {_targeted(head): values for head, values in series.items()}
        for family, series in history.series.items()
    }
    return history._replace(series=told)


def _scrape(history: History, step: int, tenants: Tenants, now: float, families: Collection[str] | None) -> None:
    for second in range(int(STEP) - 5, -1, -5):
        tenants.tick(now - second)
    for tenant in TENANTS.values():
        pipeline = tenants[tenant]
        open = float(len(pipeline.sessions.participants))
        pipeline.store.set("rtc.exporter.connections", ("rtcstats",), open, now)
    for family in tenants.families():
        name = family.metric.prometheus
        slots = family.slots() if families is None or name in families else []
        if not slots:
            continue
        history.headers.setdefault(name, prometheus.header(family.metric, True))
        series = history.series.setdefault(name, {})
        for text in prometheus.samples(family, slots, True):
            for line in text.splitlines():
                head, _, value = line.rpartition(" ")
                _note(history, step, series, head, value)
    tenants.scraped()


def _note(history: History, step: int, series: dict[str, list[str | None]], head: str, value: str) -> None:
    values = series.get(head)
    if values is None:
        values = series[head] = [None] * history.length
    values[step] = value


def _targeted(series: str) -> str:
    """The series with the labels that Prometheus adds of the target."""
    head = _HEAD.match(series)
    assert head is not None, series
    return f"{head[1]}{{{TARGET},{head[2]}}}" if head[2] else f"{head[1]}{{{TARGET}}}"
