"""
Runs the clock of a simulated history: records go into the exporter's pipeline, scrapes come out.

What a scrape says is the exporter's own exposition, kept as text by series: nothing between a recorded call and a
sample was made up here, but for ``up``, which is Prometheus' own.
"""

import heapq
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from rtc_exporter.export import prometheus
from rtc_exporter.model import Record, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from tools.queries import JOB
from tools.store import conference
from tools.store.cast import parts, perform
from tools.store.scenarios import HOUR, START, Scenario, calls

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


def records(scenario: Scenario) -> Iterator[tuple[float, int, Record]]:
    """Everything that clients tell in a history, in the order of time."""
    if scenario.name != "participant":
        return _recorded(scenario)
    begin, over = START + scenario.begin * HOUR, START + scenario.end * HOUR
    return heapq.merge(_recorded(scenario), conference.records(begin - HOUR / 2, over + HOUR / 2, begin, over))


def _recorded(scenario: Scenario) -> Iterator[tuple[float, int, Record]]:
    queue: list[tuple[float, int, Record]] = []
    number = 0
    for call in calls(scenario):
        for part in parts(call.case):
            mine = [event for event in call.events if event.key.participant == part.participant]
            for time, record in perform(part, call.session, call.start, call.attributes, mine, call.frozen):
                number += 1
                heapq.heappush(queue, (time, number, record))
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
    pipeline: Pipeline | None = None
    now = START
    for step in range(length):
        due = START + step * STEP
        is_down = scenario.name == "exporter" and scenario.is_faulty(due)
        if is_down:
            pipeline = None
        elif pipeline is None:
            pipeline = Pipeline(PipelineSettings(), due)
        while upcoming is not None and upcoming[0] <= due:
            now, _, record = upcoming
            upcoming = next(stream, None)
            if pipeline is not None:
                pipeline.feed(record, now)
                if isinstance(record, Report):
                    pipeline.count("rtc.exporter.reports", ("rtcstats", "accepted"), now=now)
        _note(history, step, "up", f"up{{{TARGET}}}", "0" if is_down else "1")
        if pipeline is not None:
            _scrape(history, step, pipeline, due, families)
    return history


def _scrape(history: History, step: int, pipeline: Pipeline, now: float, families: Collection[str] | None) -> None:
    for second in range(int(STEP) - 5, -1, -5):
        pipeline.tick(now - second)
    store = pipeline.store
    store.set("rtc.exporter.connections", ("rtcstats",), float(len(pipeline.sessions.participants)), now)
    for family in store.families():
        name = family.metric.prometheus
        slots = family.slots() if families is None or name in families else []
        if not slots:
            continue
        history.headers.setdefault(name, prometheus.header(family.metric, True))
        for text in prometheus.samples(family, slots, True):
            for line in text.splitlines():
                series, _, value = line.rpartition(" ")
                _note(history, step, name, _targeted(series), value)
    pipeline.scraped()


_KNOWN: dict[str, str] = {}


def _targeted(series: str) -> str:
    """The series with the labels that Prometheus adds of the target."""
    found = _KNOWN.get(series)
    if found is None:
        head = _HEAD.match(series)
        assert head is not None, series
        labels = f"{TARGET},{head[2]}" if head[2] else TARGET
        found = _KNOWN[series] = f"{head[1]}{{{labels}}}"
    return found


def _note(history: History, step: int, family: str, series: str, value: str) -> None:
    of = history.series.setdefault(family, {})
    values = of.get(series)
    if values is None:
        values = of[series] = [None] * history.length
    values[step] = value
