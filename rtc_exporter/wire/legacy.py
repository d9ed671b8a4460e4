"""
rtcstats 1.x to 5.x, and what was made of it before Jitsi's 7.0 (subprotocol ``2.0``): one JSON array per frame.

    [method, peer connection or null, value, milliseconds since 1970]

Nobody is told when a stats object is gone, and the client never reconnects (see ``rows``).
"""

from rtc_exporter.errors import ClientError, FrameError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Joined, ParticipantKey, Record
from rtc_exporter.wire.decoder import DEFAULTS, mapping, milliseconds, name, parse
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.rows import Page


class Decoder:
    """Decodes one client's frames; ``identity``, which the page sends first if at all, names its participant."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        self.key = key
        self.refused: list[ClientError] = []
        self.replies: list[str] = []
        self._claimed = claimed
        self._limits = limits
        self._page = Page(page, all_named=False, limits=limits)

    def adopt(self, previous: AnyDecoder) -> None:
        """The client has no way to come back: what connects again is another page."""

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What one frame tells."""
        row = parse(frame, self._limits)
        if not isinstance(row, list) or len(row) < 4:
            raise FrameError(Reason.BAD_FRAME, "not [method, peer connection, value, time]")
        if row[0] == "identity":
            return self._identify(row)
        return self._page.take(row, self.key)

    def _identify(self, row: list[object]) -> list[Record]:
        time, told, length = milliseconds(row[3]), mapping(row[2]), self._limits.id_length
        if not self._claimed:
            session, participant = name(told.get("conference"), length), name(told.get("user"), length)
            self.key = ParticipantKey(session or self.key.session, participant or self.key.participant)
            # Who has said it once stays that.
            self._claimed = True
        return [Joined(self.key, time, {})]
