"""
Finds sessions and participants, those that are here and those that were: what pages and API show.

Pure: whoever asks says when.  Live sessions are read from the pipelines' own state, so a list costs a look at each
participant, and only what is looked at closely is explained.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rtc_exporter.explain.findings import Finding, explain
from rtc_exporter.history import Archive, Call, Pairs, trace_of
from rtc_exporter.recorder import PATH, Stay
from rtc_exporter.rules.rule import INFO
from rtc_exporter.sessions import Session, Sessions
from rtc_exporter.spans import CLASSES, RANK
from rtc_exporter.verdict import GRAVITY
from rtc_exporter.verdicts import class_of

STATES = ("live", "ended", "all")
#: Seconds before and after a session in which others are compared with it: only this one, or everybody?
AROUND = 1800.0
#: By what others are compared with it apart, and the attributes that make it: who has not all of them has it not.
TRAITS: Mapping[str, tuple[str, ...]] = {
    "country": ("geo.country.iso_code",),
    "release": ("rtc.app.name", "rtc.app.version"),
    "network operator": ("rtc.client.as",),
}
#: Values of one trait by which a session of people from everywhere is compared.
ALIKE = 3


class Row(NamedTuple):
    """One session in a list.  ``issues``: name -> how many participants have, or had, it."""

    tenant: str
    session: str
    is_live: bool
    begin: float
    end: float
    people: tuple[str, ...]
    quality: str
    score: float | None
    issues: Mapping[str, int]
    paths: tuple[str, ...]

    @property
    def age(self) -> float:
        """Seconds from its beginning to its end, or to now."""
        return self.end - self.begin


class Who(NamedTuple):
    """One stay of a participant, explained."""

    name: str
    is_here: bool
    trace: str
    finding: Finding


class Alike(NamedTuple):
    """Other sessions that have a trait of this one: class -> how many; see ``TRAITS``."""

    trait: str
    value: str
    sessions: Mapping[str, int]


class View(NamedTuple):
    """
    One session, looked at closely: who is and was in it, who hears whom, and when else there was one so called.

    ``around``: class -> how many other sessions of the tenant there were in the hour around it; ``alike``: those of
    them that are like this one.
    """

    tenant: str
    session: str
    is_live: bool
    begin: float
    end: float
    people: tuple[Who, ...]
    pairs: Pairs
    others: tuple[float, ...]
    around: Mapping[str, int]
    alike: tuple[Alike, ...] = ()


def _worst(row: Row) -> tuple[float, ...]:
    return (-RANK[row.quality], 9.0 if row.score is None else row.score, -row.end)


#: How lists are sorted: what comes first has the least.
SORTS: dict[str, Callable[[Row], tuple[float, ...]]] = {
    "worst": _worst,
    "size": lambda row: (-len(row.people), -row.end),
    "age": lambda row: (-row.age,),
    "newest": lambda row: (-row.begin,),
}


class Lookup:
    """What can be looked up."""

    def __init__(self, archive: Archive, sessions: Callable[[], Mapping[str, Sessions]]) -> None:
        """``sessions``: those that are live, by tenant."""
        self.archive = archive
        self._sessions = sessions

    def rows(self, now: float, *, state: str = "all", search: str = "", tenant: str | None = None) -> list[Row]:
        """Sessions of a state in which a search finds something: an id of session or participant, or a tenant."""
        wanted = search.casefold()
        return [
            row
            for row in self._rows(now, state)
            if (tenant is None or row.tenant == tenant) and (not wanted or _has(row, wanted))
        ]

    def _rows(self, now: float, state: str) -> Iterator[Row]:
        if state != "ended":
            for tenant, sessions in self._sessions().items():
                for session in sessions:
                    yield _live(tenant, session, now)
        if state != "live":
            for call in self.archive.calls:
                if not self._goes_on(call):
                    yield _past(call)

    def _goes_on(self, call: Call) -> bool:
        sessions = self._sessions().get(call.tenant)
        return call.is_open and sessions is not None and sessions.session(call.name) is not None

    def view(self, tenant: str, name: str, now: float, at: float | None = None) -> View | None:
        """The session of this name: the one that ``at`` lies in or follows, else the live one, else the newest."""
        sessions = self._sessions().get(tenant)
        live = sessions.session(name) if sessions is not None else None
        calls = [call for call in self.archive.calls if (call.tenant, call.name) == (tenant, name)]
        begins = {round(call.begin, 3): call for call in reversed(calls)}
        going = next((call for call in calls if live is not None and self._goes_on(call)), None)
        if live is not None:
            begins = {begin: call for begin, call in begins.items() if call is not going}
            started = round(min(live.started, going.begin) if going else live.started, 3)
            if at is None or at >= started or not begins:
                return self._live(tenant, live, going, now, tuple(begins))
            others: tuple[float, ...] = (*begins, started)
        elif not begins:
            return None
        else:
            others = tuple(begins)
        several = [begin for begin in begins if at is None or begin <= at] or [min(begins)]
        call = begins[max(several)]
        people = tuple(Who(one.participant, False, one.trace, one.whole) for one in call.stays)
        rest = tuple(begin for begin in others if begin != round(call.begin, 3))
        around, alike = self._around(tenant, call.begin, call.end, call)
        return View(tenant, name, False, call.begin, call.end, people, call.pairs, rest, around, alike)

    def _live(self, tenant: str, session: Session, call: Call | None, now: float, others: tuple[float, ...]) -> View:
        history, scoring = self.archive.listener(tenant), self.archive.scoring
        here = [
            Who(name, True, trace_of(one), explain(one, history.known(one) or Stay(), max(now, one.joined), scoring))
            for name, one in session.participants.items()
        ]
        gone = [Who(one.participant, False, one.trace, one.whole) for one in call.stays] if call else []
        begin = min([session.started, *(call.begin for call in (call,) if call)])
        pairs = self.archive.pairs(tenant, session.name)
        around, alike = self._around(tenant, begin, now, session)
        return View(tenant, session.name, True, begin, now, (*gone, *here), pairs, others, around, alike)

    def _around(
        self, tenant: str, begin: float, end: float, but: Session | Call
    ) -> tuple[Counter[str], tuple[Alike, ...]]:
        """Classes of the other sessions of these times: of those that are live as they are now."""
        live = (one for one in self._sessions().get(tenant, ()) if one is not but and one.started < end + AROUND)
        past = (
            call
            for call in self.archive.calls
            if call is not but and call.tenant == tenant and not self._goes_on(call)
            and call.begin < end + AROUND and call.end > begin - AROUND
        )  # fmt: skip
        own = _traits(_clients(but))
        counted = [Counter[str]() for _ in own]
        around: Counter[str] = Counter()
        others: list[tuple[Session | Call, str]] = [(one, _class_now(one)) for one in live]
        others += [(call, _class_then(call)) for call in past]
        for one, quality in others:
            around[quality] += 1
            for (trait, values), classes in zip(own, counted, strict=True):
                if any(tuple(map(told.get, TRAITS[trait])) == values for told in _clients(one)):
                    classes[quality] += 1
        alike = (Alike(trait, " ".join(values), classes) for (trait, values), classes in zip(own, counted, strict=True))
        return around, tuple(alike)


def _clients(one: Session | Call) -> list[Mapping[str, str]]:
    """What is known of the clients of a session, by attribute."""
    if isinstance(one, Session):
        return [participant.cohort for participant in one.participants.values()]
    return [stay.finding.about for stay in one.stays]


def _traits(clients: Sequence[Mapping[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Traits of a session's clients with their values, of each trait those that most of them have."""
    found = []
    for trait, names in TRAITS.items():
        values = Counter(tuple(told[name] for name in names) for told in clients if all(map(told.get, names)))
        found += [(trait, value) for value, _ in values.most_common(ALIKE)]
    return found


