"""
What is remembered of calls so that somebody can look one up: those that run, and those that ended lately.

An ``Archive`` has a ``History`` for each tenant, which listens to verdicts as ``explain``'s recorder does.  It lives in
memory alone and has three bounds: sessions that ended, their age, and bytes of everything.  Where bytes run out, the
oldest sessions that ended go first; then what is remembered of live participants becomes coarser, and in the end the
newest of them are not remembered.  What is dropped is counted by reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias
from zlib import crc32

from rtc_exporter.choices import Keep
from rtc_exporter.explain.findings import Finding, explain, measured
from rtc_exporter.hearing import Heard, heard
from rtc_exporter.recorder import Recorder, Stay
from rtc_exporter.samples import SAMPLES
from rtc_exporter.scores import Scoring
from rtc_exporter.sessions import Participant, Session

#: Seconds between two looks at how much is held, and at who hears whom in a session: each second it is the turn of
#: some of them, since all of 10,000 participants took 75 to 95 ms at once (measured).
LOOK = 5
#: Samples of a series that are left to everybody, however little room there is.
FEWEST = 32
#: Stays of one session that are kept after they ended: who reloads a page all day does not push others out.
STAYS = 1000
#: Pairs of a session of which is kept who heard whom.
PAIRS = 2500
#: Bytes of a finding without its stay, of a session, and of a pair.
FINDING, CALL, PAIR = 4000, 1000, 400
#: Share of the bound that who hears whom may take, of all sessions that go on.
HEARD = 0.25
#: Room is made down to this share of the bound, so that it is not made again at once.
ENOUGH = 0.9
#: Where nothing can be made coarser, somebody new is remembered below this share.
AGAIN = 0.8


#: Who heard whom: (receiver, sender) -> what was wrong, and for how many seconds.
Pairs: TypeAlias = dict[tuple[str, str], Heard]


class Past(NamedTuple):
    """One participant who has left; ``finding`` has no samples, ``stay`` has."""

    participant: str
    end: float
    finding: Finding
    stay: Stay
    trace: str
    size: int

    @property
    def whole(self) -> Finding:
        """The finding with its samples."""
        return self.finding._replace(series=measured(self.stay))


class Call:
    """One session, of which somebody has left or all have."""

    __slots__ = ("begin", "end", "is_open", "name", "pairs", "size", "stays", "tenant")

    def __init__(self, tenant: str, name: str, begin: float) -> None:
        self.tenant = tenant
        self.name = name
        self.begin = begin
        self.end = begin
        self.is_open = True
        self.stays: list[Past] = []
        self.pairs: Pairs = {}
        self.size = CALL


class History(Recorder):
    """What is remembered of one tenant's participants while they are here."""

    def __init__(self, archive: "Archive", tenant: str) -> None:
        super().__init__()
        self._archive = archive
        self.tenant = tenant

    def stay(self, participant: Participant) -> Stay:
        """What is remembered of a participant; from now on there is something."""
        found = self._stays.get(participant)
        if found is None:
            found = self._stays[participant] = Stay(self._archive.samples)
        return found

    def of(self, participant: Participant) -> Stay | None:
        """Where to write; None where there is no room for one more."""
        found = self._stays.get(participant)
        return found if found is not None or self._archive.is_full else self.stay(participant)

    def known(self, participant: Participant) -> Stay | None:
        """What is remembered of a participant, if anything."""
        return self._stays.get(participant)

    def forget(self, participant: Participant) -> Stay | None:
        """Take what is remembered of a participant away."""
        return self._stays.pop(participant, None)

    def left(self, participant: Participant, now: float, *, is_last: bool) -> None:
        """A participant has left: what is remembered of it is of the past, and no longer of the present."""
        stay = self.of(participant)
        if stay is None:
            if is_last:
                self._archive.close(self.tenant, participant.key.session)
            return
        self.forget(participant)
        self._archive.live = max(0, self._archive.live - stay.size)
        self._archive.add(self.tenant, participant, stay, now)
        if is_last:
            self._archive.close(self.tenant, participant.key.session)

    @property
    def stays(self) -> Mapping[Participant, Stay]:
        """Everybody who is here and remembered, the first to come first."""
        return self._stays


