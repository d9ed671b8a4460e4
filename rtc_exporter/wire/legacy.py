"""
rtcstats 1.x to 5.x, and what was made of it before Jitsi's 7.0 (subprotocol ``2.0``): one JSON array per frame.

    [method, peer connection or null, value, milliseconds since 1970]

Nobody is told when a stats object is gone, and the client never reconnects (see ``rows``).
"""

from rtc_exporter.errors import ClientError, FrameError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Joined, ParticipantKey, Record
from rtc_exporter.wire.decoder import DEFAULTS, Stream, items, mapping, milliseconds, name, parse
from rtc_exporter.wire.decoder import Decoder as AnyDecoder
from rtc_exporter.wire.rows import Page

#: What a page does before it says who it is: with ``identity``, or in the constraints of its first peer connection.  A
#: failure does not wait: there may be no peer connection to come.
BEGINNINGS = frozenset({
    "create", "constraints", "identity", "getUserMedia", "navigator.mediaDevices.getUserMedia",
    "getUserMediaOnSuccess", "navigator.mediaDevices.getUserMediaOnSuccess",
})  # fmt: skip
#: Rows that wait for it at most.
WAITING = 32


class Decoder(Stream):
    """Decodes one client's frames; where nobody vouched for its participant, the page names it."""

    def __init__(self, key: ParticipantKey, *, page: int = 1, claimed: bool = True, limits: Limits = DEFAULTS) -> None:
        super().__init__(key, page=page, claimed=claimed, limits=limits)
        self._page = Page(page, all_named=False, limits=limits)
        #: What came before it was known whose it is; None once it is.
        self._waiting: list[list[object]] | None = None if claimed else []

    def adopt(self, previous: AnyDecoder) -> None:
        """The client has no way to come back: what connects again is another page."""

    def receive(self, frame: str | bytes, now: float) -> list[Record]:
        """What one frame tells."""
        row = parse(frame, self._limits)
        if not isinstance(row, list) or len(row) < 4:
            raise FrameError(Reason.BAD_FRAME, "not [method, peer connection, value, time]")
        if self._waiting is None:
            return (
                [Joined(self.key, milliseconds(row[3]), {})] if row[0] == "identity" else self._page.take(row, self.key)
            )
        milliseconds(row[3])
        names = _named(row)
        if not any(names) and isinstance(row[0], str) and row[0] in BEGINNINGS and len(self._waiting) < WAITING:
            self._waiting.append(row)
            return []
        return self._begin(row, *(name(given, self._limits.id_length) for given in names))

    def _begin(self, row: list[object], session: str | None, participant: str | None) -> list[Record]:
        """Now it is known, or will not be."""
        self.key = ParticipantKey(session or self.key.session, participant or self.key.participant)
        waiting, self._waiting = self._waiting or [], None
        records: list[Record] = [Joined(self.key, milliseconds(row[3]), {})]
        for one in waiting:
            try:
                records += self._page.take(one, self.key)
            except ClientError as exc:
                self.refused.append(exc.with_traceback(None))
        return records if row[0] == "identity" else records + self._page.take(row, self.key)


def _named(row: list[object]) -> tuple[object, object]:
    """The session and the participant that a row names."""
    if row[0] == "identity":
        told = mapping(row[2])
        # Jitsi's clients before 7.0 have the latter.
        return told.get("conference") or told.get("confName"), told.get("user") or told.get("endpointId")
    if row[0] == "constraints":
        pairs = {
            member: value for one in items(mapping(row[2]).get("optional")) for member, value in mapping(one).items()
        }
        return pairs.get("rtcStatsConferenceId"), pairs.get("rtcStatsClientId")
    return None, None
