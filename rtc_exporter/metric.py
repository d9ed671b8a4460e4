"""
What a metric is: the type of a row of ``catalog.METRICS``, and the rule that makes its Prometheus name.

Names are declared in OpenTelemetry form.  The Prometheus name is what the OTLP to Prometheus
translation makes of name, kind and unit, so that dashboards work on either path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum


class Kind(Enum):
    """The four kinds of metric; the value is the Prometheus type."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Tier(Enum):
    """Who a series is about: cohorts of participants, one participant, or this exporter."""

    COHORT = "cohort"
    PARTICIPANT = "participant"
    SELF = "self"


class Profile(IntEnum):
    """How much is published; each profile contains the ones before it."""

    CORE = 1
    STANDARD = 2
    FULL = 3


#: How several streams of a participant become one gauge: the worst, the lowest, the sum, or the newest.
FOLDS = ("max", "min", "sum", "last")

#: UCUM unit -> what it adds to a Prometheus name (OpenTelemetry: "Prometheus and OpenMetrics Compatibility").
UNIT_WORDS = {"s": "seconds", "By": "bytes", "By/s": "bytes_per_second", "{frame}/s": "per_second"}


@dataclass(frozen=True, slots=True)
class Source:
    """
    Where a measurement comes from.

    ``stats`` is a stats type.  Either ``member`` names a W3C member, whose increase is counted,
    or ``signal`` names a row of ``signals.SIGNALS``.  ``attributes`` are fixed for this source.
    ``times`` names the member whose increase says how often a histogram observes the value.
    """

    stats: str
    member: str = ""
    signal: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    times: str = ""

    def __str__(self) -> str:
        text = f"{self.stats}.{self.member}" if self.member else f"{self.stats}:{self.signal}"
        fixed = ", ".join(f"{name}={value}" for name, value in self.attributes)
        return f"{text} ({fixed})" if fixed else text


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family: what it is called, what it means, and where its measurements come from."""

    name: str
    kind: Kind
    unit: str
    attributes: tuple[str, ...]
    sources: tuple[Source, ...]
    help: str
    buckets: tuple[float, ...] = ()
    profile: Profile = Profile.STANDARD
    tier: Tier = Tier.COHORT
    fold: str = "last"
    #: Seconds over which a gauge is smoothed (exponentially weighted); 0 for as it is.
    smooth: float = 0.0
    #: Label sets that exist at 0 from the start, for counters of rare events with closed labels.
    zeros: tuple[tuple[str, ...], ...] = ()
    prometheus: str = field(init=False, default="")
    #: The label names, in the order of ``attributes``.
    labels: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "prometheus", prometheus_name(self.name, self.kind, self.unit))
        object.__setattr__(self, "labels", tuple(label(name) for name in self.attributes))


def label(attribute: str) -> str:
    """The Prometheus label of an OpenTelemetry attribute: ``session.id`` -> ``session_id``."""
    return re.sub(r"[^a-zA-Z0-9]", "_", attribute)


def prometheus_name(name: str, kind: Kind, unit: str) -> str:
    """The Prometheus family name, with unit and, for counters, ``_total``."""
    text = label(name)
    word = UNIT_WORDS.get(unit, "")
    if kind is Kind.GAUGE and unit == "1":
        word = "ratio"
    if word and word not in text.split("_"):
        text += f"_{word}"
    return text + "_total" if kind is Kind.COUNTER else text


def source(text: str, attributes: Mapping[str, str] | None = None) -> Source:
    """Read ``type.member``, ``type:signal`` or ``type:signal*member`` (observed as often as the member grew)."""
    fixed = tuple((attributes or {}).items())
    stats, dot, member = text.partition(".")
    if dot and ":" not in stats:
        return Source(stats, member=member, attributes=fixed)
    stats, _, signal = text.partition(":")
    signal, _, times = signal.partition("*")
    return Source(stats, signal=signal, attributes=fixed, times=times)