class Archive:
    """All of it."""

    def __init__(self, keep: Keep, scoring: Scoring | None = None) -> None:
        self.keep = keep
        self.scoring = scoring or Scoring()
        #: By reason, see ``catalog.HISTORY_DROPS``.
        self.dropped: Counter[str] = Counter()
        #: Samples that a series may have now, and whether there is no room for anybody else.
        self.samples = SAMPLES
        self.is_full = False
        #: Bytes of what has ended, and of what is live as far as was looked.
        self.past = self.live = 0
        self._histories: dict[str, History] = {}
        #: Sessions by order of their newest end; and the newest of a name, as long as it goes on.
        self._calls: dict[int, Call] = {}
        self._open: dict[tuple[str, str], int] = {}
        #: Who heard whom so far, of sessions that go on.
        self._heard: dict[tuple[str, str], Pairs] = {}
        self._number = 0
        self._second = 0

    def listener(self, tenant: str = "") -> History:
        """The history of a tenant."""
        return self._histories.setdefault(tenant, History(self, tenant))

    # ── what ended

    def add(self, tenant: str, participant: Participant, stay: Stay, now: float) -> None:
        """A participant has left."""
        key = (tenant, participant.key.session)
        call = self._call(key, participant.joined)
        finding = explain(participant, stay, max(participant.joined, now), self.scoring)._replace(series={})
        size = stay.size + FINDING
        if len(call.stays) >= STAYS:
            oldest = call.stays.pop(0)
            call.size -= oldest.size
            self.past -= oldest.size
        call.stays.append(Past(participant.key.participant, now, finding, stay, trace_of(participant), size))
        call.begin, call.end = min(call.begin, participant.joined), now
        call.size += size
        self.past += size
        if len(self._calls) > self.keep.sessions:
            self._drop_of_most("too_many", lambda call: 1)
        self._shrink(self.keep.memory)

    def close(self, tenant: str, name: str) -> None:
        """A session has ended."""
        key = (tenant, name)
        pairs = self._heard.pop(key, {})
        call = self._calls.get(self._open.pop(key, 0))
        if call is not None:
            call.is_open, call.pairs = False, pairs
            call.size += PAIR * len(pairs)
            self.past += PAIR * len(pairs)

    def _call(self, key: tuple[str, str], begin: float) -> Call:
        """The session that goes on, as the newest."""
        number = self._open.get(key)
        if number is None:
            self._number += 1
            number = self._open[key] = self._number
            call = Call(*key, begin)
            self.past += call.size
        else:
            call = self._calls.pop(number)
        self._calls[number] = call
        return call

    def _shrink(self, most: float) -> None:
        """Forget sessions that ended until no more than this is held of everything."""
        while self._calls and self.held > most:
            self._drop_of_most("memory", lambda call: call.size)

    def _drop_of_most(self, reason: str, weigh: Callable[[Call], int]) -> None:
        """Forget a session of the tenant who has most: what one sends pushes out nothing of the others."""
        taken: Counter[str] = Counter()
        for call in self._calls.values():
            taken[call.tenant] += weigh(call)
        ((tenant, _),) = taken.most_common(1)
        self._drop(reason, next(number for number, call in self._calls.items() if call.tenant == tenant))

    def _drop(self, reason: str, number: int) -> None:
        """A session is forgotten; those whose end is longest ago come first."""
        call = self._calls.pop(number)
        if self._open.get((call.tenant, call.name)) == number:
            del self._open[call.tenant, call.name]
        self.past -= call.size
        self.dropped[reason] += 1

    @property
    def calls(self) -> Iterator[Call]:
        """Sessions that ended, or that somebody has left, the newest first."""
        return reversed(self._calls.values())

    # ── time

    def tick(self, sessions: Mapping[str, Iterable[Session]], now: float) -> None:
        """Once a second: forget what is too old; look who hears whom in some sessions; and see how much is held."""
        while self._calls and next(iter(self._calls.values())).end < now - self.keep.age:
            self._drop("too_old", next(iter(self._calls)))
        turns = self._turns(now)
        if not turns:
            return
        here = {(tenant, session.name): session for tenant, several in sessions.items() for session in several}
        for key in self._heard.keys() - here.keys():
            del self._heard[key]
        room = int(self.keep.memory * HEARD / PAIR) - sum(map(len, self._heard.values()))
        for key, session in here.items():
            if len(session.participants) > 1 and crc32(session.name.encode(errors="replace")) % LOOK in turns:
                room -= self._listen(key, session, room)
        if 0 in turns:
            self.look()

    def _turns(self, now: float) -> set[int]:
        """Whose turn it is: who is late makes up for it, once around at most; so does a clock that is set back."""
        passed, self._second = int(now) - self._second, int(now)
        return {(self._second - late) % LOOK for late in range(passed if 0 <= passed < LOOK else LOOK)}

    def _listen(self, key: tuple[str, str], session: Session, room: int) -> int:
        """Who hears whom in a session, and how badly; returns how many pairs are new, of those for which is room."""
        known = len(self._heard.get(key, ()))
        pairs = self._heard.setdefault(key, {})
        for names, issues in heard(session).items():
            pair = pairs.get(names)
            if pair is None:
                if len(pairs) >= PAIRS or len(pairs) - known >= room:
                    continue
                pair = pairs[names] = Heard()
            pair.add(issues, LOOK)
        return len(pairs) - known

    def pairs(self, tenant: str, name: str) -> Pairs:
        """Who heard whom so far in a session that goes on."""
        return self._heard.get((tenant, name), {})

    def look(self) -> None:
        """Measure what is held, and make room where it is too much."""
        most = self.keep.memory
        self.live = self._measure()
        self._shrink(most)
        while self.past + self.live > most and self.samples > FEWEST:
            self.samples //= 2
            for history in self._histories.values():
                for stay in history.stays.values():
                    stay.fit(self.samples)
            self.live = self._measure()
        if self.past + self.live > most:
            self._forget(most * ENOUGH - self.past)
        # What ended makes room for who is here.  Less than room is made down to, or the same would come in at once.
        self.is_full = self.live > most * AGAIN and self.samples <= FEWEST
        if self.samples < SAMPLES and self.live < most / 4:
            self.samples *= 2  # for those who come from now on

    def relieve(self) -> None:
        """Memory of the process is short: forget half of what is held, what has ended first."""
        most = self.held // 2
        self._shrink(most)
        if self.held > most:
            self._forget(most - self.past)

    def _measure(self) -> int:
        stays = sum(stay.size for history in self._histories.values() for stay in history.stays.values())
        return stays + PAIR * sum(map(len, self._heard.values()))

    def _forget(self, most: float) -> None:
        """Forget who came last, until so little is left."""
        here = [
            (participant, stay, history)
            for history in self._histories.values()
            for participant, stay in history.stays.items()
        ]
        for participant, stay, history in sorted(here, key=lambda row: row[0].joined, reverse=True):
            if self.live <= most:
                return
            self.live -= stay.size
            history.forget(participant)
            self.dropped["memory"] += 1

    @property
    def held(self) -> int:
        """Bytes."""
        return self.past + self.live

    @property
    def ended(self) -> int:
        """Sessions that ended, or that somebody has left."""
        return len(self._calls)


def trace_of(participant: Participant) -> str:
    """The id of its trace, if spans are made."""
    return "" if participant.story is None else participant.story.trace.trace_id.hex()
