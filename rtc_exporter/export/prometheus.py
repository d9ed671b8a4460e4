"""
The store as Prometheus reads it: text 0.0.4, or OpenMetrics 1.0.0 with exemplars; and who gets which format.

Our own writer, because a scrape of 100,000 series must not stall the calls that are coming in: labels
are rendered once for each series, the rest is one short string a line, and whoever sends the chunks may
let others run between two of them.  prometheus_client writes what is about the process.

All formats have the same sample names and label values, so it does not matter which one a server asks for.
The ``protobuf`` module writes the third.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric as Theirs
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from rtc_exporter.attributes import SHARD
from rtc_exporter.metric import UNIT_WORDS, Kind, Metric, label
from rtc_exporter.series import OVERFLOW, Counter, Exemplar, ExemplarLabels, Family, Histogram, Slot

#: Lines of a chunk: 1.5 to 3 ms of work (measured), in which nobody else runs.
CHUNK_LINES = 2000

#: Characters of an exemplar's labels, names included (OpenMetrics 1.0.0, "Exemplars"); over it Prometheus drops them.
EXEMPLAR_LENGTH = 128


class Exposition(NamedTuple):
    """A format that we can answer in; ``end`` goes after the last part."""

    name: str
    content_type: str
    openmetrics: bool
    end: bytes


TEXT = Exposition("text", CONTENT_TYPE_PLAIN_0_0_4, False, b"")
OPENMETRICS = Exposition("openmetrics", CONTENT_TYPE_LATEST, True, b"# EOF\n")
#: The message whose name the format goes by.
MESSAGE = "io.prometheus.client.MetricFamily"
PROTOBUF = Exposition("protobuf", f"application/vnd.google.protobuf; proto={MESSAGE}; encoding=delimited", False, b"")


def choose(accept: str | None) -> Exposition:
    """
    The format that an ``Accept`` header prefers; text when it prefers neither or cannot be read.

    The others must be asked for by name, and win a draw: protobuf says more than OpenMetrics, and that more than text.
    """
    text, wanted = {"*/*": 0.0, "text/*": 0.0, "text/plain": 0.0}, {PROTOBUF: 0.0, OPENMETRICS: 0.0}
    named: set[str] = set()
    for part in (accept or "").split(","):
        media, *parameters = (word.strip().lower() for word in part.split(";"))
        values = {name.strip(): value.strip(' "') for name, _, value in (word.partition("=") for word in parameters)}
        quality = _quality(values.get("q", "1"))
        if media in text:
            text[media] = max(text[media], quality)
            named.add(media)
        elif media == "application/openmetrics-text" and values.get("version", "1.0.0").startswith("1."):
            wanted[OPENMETRICS] = max(wanted[OPENMETRICS], quality)
        elif media == "application/vnd.google.protobuf" and _is_delimited(values):
            wanted[PROTOBUF] = max(wanted[PROTOBUF], quality)
    # RFC 9110 12.5.1: the most specific range that is named decides.
    against = next((text[media] for media in ("text/plain", "text/*", "*/*") if media in named), 0.0)
    best = max(wanted, key=lambda exposition: wanted[exposition])  # of equals the first
    return best if wanted[best] > 0.0 and wanted[best] >= against else TEXT


def _is_delimited(parameters: Mapping[str, str]) -> bool:
    """Whether the protobuf that is asked for is ours; there are others by this media type, such as text forms of it."""
    return parameters.get("proto") == MESSAGE.lower() and parameters.get("encoding") == "delimited"


def _quality(text: str) -> float:
    """A weight of RFC 9110 12.4.2; 0, "not acceptable", for what is none."""
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0


def render(families: Iterable[Family], exposition: Exposition, lines: int = CHUNK_LINES) -> Iterator[bytes]:
    """
    The families in chunks of about so many lines; those of one metric, of several tenants, stand together.

    Between two chunks series may come and go: each family is looked at when its turn comes, and a
    series that goes after that is rendered once more.  ``exposition.end`` is left to the caller.
    """
    parts: list[str] = []
    size = 0
    headed: Metric | None = None
    for family in families:
        slots = family.slots()
        if not slots:
            continue
        if family.metric is not headed:
            parts.append(header(family.metric, exposition.openmetrics))
            headed = family.metric
        each = len(family.metric.buckets) + 3 if family.metric.kind is Kind.HISTOGRAM else 1
        begin = 0
        while begin < len(slots):
            end = begin + max(1, (lines - size) // each)
            parts += samples(family, slots[begin:end], exposition.openmetrics)
            size += each * (min(end, len(slots)) - begin)
            begin = end
            if size >= lines:
                yield "".join(parts).encode("utf-8", "replace")
                parts.clear()
                size = 0
    if parts:
        yield "".join(parts).encode("utf-8", "replace")


def header(metric: Metric, openmetrics: bool) -> str:
    """The lines about a family: HELP, TYPE and, in OpenMetrics, UNIT where the name ends in it."""
    name, kind = metric.prometheus, metric.kind.value
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    if not openmetrics:
        kind = "gauge" if metric.kind is Kind.INFO else kind
        return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
    name = name.removesuffix("_total") if metric.kind is Kind.COUNTER else name
    name = name.removesuffix("_info") if metric.kind is Kind.INFO else name
    text = text.replace('"', r"\"")
    unit = unit_of(metric)
    last = f"# UNIT {name} {unit}\n" if unit else ""
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n{last}"


def unit_of(metric: Metric) -> str:
    """The unit that the name ends in, "_total" aside; "" where it ends in none."""
    unit = UNIT_WORDS.get(metric.unit) or ("ratio" if metric.unit == "1" else "")
    return unit if unit and metric.prometheus.removesuffix("_total").endswith(f"_{unit}") else ""


def samples(family: Family, slots: Iterable[Slot], openmetrics: bool, time: str = "") -> list[str]:
    """The lines of some slots of a family, one string for each slot; ``time`` is " " and a timestamp, or nothing."""
    name = family.metric.prometheus
    match family.metric.kind:
        case Kind.HISTOGRAM:
            return _histograms(family, slots, openmetrics, time)
        case Kind.COUNTER if openmetrics:
            return [
                f"{name}{slot.prefix or _prefix(family, slot)}{slot.value!r}{time}{_exemplar(slot.exemplar)}\n"
                for slot in slots
                if isinstance(slot, Counter)
            ]
        case _:
            return [
                f"{name}{slot.prefix or _prefix(family, slot)}{slot.value!r}{time}\n"
                for slot in slots
                if not isinstance(slot, Histogram)
            ]


def labels_of(family: Family, slot: Slot) -> list[tuple[str, str]]:
    """The labels of a slot; what is absent is left out."""
    constants = [(label(name), value) for name, value in family.constants]
    if slot is family.overflow:
        return [(label(OVERFLOW[0]), OVERFLOW[1]), *constants]
    return [
        *((name, value) for name, value in zip(family.metric.labels, slot.values, strict=True) if value),
        *constants,
    ]


def _histograms(family: Family, slots: Iterable[Slot], openmetrics: bool, time: str) -> list[str]:
    name, bounds = family.metric.prometheus, _bounds(family.metric.buckets)
    result = []
    for slot in slots:
        assert isinstance(slot, Histogram), "a family holds slots of its own kind"
        prefix = slot.prefix or _prefix(family, slot)
        head = f"{name}_bucket{prefix}"
        totals = accumulate(slot.counts)
        if openmetrics and slot.exemplars is not None:
            exemplars = map(_exemplar, slot.exemplars)
            text = "".join([f"{head}{le}{n}{time}{e}\n" for le, n, e in zip(bounds, totals, exemplars, strict=True)])
        else:
            text = "".join([f"{head}{le}{n}{time}\n" for le, n in zip(bounds, totals, strict=True)])
        labels = f"{prefix[:-1]}}} " if len(prefix) > 1 else " "
        result.append(f"{text}{name}_sum{labels}{slot.sum!r}{time}\n{name}_count{labels}{slot.count}{time}\n")
    return result


@lru_cache(maxsize=256)
def _bounds(buckets: tuple[float, ...]) -> tuple[str, ...]:
    """The ends of bucket lines, spelled as Go and prometheus_client do, so that series ids are the same."""
    spell: Callable[[float], str] = floatToGoString
    return tuple(f'le="{spell(bound)}"}} ' for bound in (*buckets, math.inf))


def _prefix(family: Family, slot: Slot) -> str:
    """
    Render the labels of a slot, and keep them.

    What stands between name and value, ``{a="b"} ``; for a histogram what goes before ``le``, ``{a="b",``.
    """
    text = ",".join([f'{name}="{_escape(value)}"' for name, value in labels_of(family, slot)])
    if isinstance(slot, Histogram):
        slot.prefix = f"{{{text}," if text else "{"
    else:
        slot.prefix = f"{{{text}}} " if text else " "
    return slot.prefix


#: The three escapes of both formats; controls (Prometheus takes no NUL) and halves of surrogate pairs become U+FFFD.
_ESCAPES: dict[int, str] = {
    **dict.fromkeys((*range(0x20), 0x7F, *range(0xD800, 0xE000)), "\ufffd"),
    ord("\\"): r"\\",
    ord('"'): r"\"",
    ord("\n"): r"\n",
}
_ESCAPED = re.compile(r'[\x00-\x1f\x7f\\"\ud800-\udfff]')


def _escape(value: str) -> str:
    return value.translate(_ESCAPES) if _ESCAPED.search(value) else value


def _exemplar(exemplar: Exemplar | None) -> str:
    """What follows the value of a sample that has an exemplar; nothing when it would be too long."""
    text = "" if exemplar is None else _exemplar_labels(exemplar.labels)
    return f" # {text} {exemplar.value!r} {exemplar.time:.3f}" if exemplar is not None and text else ""


@lru_cache(maxsize=4096)
def _exemplar_labels(labels: ExemplarLabels) -> str:
    """The labels of an exemplar; many of one participant have the same.  Nothing when they are too long."""
    text = ",".join(f'{label(name)}="{_escape(value)}"' for name, value in labels)
    return f"{{{text}}}" if fits(labels) else ""


def fits(labels: ExemplarLabels) -> bool:
    """Whether Prometheus takes an exemplar with these labels."""
    return sum(len(name) + len(value) for name, value in labels) <= EXEMPLAR_LENGTH


class History:
    """
    OpenMetrics text of the past, for ``promtool tsdb create-blocks-from openmetrics``.

    The format wants all samples of a series together, in order of time, and its family around them.
    """

    def __init__(self) -> None:
        self._metrics: dict[str, tuple[Metric, dict[str, list[str]]]] = {}

    def add(self, families: Iterable[Family], time: float) -> None:
        """Note what every series says at this time, later than the time before."""
        for family in families:
            slots = family.slots()
            if slots:
                series = self._metrics.setdefault(family.metric.name, (family.metric, {}))[1]
                for slot, text in zip(slots, samples(family, slots, True, f" {time:.3f}"), strict=True):
                    series.setdefault(slot.prefix, []).append(text)

    def render(self) -> Iterator[bytes]:
        """The whole text, one chunk for each family."""
        for metric, series in self._metrics.values():
            text = "".join("".join(parts) for parts in series.values())
            yield (header(metric, True) + text).encode("utf-8", "replace")
        yield OPENMETRICS.end


@lru_cache(maxsize=1)
def process() -> CollectorRegistry:
    """prometheus_client's collectors of what is about the process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class Process(Collector):
    """What prometheus_client says about this process; where there are several, of which shard it is."""

    def __init__(self, shard: str) -> None:
        self._labels = {label(SHARD): shard} if shard else {}

    def collect(self) -> Iterator[Theirs]:
        """Every family."""
        for family in process().collect():
            told = Theirs(family.name, family.documentation, family.type, family.unit)
            told.samples = [one._replace(labels={**one.labels, **self._labels}) for one in family.samples]
            yield told


def process_metrics(openmetrics: bool, shard: str = "") -> bytes:
    """What prometheus_client says about this process, its Python and its garbage collector; one part among others."""
    write: Callable[[Collector], bytes] = openmetrics_latest if openmetrics else generate_latest
    return write(Process(shard)).removesuffix(OPENMETRICS.end)
