"""
Series of live participants: who has them, and when they go.

All live participants have series of their own up to a limit; beyond it the worst do.  Who is in
stays in for a minute and until others are clearly worse, because a participant that comes and goes
costs Prometheus new series each time (measured: 28 times less churn with this hysteresis).
Pinned participants are always in.

When a participant ends, its series are rendered once more, so that its last values are seen, and are
gone at the scrape after.  Where nobody scrapes they go after two minutes.
"""

from heapq import nlargest
from math import inf
from typing import NamedTuple

from rtc_exporter import catalog, w3c
from rtc_exporter.metric import Tier
from rtc_exporter.model import LiveKey, ParticipantKey
from rtc_exporter.routes import COMBINE
from rtc_exporter.series import Gauge, SeriesStore
from rtc_exporter.sessions import Participant, Sessions

#: Seconds between two choices of who is exported.
CHOICE_INTERVAL = 5.0
#: Who is exported stays so for this long at least, and while it is not better than this share of the bar.
STAY = 60.0
STAY_SHARE = 0.8
#: A gauge whose value nothing renews goes: RTCP reports come every 5 s at most times.
VALUE_AGE = 30.0
#: The info series follows changes of path at most this often.
INFO_INTERVAL = 60.0
#: Participants who have ended and wait to be scraped once more, at least; of more, the first go unseen.
ENDED = 1000
#: Without scrapes, ended participants are forgotten after two of Prometheus' default intervals (one minute each).
UNSCRAPED_LINGER = 120.0

#: Gauges by which participants are compared until there is a verdict: value at which a call is bad
#: (``quality-and-features``: 5 % loss, 400 ms, 10 % concealed, 10 % frozen).
BAD = {
    "rtc.participant.packet_loss.ratio": 0.05,
    "rtc.participant.remote_packet_loss.ratio": 0.05,
    "rtc.participant.round_trip_time": 0.4,
    "rtc.participant.concealment.ratio": 0.1,
    "rtc.participant.freeze.ratio": 0.1,
}

_BAD = tuple(
    ((name, extra), bad) for name, bad in BAD.items() for extra in ((), *((kind,) for kind in w3c.MEDIA_KINDS))
)
_METRICS = {metric.name: metric for metric in catalog.METRICS if metric.tier is Tier.PARTICIPANT}
_INFO = "rtc.participant.info"
_START, _LAST = "rtc.participant.start.timestamp", "rtc.participant.last_report.timestamp"
#: Gauges that do not come and go with the values of peer connections.
_CONSTANT = frozenset((_START, _LAST))


class Ended(NamedTuple):
    """A participant that is gone, and whose series linger until the next scrape."""

    participant: Participant
    time: float