def _has(row: Row, wanted: str) -> bool:
    return any(wanted in text.casefold() for text in (row.session, row.tenant, *row.people))


def _live(tenant: str, session: Session, now: float) -> Row:
    issues = Counter[str]()
    scores: list[float] = []
    paths: set[str] = set()
    for participant in session.participants.values():
        for connection in participant.peer_connections.values():
            if connection.is_open and connection.judge.score is not None:
                scores.append(connection.judge.score)
            if connection.path:
                paths.add("/".join(filter(None, (connection.path.get(name, "") for name in PATH))))
        issues.update(name for name, issue in participant.verdict.open.items() if GRAVITY[issue.key.severity])
    return Row(
        tenant, session.name, True, session.started, max(now, session.started), tuple(session.participants),
        _class_now(session),
        min(scores, default=None), issues, tuple(sorted(paths)),
    )  # fmt: skip


def _past(call: Call) -> Row:
    findings = [one.finding for one in call.stays]
    issues: Counter[str] = Counter()
    for finding in findings:
        issues.update({one.episode.rule.name for one in finding.found if one.episode.severity != INFO})
    scores = [finding.score for finding in findings if finding.score is not None]
    paths = {one.path for finding in findings for one in finding.summary.peer_connections if one.path}
    people = tuple(dict.fromkeys(one.participant for one in call.stays))
    return Row(
        call.tenant, call.name, False, call.begin, call.end, people,
        _class_then(call),
        min(scores, default=None), issues, tuple(sorted(paths)),
    )  # fmt: skip


def _class_now(session: Session) -> str:
    """That of who has the worst time now."""
    return max(map(class_of, session.participants.values()), key=RANK.__getitem__, default=CLASSES[-1])


def _class_then(call: Call) -> str:
    """That of who had the worst time."""
    return max((one.finding.quality for one in call.stays), key=RANK.__getitem__, default=CLASSES[-1])


def worst_first(people: Iterable[Who]) -> list[Who]:
    """Those who had the worst time first."""
    return sorted(
        people, key=lambda who: (-RANK[who.finding.quality], who.finding.score or 9.0, who.finding.summary.start)
    )
