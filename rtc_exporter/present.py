"""
Clocks of clients, held to ours: whatever a client says the time is, it cannot make time pass.

Most formats write dates, and a date is taken as it is, however wrong the clock: what it is off by is known from what it
said first.  What is past may come late and all at once, since clients keep what they cannot send.  But nothing is later
than now: a clock that is set forth, or a date that is made up, keeps to ours from then on.  Files are over, and their
times are what they are.
"""

from collections.abc import Iterable

from rtc_exporter.model import Record, Report

#: Seconds that a time may be later than now, on a clock that is right: what differs more is no time, but a clock that
#: was set.  ``wire.rtcstats`` has the same for the differences that its clients write.
SLACK = 5.0


class Present:
    """The clock of one client's events.  That of its stats is another, which says in which order reports are."""

    __slots__ = ("_ahead", "_is_past")

    def __init__(self, is_past: bool = False) -> None:
        """``is_past``: what it tells is over."""
        #: By how many seconds it is ahead of ours, as the first record says.
        self._ahead: float | None = None
        self._is_past = is_past

    def hold(self, records: Iterable[Record], now: float) -> Iterable[Record]:
        """The records, none of which is later than now."""
        return records if self._is_past else [self._held(record, now) for record in records]

    def _held(self, record: Record, now: float) -> Record:
        time = record.sent if isinstance(record, Report) else record.time
        if self._ahead is None:
            self._ahead = max(0.0, time - now)
        latest = now + self._ahead + SLACK
        if time <= latest:
            return record
        return record._replace(sent=latest) if isinstance(record, Report) else record._replace(time=latest)
