"""
Which metrics there are for which browser: not what documents promise, but what recorded calls of real browsers hold.

The recorded calls that come with the package are read as a running exporter reads them.  A series exists from the
moment at which a browser reports what it is made of, so where there is none, the browser does not report it.
"""

import functools
import importlib.resources
from collections.abc import Iterable, Mapping
from io import BytesIO

from rtc_exporter import useragent, wire
from rtc_exporter.metric import Kind, Metric, Profile, Source, Tier
from rtc_exporter.model import Joined, ParticipantKey, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.slots import Histogram

FOLDER = importlib.resources.files("rtc_exporter") / "recordings"

#: Browser -> its recordings: calls that work, with and without loss, direct and over a relay.
RECORDINGS: Mapping[str, tuple[str, ...]] = {
    "Chrome": ("healthy-cr.p1", "healthy-cr.p2", "degraded-cr.p1", "degraded-cr.p2", "relay-cr.p1"),
    "Firefox": ("healthy-ff.p1", "healthy-ff.p2", "degraded-ff.p1", "degraded-ff.p2"),
}

#: What is made of statistics, and so depends on the browser.
Held = tuple[str, frozenset[tuple[str, Source]]]


@functools.cache
def browsers() -> tuple[Held, ...]:
    """Each browser with its version, and the metrics and sources that it feeds."""
    return tuple(_browser(name, recordings) for name, recordings in RECORDINGS.items())


def _browser(name: str, recordings: Iterable[str]) -> Held:
    version = ""
    held: set[tuple[str, Source]] = set()
    for recording in recordings:
        content = (FOLDER / f"{recording}.frames.jsonl.gz").read_bytes()
        reader = wire.detect_file(content[: 1 << 16])
        pipeline = Pipeline(PipelineSettings(profile=Profile.FULL), 0.0)
        now = 0.0
        for record in reader(BytesIO(content), ParticipantKey("session", "participant"), 0.0):
            now = max(now, record.sent if isinstance(record, Report) else record.time)
            if isinstance(record, Joined):
                agent = record.attributes.get("user_agent.original", "")
                version = useragent.parse(agent).get("user_agent.version", version)
            pipeline.feed(record, now)
        for family in pipeline.store.families(Tier.COHORT):
            for source in family.metric.sources:
                if _is_fed(family.metric, source, family.series.items()):
                    held.add((family.metric.name, source))
    return f"{name} {version.partition('.')[0]}", frozenset(held)


def _is_fed(metric: Metric, source: Source, series: Iterable[tuple[tuple[str, ...], object]]) -> bool:
    """Whether a series of this source exists, and has counted anything if it is a histogram."""
    fixed = dict(source.attributes)
    for values, slot in series:
        labels = dict(zip(metric.attributes, values, strict=True))
        if all(labels.get(name) == value for name, value in fixed.items()):
            return metric.kind is Kind.COUNTER or not isinstance(slot, Histogram) or slot.count > 0
    return False
