"""
What the intake needs of whoever takes what clients send: pipelines that count it here, or an edge that passes it on.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from rtc_exporter.choices import Status
from rtc_exporter.limits import Limits
from rtc_exporter.metric import Tier
from rtc_exporter.model import ParticipantKey, PeerConnectionKey, Record
from rtc_exporter.pipeline import Pipeline
from rtc_exporter.series import Family, SeriesStore
from rtc_exporter.sessions import Participant
from rtc_exporter.span import Span


class People(Protocol):
    """Who is here."""

    @property
    def participants(self) -> Mapping[ParticipantKey, object]:
        """By key."""

    def get(self, key: ParticipantKey) -> Participant | None:
        """What is held of one; None where that is held elsewhere."""

    def is_folded(self, key: PeerConnectionKey) -> bool:
        """Whether all that a peer connection has reported is counted."""


class Taker(Protocol):
    """Takes what the clients of one tenant send."""

    @property
    def store(self) -> SeriesStore:
        """Where the exporter counts itself."""

    @property
    def sessions(self) -> People:
        """Who is here."""

    def feed(self, record: Record, now: float) -> bool:
        """Take one record; False when a report was dropped as a repetition."""

    def attach(self, key: ParticipantKey, now: float) -> int:
        """A socket of the participant opens; the number of its page load."""

    def detach(self, key: ParticipantKey, now: float) -> int:
        """One has closed; how many are left."""

    def depart(self, key: ParticipantKey, reason: str, now: float, even_connected: bool = True) -> bool:
        """The participant leaves, unless a socket or (not ``even_connected``) a peer connection is open."""

    def count(self, name: str, values: tuple[str, ...] = (), amount: float = 1.0, *, now: float) -> None:
        """Count something about the exporter itself."""


class Takers(Protocol):
    """One for each tenant."""

    @property
    def own(self) -> Taker:
        """The one for nobody's clients, where what is about the process is counted."""

    def __getitem__(self, tenant: str) -> Taker: ...

    def __iter__(self) -> Iterator[str]: ...

    def configure(self, limits: Limits) -> None:
        """Take over other limits."""

    def shutdown(self, now: float) -> None:
        """The process ends."""

    def status(self) -> Status:
        """What is held now."""


class Published(Protocol):
    """What is shown: the series of this process, or those of partitions too."""

    @property
    def own(self) -> Pipeline:
        """Where what is about the process is counted."""

    def families(self, tier: Tier | None = None) -> list[Family]:
        """The families of a tier, or all; those of one metric stand together."""

    def watch(self) -> Callable[[], bool]:
        """Tells whether all that is shown now may still be shown then."""

    def scraped(self, since: float) -> None:
        """The participant tier was rendered wholly."""

    def take_spans(self) -> list[Span]:
        """Finished spans since the last call, parents first."""
