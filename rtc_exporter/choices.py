"""
What the operator may choose about the pipeline, and what the pipeline says of itself.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from rtc_exporter.limits import Limits
from rtc_exporter.metric import Profile
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
    #: Whether histograms count in exponential buckets as well.
    native: bool = False
    #: None where nobody takes spans: then none are made.
    traces: TraceSettings | None = None
    #: Where classes end and scores are made; None for the defaults.
    thresholds: Thresholds | None = None
    limits: Limits = field(default_factory=Limits)


class Status(NamedTuple):
    """What is held now."""

    sessions: int
    participants: int
    peer_connections: int
    series: int
