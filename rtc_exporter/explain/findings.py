"""
The verdict over one stay, made of what was recorded: a class, a score, issues with evidence, and which are one story.

**Class and score of a stay** are those of its worst tenth, and of its worst ten seconds where that is more: a call of
75 s that was bad for 45 s is a bad call, one that was bad for five seconds of an hour is not.  Of the two, the class is
worse or equal: it also knows what has no score, such as a connection that was gone.  Less than ten seconds that could
be judged are unclassified, which is never good; a call that never came about though somebody waited for it is bad.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rtc_exporter.explain import words
from rtc_exporter.model import Member
from rtc_exporter.notes import Note, Stage
from rtc_exporter.quality import CLASSES, UNCLASSIFIED
from rtc_exporter.recorder import Found, Stay, Stretch, Way, tenths
from rtc_exporter.rules import unjudged
from rtc_exporter.rules.rule import INFO
from rtc_exporter.scores import Scoring
from rtc_exporter.sessions import Participant
from rtc_exporter.summary import Summary, summarise
from rtc_exporter.verdict import GRAVITY

#: What decides: this share of the time that could be judged, and at least so many seconds of it.
SHARE, LEAST = 0.1, 10.0
#: What else identifies a client, as labels and spans have it; its browser is in the summary.
ABOUT = ("rtc.app.name", "rtc.app.version", "geo.country.iso_code", "rtc.client.as", "network.connection.type")
#: Issues of one side that are this many seconds apart are one story.
APART = 5.0


class Story(NamedTuple):
    """Issues of one side that belong together: one paragraph."""

    side: str
    severity: str
    begin: float
    end: float
    found: tuple[Found, ...]


class Finding(NamedTuple):
    """One participant's stay, explained."""

    summary: Summary
    quality: str
    score: float | None
    stretches: tuple[Stretch, ...]
    #: Every episode, and the stories that those of severity warning or worse make.
    found: tuple[Found, ...]
    left_out: int
    stories: tuple[Story, ...]
    #: Issues that nobody could have seen.
    cannot_judge: tuple[str, ...]
    series: Mapping[str, Sequence[tuple[float, float]]]
    #: What happened to the page, and the stages of its setups.
    happened: tuple[Note, ...] = ()
    stages: tuple[Stage, ...] = ()
    #: By attribute, see ``ABOUT``; what is not known is left out.
    about: Mapping[str, str] = {}
    #: Which paths were used when.
    ways: tuple[Way, ...] = ()

    @property
    def end(self) -> float:
        """When it ended."""
        return self.summary.start + self.summary.duration

    @property
    def notes(self) -> list[Found]:
        """What is worth knowing beside the stories."""
        return [found for found in self.found if found.episode.severity == INFO]

    @property
    def outcome(self) -> str:
        """How the first attempt to connect ended, where none succeeded."""
        outcomes = [one.outcome or "" for one in self.summary.peer_connections]
        return "" if not outcomes or "connected" in outcomes else outcomes[0]

    @property
    def weakest(self) -> str:
        """Which of the scores has the lowest worst tenth; empty where there is none."""
        lowest = {
            part: sorted(score for _, score in points)[len(points) // 10]
            for part in words.PARTS
            if (points := self.series.get(part))
        }
        return min(lowest, key=lowest.__getitem__, default="")


def explain(participant: Participant, stay: Stay, end: float, scoring: Scoring) -> Finding:
    """The verdict over a stay that ended, or is looked at, at ``end``."""
    summary = summarise(participant, end)
    quality, score = judge(stay.grades, scoring)
    outcomes = {one.outcome for one in summary.peer_connections}
    several = tuple(stories(stay.all))
    # Who gives up within seconds has changed their mind; an issue says that it was more than that.
    is_lost = not outcomes.isdisjoint(words.FAILURES) or ("abandoned" in outcomes and bool(several))
    if is_lost and "connected" not in outcomes:
        quality, score = "bad", None
    judges = [one.judge for one in participant.peer_connections.values() if one.judge.age]
    judged = frozenset().union(*(one.judged for one in judges))
    return Finding(
        summary, quality, score, tuple(stay.stretches), tuple(stay.all), stay.left_out, several,
        unjudged(judged) if judges else (),
        measured(stay), tuple(stay.notes), tuple(stay.stages), about(participant),
        tuple(stay.ways),
    )  # fmt: skip


def about(participant: Participant) -> Mapping[str, str]:
    """What is known of a client beside its browser."""
    told = {**participant.cohort, **participant.path}
    return {name: told[name] for name in ABOUT if told.get(name)}


def measured(stay: Stay) -> Mapping[str, Sequence[tuple[float, float]]]:
    """The samples of every channel that has some."""
    return {name: series.points for name, series in stay.series.items() if series.times}


def judge(grades: Mapping[tuple[str, float | None], float], scoring: Scoring) -> tuple[str, float | None]:
    """Class and score of the worst tenth."""
    rank = {name: number for number, name in enumerate(CLASSES[:-1])}
    classed = sorted(((rank[name], seconds) for (name, _), seconds in grades.items() if name in rank), reverse=True)
    scored = sorted((score, seconds) for (_, score), seconds in grades.items() if score is not None)
    grade = _worst(classed)
    if grade is None:
        return CLASSES[UNCLASSIFIED], None
    score = _worst(scored)
    # A class may be worse than its score, and lowers it.
    _, told = scoring.verdict(int(grade), score)
    return CLASSES[int(grade)], None if told is None else tenths(told)


def _worst(rows: Sequence[tuple[float, float]]) -> float | None:
    """The value that so much of the time was as bad as or worse than; None where there was too little."""
    total = sum(seconds for _, seconds in rows)
    needed, passed = max(SHARE * total, LEAST), 0.0
    for value, seconds in rows:
        passed += seconds
        # What is passed is summed from many folds.
        if passed >= needed - 1e-6:
            return value
    return None


def stories(found: Iterable[Found]) -> list[Story]:
    """Issues to act on, those of one side that overlap taken together, the first to begin first."""
    told: list[Story] = []
    for one in sorted(found, key=lambda one: one.begin):
        severity, side = one.episode.severity, one.episode.side
        if severity == INFO:
            continue
        near = (at for at, story in enumerate(told) if story.side == side and one.begin <= story.end + APART)
        place = next(near, None)
        if place is None:
            told.append(Story(side, severity, one.begin, one.end, (one,)))
            continue
        story = told[place]
        told[place] = story._replace(
            severity=max(severity, story.severity, key=GRAVITY.__getitem__), end=max(story.end, one.end),
            found=(*story.found, one),
        )  # fmt: skip
    return told


def evidence(found: Found) -> dict[str, Member | dict[str, float]]:
    """Why it is said: the worst value beside its bound, of which stream, over which path, and what was beside it."""
    episode, rule = found.episode, found.episode.rule
    told: dict[str, Member | dict[str, float] | None] = {
        "cause": episode.cause or None, "rule": rule.id, **(_measured(found) if rule.is_measured else {}),
        "kind": rule.kind or None, "direction": rule.direction or None, "streams": episode.streams or None,
        "mid": episode.mid, "codec": codec(episode.codec), "peer_connection": found.peer_connection or None,
        "path": found.path or None, "beside": {name: _short(value) for name, value in episode.evidence.items()} or None,
        **episode.words,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def _measured(found: Found) -> dict[str, Member]:
    """The worst value beside its bound; what just happens has neither."""
    episode, rule = found.episode, found.episode.rule
    return {
        "worst": _short(episode.worst), "unit": rule.unit, "threshold": rule.on, "worst_at": round(found.worst_time, 3),
    }  # fmt: skip


def codec(mime: str | None) -> str | None:
    """The short name of a codec, as long as it looks like one."""
    name = (mime or "").partition("/")[2]
    return name if name and len(name) <= 32 and name.replace("-", "").replace("_", "").isalnum() else None


def _short(value: float) -> float:
    return float(f"{value:.6g}")
