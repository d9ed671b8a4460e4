"""
What the operator may choose about the pipeline, and what the pipeline says of itself.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rtc_exporter import catalog
from rtc_exporter.attributes import SHARD, TENANT
from rtc_exporter.limits import Limits, Room
from rtc_exporter.metric import Profile, Tier
from rtc_exporter.series import SeriesStore
from rtc_exporter.thresholds import Thresholds
from rtc_exporter.tracing import TraceSettings


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What the operator may choose; seconds."""

    profile: Profile = Profile.STANDARD
    fold_interval: float = 5.0
    budget: int = 2000
    participants_series: str = "worst"
    participants_limit: int = 500
    pinned: tuple[str, ...] = ()
    expiry: float = 60.0
    retention: float = 120.0
    #: Whether histograms count in exponential buckets as well.
    native: bool = False
    #: None where nobody takes spans: then none are made.
    traces: TraceSettings | None = None
    #: Where classes end and scores are made; None for the defaults.
    thresholds: Thresholds | None = None
    limits: Limits = field(default_factory=Limits)
    #: Whose clients these are, and what all tenants share: None where there is nobody to share with.
    tenant: str = ""
    #: Which of several processes of one host this is; "" where there is one.
    shard: str = ""
    room: Room | None = None
    series_room: Room | None = None


class Keep(NamedTuple):
    """How much is kept: sessions that ended, for how many seconds, and bytes of everything."""

    sessions: int = 500
    age: float = 86_400.0
    memory: int = 64 << 20


class Status(NamedTuple):
    """What is held now."""

    sessions: int
    participants: int
    peer_connections: int
    series: int


def series_of(limits: Limits, tenant: str) -> int:
    """How many label sets of the cohort tier a tenant may have; nobody's are those of the process."""
    return limits.tenant_series if tenant else limits.series


#: Of the metrics of this exporter, those that a tenant's clients cause; all others are of the process, and there once.
OF_TENANTS = frozenset((
    "rtc.exporter.reports", "rtc.exporter.reports.dropped", "rtc.exporter.connections",
    "rtc.exporter.connections.opened", "rtc.exporter.clients.remembered", "rtc.exporter.events.unknown",
    "rtc.exporter.stats_object.resets", "rtc.exporter.report.gaps", "rtc.exporter.participants.evicted",
    "rtc.exporter.series", "rtc.exporter.series.limited", "rtc.exporter.series.expired",
    "rtc.exporter.label_values.limited", "rtc.exporter.client.clock_offset", "rtc.exporter.report.delay",
    "rtc.exporter.spans", "rtc.exporter.spans.buffered",
))  # fmt: skip
#: What a tenant's series are of: of the process it has none, not even at 0.
METRICS_OF_TENANTS = tuple(
    metric if metric.tier is not Tier.SELF or metric.name in OF_TENANTS else replace(metric, zeros=())
    for metric in catalog.METRICS
)


def store_of(settings: PipelineSettings, now: float) -> SeriesStore:
    """The series of one tenant, or of everybody where there are none."""
    limits, tenant = settings.limits, settings.tenant
    return SeriesStore(
        METRICS_OF_TENANTS if tenant else catalog.METRICS,
        profile=settings.profile,
        budget=settings.budget,
        total=series_of(limits, tenant),
        room=settings.series_room,
        constants=tuple(pair for pair in ((TENANT, tenant), (SHARD, settings.shard)) if pair[1]),
        native=settings.native,
        now=now,
    )
