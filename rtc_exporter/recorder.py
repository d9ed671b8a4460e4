"""
What is remembered of participants so that somebody can look at it: their classes, issues and main signals over time.

A ``Recorder`` listens to verdicts; where there is none, nothing is remembered.  All of it is bounded: a series that is
full is kept half as fine, and of two samples the worse one stays.

Times are of our clock, in Unix seconds, as spans have them.
"""

from collections.abc import Iterable, Mapping
from math import floor, inf
from typing import NamedTuple

from rtc_exporter.delta import Fold
from rtc_exporter.episodes import Change, Episode
from rtc_exporter.model import Event
from rtc_exporter.notes import NOTED, Note, Stage
from rtc_exporter.samples import FRESH, SAMPLES, WIDTH, Rows, Series, row_of, series_of
from rtc_exporter.sessions import Participant, PeerConnection
from rtc_exporter.setup import Outcome, Step
from rtc_exporter.setup import Stage as Took

#: Stretches of a timeline, and episodes of a stay.
STRETCHES = EPISODES = 1000
#: Marks of what happened to the page, stages of its setups, and paths.
NOTES = STAGES = WAYS = 200
#: Bytes of a stay, and of the rows of a peer connection, that hold nothing yet.
SIZE, ROWS_SIZE = 900, 300
#: Peer connections of which values are kept before the old ones are looked for.
MANY = 8
#: Of a path, as summaries show it.
PATH = ("rtc.ice.candidate.type", "rtc.ice.transport")
#: What of rules decides on the stats clock; the others do on the event clock.
STATS_CLOCK = frozenset(("fold", "trend", "report"))
#: Stretches that are this close are one.
CLOSE = 0.5


class Stretch(NamedTuple):
    """Time of one quality class, with the mean score in it."""

    begin: float
    end: float
    quality: str
    score: float | None


class Found(NamedTuple):
    """An episode with times of our clock, and where it was seen."""

    episode: Episode
    begin: float
    end: float
    worst_time: float
    peer_connection: str
    path: str


class Way:
    """A path over which a peer connection went for a while."""

    __slots__ = ("begin", "end", "path", "peer_connection")

    def __init__(self, peer_connection: str, begin: float, end: float, path: Mapping[str, str]) -> None:
        self.peer_connection = peer_connection
        self.begin, self.end = begin, end
        #: As labels have it; another one is another object.
        self.path = path