class Live:
    """The participant tier of the store."""

    def __init__(
        self, store: SeriesStore, mode: str, limit: int, pinned: tuple[str, ...], retention: float = UNSCRAPED_LINGER
    ) -> None:
        """``mode`` is worst, all, pinned or off; ``pinned`` holds participant or session ids."""
        self._store = store
        self._mode = mode
        self._limit = limit
        self._retention = retention
        self._pinned = frozenset(pinned)
        self._exported: dict[ParticipantKey, float] = {}
        self._ended: dict[ParticipantKey, Ended] = {}
        self._next = -inf

    def join(self, participant: Participant, now: float) -> None:
        """A new participant: it is in at once while there is room."""
        self._drop_namesake(participant.key)
        if self._is_pinned(participant) or (self._mode in ("worst", "all") and len(self._exported) < self._limit):
            self._enter(participant, now)

    def publish(self, participant: Participant, now: float) -> None:
        """New values of a participant's live gauges."""
        participant.worst = _badness(participant)
        if not participant.exported:
            return
        values = _combine(participant, now)
        participant.has_values = bool(values)
        values |= participant.verdict.active
        live = participant.live
        for key, value in values.items():
            gauge = live.get(key) or self._gauge(participant, *key, now=now)
            if gauge is not None:
                gauge.set(value)
        if len(live) > len(values) + len(_CONSTANT):
            for key in [key for key in live if key not in values and key[0] not in _CONSTANT]:
                self._remove(participant, key)
        last = live.get((_LAST, ()))
        if last is not None:
            last.set(participant.seen)
        if participant.info_of != (participant.cohort_key, participant.path):
            self._describe(participant, now)

    def leave(self, participant: Participant, now: float) -> None:
        """The participant has ended; its series linger for one more scrape."""
        if participant.exported:
            del self._exported[participant.key]
            self._ended[participant.key] = Ended(participant, now)
            if len(self._ended) > max(ENDED, self._limit):
                self._exit(self._ended.pop(next(iter(self._ended))).participant)

    def scraped(self, since: float) -> None:
        """The tier was rendered from ``since`` on: who had ended before that has been seen."""
        for ended in [ended for ended in self._ended.values() if ended.time <= since]:
            self._exit(self._ended.pop(ended.participant.key).participant)

    def tick(self, sessions: Sessions, now: float) -> None:
        """Choose anew who is exported, and forget who ended where nobody scrapes."""
        for ended in [ended for ended in self._ended.values() if now - ended.time > self._retention]:
            self._exit(self._ended.pop(ended.participant.key).participant)
        if now < self._next:
            return
        self._next = now + CHOICE_INTERVAL
        for key in self._exported:
            # The last values outlive the last report for a while, as they outlive the participant.
            participant = sessions.participants[key]
            if participant.has_values and now - participant.reported > VALUE_AGE:
                self.publish(participant, now)
        if self._mode == "worst" and len(sessions.participants) > self._limit:
            self._choose(sessions, now)
        elif self._mode in ("worst", "all"):
            self._fill(sessions, now)
        self._count(sessions, now)

    def _choose(self, sessions: Sessions, now: float) -> None:
        """More participants than places: the worst, with hysteresis."""
        worst = nlargest(self._limit, sessions.participants.values(), key=lambda participant: participant.worst)
        bar = worst[-1].worst * STAY_SHARE if worst else 0.0
        for key, since in list(self._exported.items()):
            participant = sessions.participants[key]
            if not self._is_pinned(participant) and now - since >= STAY and participant.worst < bar:
                del self._exported[key]
                self._exit(participant)
        for participant in worst:
            if len(self._exported) >= self._limit:
                break
            self._enter(participant, now)

    def _fill(self, sessions: Sessions, now: float) -> None:
        """Places have become free, or there are enough for all."""
        if len(self._exported) >= min(self._limit, len(sessions.participants)):
            return
        for participant in sessions.participants.values():
            if len(self._exported) >= self._limit:
                break
            self._enter(participant, now)

    def _enter(self, participant: Participant, now: float) -> None:
        if participant.exported:
            return
        participant.exported = True
        self._exported[participant.key] = now
        start = self._gauge(participant, _START, (), now=now)
        if start is not None:
            start.set(participant.joined)
        self._gauge(participant, _LAST, (), now=now)
        self.publish(participant, now)

    def _exit(self, participant: Participant) -> None:
        participant.exported = False
        for key in list(participant.live):
            self._remove(participant, key)
        if participant.info:
            self._store.remove(_INFO, participant.info)
            participant.info = ()

    def _gauge(self, participant: Participant, name: str, extra: tuple[str, ...], *, now: float) -> Gauge | None:
        family = self._store.family(name)
        if family is None:
            return None
        gauge = family.slot((*participant.key, *extra), now)
        assert isinstance(gauge, Gauge), "the participant tier holds gauges"
        participant.live[name, extra] = gauge
        return gauge

    def _remove(self, participant: Participant, key: LiveKey) -> None:
        del participant.live[key]
        self._store.remove(key[0], (*participant.key, *key[1]))

    def _describe(self, participant: Participant, now: float) -> None:
        """The info series: one at a time, and not a new one each time a path flaps."""
        family = self._store.family(_INFO)
        if family is None:
            return
        ids = {"session.id": participant.key.session, "rtc.participant.id": participant.key.participant}
        values = participant.values(family.metric.attributes, {**participant.path, **ids})
        is_fuller = all(not old or old == new for old, new in zip(participant.info, values, strict=False))
        if participant.info and not is_fuller and now - participant.info_since < INFO_INTERVAL:
            return
        participant.info_of = (participant.cohort_key, participant.path)
        if values == participant.info:
            return
        if participant.info:
            self._store.remove(_INFO, participant.info)
        participant.info, participant.info_since = values, now
        self._store.set(_INFO, values, 1.0, now)

    def _drop_namesake(self, key: ParticipantKey) -> None:
        """Somebody of this name has just left and is back: its lingering series would be the same ones."""
        ended = self._ended.pop(key, None)
        if ended is not None:
            self._exit(ended.participant)

    def _is_pinned(self, participant: Participant) -> bool:
        if self._mode == "off" or not self._pinned:
            return False
        return participant.key.participant in self._pinned or participant.key.session in self._pinned

    def _count(self, sessions: Sessions, now: float) -> None:
        pinned = sum(1 for key in self._exported if self._is_pinned(sessions.participants[key]))
        rest = "worst" if len(sessions.participants) > self._limit else "all"
        for reason, number in (("pinned", pinned), ("worst", 0), ("all", 0)):
            self._store.set("rtc.participants.exported", (reason,), number, now)
        self._store.set("rtc.participants.exported", (rest,), len(self._exported) - pinned, now)


def _badness(participant: Participant) -> float:
    """How bad the worst of a participant's values is; 1 is where a call becomes bad."""
    worst = 0.0
    for connection in participant.peer_connections.values():
        live = connection.live
        for key, bad in _BAD:
            value = live.get(key)
            if value is not None and value[0] > worst * bad:
                worst = value[0] / bad
    return worst


def _combine(participant: Participant, now: float) -> dict[LiveKey, float]:
    """The live values of all peer connections of a participant as one; what is old is left out."""
    several = [
        connection
        for connection in participant.peer_connections.values()
        if connection.is_open and connection.report is not None and now - connection.seen <= VALUE_AGE
    ]
    together: dict[LiveKey, float] = {}
    for connection in several:
        assert connection.report is not None, "as chosen above"
        oldest = connection.report.time - VALUE_AGE
        values = {key: value for key, (value, time) in connection.live.items() if time >= oldest}
        if len(several) == 1:
            return values
        for key, value in values.items():
            before = together.get(key)
            together[key] = value if before is None else COMBINE[_METRICS[key[0]].fold](before, value)
    return together
