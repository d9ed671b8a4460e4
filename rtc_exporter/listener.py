"""
Who wants to hear what verdicts find, as they find it: for looking at single participants, which series cannot serve.
"""

from collections.abc import Iterable
from typing import Protocol

from rtc_exporter.delta import Fold
from rtc_exporter.detectors import Change
from rtc_exporter.model import Event
from rtc_exporter.sessions import Participant, PeerConnection
from rtc_exporter.setup import Step


class Listener(Protocol):
    """Who is told what verdicts find, as it is found."""

    def changed(self, participant: Participant, connection: PeerConnection | None, changes: Iterable[Change]) -> None:
        """Episodes of a peer connection, or of the page, began, got worse or ended."""

    def folded(self, participant: Participant, connection: PeerConnection, fold: Fold) -> None:
        """A fold was judged, and its increments are still there."""

    def passed(self, participant: Participant, begin: float, end: float, quality: str) -> None:
        """Time of a participant, on its client's event clock, was of this class."""

    def told(self, participant: Participant, connection: PeerConnection | None, event: Event) -> None:
        """An event."""

    def stepped(self, participant: Participant, connection: PeerConnection, step: Step) -> None:
        """Setup has found something."""

    def left(self, participant: Participant, now: float, *, is_last: bool) -> None:
        """A participant is gone, and all of it is judged; ``is_last`` where its session ends with it."""