class Stay:
    """One participant, from join to leave."""

    __slots__ = (
        "_asked", "_open", "_places", "_ways", "found", "grades", "left_out", "most", "notes", "rows", "stages",
        "stretches", "ways",
    )  # fmt: skip

    def __init__(self, most: int = SAMPLES) -> None:
        #: Samples of a series; of the rest there is no more than that either.
        self.most = most
        self.rows: list[Rows] = []
        self._places: dict[str, int] = {}
        #: What happened to the page, and how it came to be connected.
        self.notes: list[Note] = []
        self.stages: list[Stage] = []
        self._asked: float | None = None
        #: Which paths were used when, and the one that each peer connection uses now.
        self.ways: list[Way] = []
        self._ways: dict[str, Way] = {}
        #: What was passed, stretch by stretch, neighbours of one class joined.
        self.stretches: list[Stretch] = []
        #: Seconds by class and score, in tenths and rounded down: there are few of these, however long it lasts.
        self.grades: dict[tuple[str, float | None], float] = {}
        #: Episodes that have ended, and how many more there were than are kept.
        self.found: list[Found] = []
        self.left_out = 0
        self._open: dict[int, tuple[Episode, PeerConnection | None, float]] = {}

    def take(self, change: Change, connection: PeerConnection | None, shift: float) -> None:
        """An episode began or ended."""
        episode = change.episode
        if change.kind == "begin":
            self._open[id(episode)] = (episode, connection, shift)
        elif change.kind == "end":
            known = self._open.pop(id(episode), None)
            if known is not None:
                self._keep(episode, connection or known[1], shift if connection is not None else known[2])

    @property
    def all(self) -> list[Found]:
        """Every episode, the first to begin first; what is still open ends with its newest bad interval."""
        still = [_found(*row) for row in self._open.values()]
        return sorted([*self.found, *still], key=lambda found: (found.begin, found.end))

    def _keep(self, episode: Episode, connection: PeerConnection | None, shift: float) -> None:
        if len(self.found) < min(EPISODES, self.most):
            self.found.append(_found(episode, connection, shift))
        else:
            self.left_out += 1

    def spend(self, begin: float, end: float, quality: str, score: float | None) -> None:
        """Time passed."""
        seconds = end - begin
        grade = (quality, None if score is None else tenths(score))
        self.grades[grade] = self.grades.get(grade, 0.0) + seconds
        last = self.stretches[-1] if self.stretches else None
        if last is not None and last.quality == quality and begin - last.end < CLOSE:
            mean = score if last.score is None else last.score
            if score is not None and last.score is not None:
                mean = (last.score * (last.end - last.begin) + score * seconds) / (end - last.begin)
            self.stretches[-1] = Stretch(last.begin, end, quality, mean)
        elif len(self.stretches) < min(STRETCHES, self.most):
            self.stretches.append(Stretch(begin, end, quality, score))

    def sample(self, name: str, row: list[float]) -> None:
        """What one peer connection shows now."""
        place = self._places.get(name)
        if place is None:
            place = self._place(name, row[0])
        rows = self.rows[place]
        rows.add(row)
        if len(rows.values) > WIDTH * self.most // len(self.rows):
            rows.fit(self.most // len(self.rows) - 1)

    def _place(self, name: str, time: float) -> int:
        """Rows for a peer connection: those of one that has said nothing for long go on as its, if there is one."""
        free = [place for place, rows in enumerate(self.rows) if time - rows.last > FRESH]
        if not free and len(self.rows) < MANY:
            self.rows.append(Rows())
            free = [len(self.rows) - 1]
        place = free[0] if free else 0
        self._places = {one: of for one, of in self._places.items() if of != place}
        self._places[name] = place
        return place

    @property
    def series(self) -> dict[str, Series]:
        """What was measured, channel by channel, all peer connections together."""
        return series_of(self.rows)

    def note(self, name: str, time: float, label: str) -> None:
        """Something happened to the page."""
        if len(self.notes) < min(NOTES, self.most):
            self.notes.append(Note(time, name, label))

    def stage(self, stage: Stage) -> None:
        """A stretch of a setup is over."""
        if len(self.stages) < min(STAGES, self.most):
            self.stages.append(stage)

    def go(self, name: str, time: float, path: Mapping[str, str]) -> None:
        """A peer connection went over this path until now, since it was last asked: paths are found after folds."""
        known = self._ways.get(name)
        if known is not None and known.path is path:
            known.end = time
        elif path and len(self.ways) < min(WAYS, self.most):
            known = self._ways[name] = Way(name, time if known is None else known.end, time, path)
            self.ways.append(known)

    def ask(self, name: str, time: float) -> None:
        """The page asks for camera or microphone, or is answered."""
        if name == "getUserMedia":
            self._asked = time
        elif self._asked is not None:
            self.stage(Stage("get_user_media", "", self._asked, time, name.endswith("OnFailure")))
            self._asked = None

    def fit(self, most: int) -> None:
        """From now on keep no more samples than this."""
        self.most = most
        for rows in self.rows:
            rows.fit(most // len(self.rows))

    @property
    def size(self) -> int:
        """Bytes of memory, by and large: what was measured of each part, see the tests."""
        values = sum(len(rows.values) for rows in self.rows)
        parts = len(self.found) + len(self._open)
        return (
            SIZE + 9 * values + ROWS_SIZE * len(self.rows) + 700 * parts + 220 * len(self.stretches)
            + 180 * (len(self.notes) + len(self.stages) + len(self.ways)) + 130 * len(self.grades)
        )  # fmt: skip


class Recorder:
    """Stays of all participants that verdicts tell of."""

    def __init__(self) -> None:
        self._stays: dict[Participant, Stay] = {}

    def stay(self, participant: Participant) -> Stay:
        """What is remembered of a participant."""
        found = self._stays.get(participant)
        if found is None:
            found = self._stays[participant] = Stay()
        return found

    def forget(self, participant: Participant) -> Stay | None:
        """Take what is remembered of a participant away."""
        return self._stays.pop(participant, None)

    def of(self, participant: Participant) -> Stay | None:
        """Where to write what is told of a participant; None where nothing is to be remembered."""
        return self._stays.get(participant) or self.stay(participant)

    # ── what verdicts tell

    def changed(self, participant: Participant, connection: PeerConnection | None, changes: Iterable[Change]) -> None:
        """Episodes began, got worse or ended."""
        stay = self.of(participant)
        if stay is None:
            return
        for change in changes:
            shift = participant.clock.shift
            if connection is not None and change.episode.rule.source in STATS_CLOCK:
                shift += connection.shift
            stay.take(change, connection, shift)

    def folded(self, participant: Participant, connection: PeerConnection, fold: Fold) -> None:
        """A fold was judged."""
        stay = self.of(participant)
        if stay is None:
            return
        row = row_of(participant.sent + participant.clock.shift, connection.judge, fold)
        name = connection.key.peer_connection
        stay.sample(name, row)
        stay.go(name, row[0], connection.path)

    def passed(self, participant: Participant, begin: float, end: float, quality: str) -> None:
        """So much of a participant's time was of this class; times are of its event clock."""
        stay = self.of(participant)
        if stay is not None:
            shift = participant.clock.shift
            stay.spend(begin + shift, end + shift, quality, _score(participant))

    def told(self, participant: Participant, connection: PeerConnection | None, event: Event) -> None:
        """An event."""
        words = NOTED.get(event.name)
        asks = event.name.startswith("getUserMedia")
        if words is None and not asks:
            return
        stay = self.of(participant)
        if stay is not None:
            time = event.time + participant.clock.shift
            if words is not None:
                track = event.facts.get("track")
                kind = participant.kind_of(track) if isinstance(track, str) else ""
                stay.note(event.name, time, words({**event.facts, "kind": kind} if kind else event.facts))
            else:
                stay.ask(event.name, time)

    def stepped(self, participant: Participant, connection: PeerConnection, step: Step) -> None:
        """A stage of a setup is over, or its outcome is known."""
        stay = self.of(participant)
        shift, name = participant.clock.shift, connection.key.peer_connection
        if stay is None:
            return
        if isinstance(step, Took):
            stay.stage(Stage(step.name, name, step.end - step.seconds + shift, step.end + shift))
        elif isinstance(step, Outcome) and step.value != "connected":
            since = connection.setup.checking_since or connection.setup.created or participant.sent
            stay.stage(Stage(step.value, name, since + shift, max(since, participant.sent) + shift, is_bad=True))

    def left(self, participant: Participant, now: float, *, is_last: bool) -> None:
        """A participant has left; what is remembered stays."""


def tenths(score: float) -> float:
    """A score rounded down, so that it does not rise into a better class."""
    return floor(score * 10 + 1e-9) / 10


def _found(episode: Episode, connection: PeerConnection | None, shift: float) -> Found:
    end = episode.last if episode.end is None else episode.end
    parts = () if connection is None else (connection.path.get(name, "") for name in PATH)
    return Found(
        episode, episode.begin + shift, max(episode.begin, end) + shift, episode.worst_time + shift,
        "" if connection is None else connection.key.peer_connection, "/".join(part for part in parts if part),
    )  # fmt: skip


def _score(participant: Participant) -> float | None:
    """The worst of its open peer connections."""
    newest = max((one.folded for one in participant.peer_connections.values()), default=-inf)
    scores = [
        one.judge.score
        for one in participant.peer_connections.values()
        if one.is_open and one.judge.score is not None and newest - one.folded <= FRESH
    ]
    return min(scores, default=None)
