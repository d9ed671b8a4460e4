"""
What is wrong with a peer connection, from when to when: the rows of ``rules.RULES`` applied fold by fold.

A ``Judge`` reads each fold once.  It computes the signals that rules and quality classes need, takes the worst stream
for each rule, and answers with what began, got worse or ended.  It keeps nothing about a stream, nor about a rule that
has nothing to say: a connection in good health has a few numbers.

Times are of the stats clock, in seconds.  An episode begins with its first bad interval and not when that was decided,
and ends with its last bad one.  Nothing is judged over a gap, at first sight or across a restart: signals say nothing
there, and what was open has ended.
"""

from collections.abc import Mapping, Sequence, Set
from math import inf
from typing import NamedTuple

from rtc_exporter import quality, signals
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.episodes import Bad, Change, Episode, Watch
from rtc_exporter.formulas import loudness
from rtc_exporter.marks import READS as MARKED
from rtc_exporter.marks import Marker
from rtc_exporter.model import Members, Report, Stats
from rtc_exporter.probes import BENCH, READS, TREND_ROWS, Bench, Probe, Probes, Row
from rtc_exporter.quality import INSTEAD_AFTER
from rtc_exporter.rules import CAUSES, OUTAGE, RULES, Rule
from rtc_exporter.scores import Scores
from rtc_exporter.signals import UNREAD, unread
from rtc_exporter.silence import Silence
from rtc_exporter.trends import Trends

#: With ``Change`` and ``Episode``, and the members to be followed (``READS`` and ``MARKED``), all that is needed to use
#: a ``Judge``.
__all__ = ["BENCH", "MARKED", "READS", "Bench", "Change", "Episode", "Judge"]

NO_CHANGES: Sequence[Change] = ()
NO_SCORES = Scores()

_NOBODY: frozenset[str] = frozenset()


class Flow(NamedTuple):
    """
    A stream in the newest fold: its kind, packets that moved, its loudness where that is known, if it is muted, and
    the id of its track, empty where none is told.
    """

    kind: str
    packets: float
    level: float | None
    is_muted: bool = False
    track: str = ""


class _Worst:
    """The worst stream of a fold for one rule, and how many were bad."""

    __slots__ = ("cause", "is_bad", "streams", "thing", "value")

    def __init__(self) -> None:
        self.value = -inf
        self.thing: MonitoredObject | None = None
        self.is_bad = False
        self.cause = ""
        self.streams = 0


class Judge:
    """
    The judgement over one peer connection.

    ``pulse`` takes every report, ``fold`` every fold, after the pulse of its report and before its increments are let
    go of.  When reports were missing, ``reset`` comes first, or their absence would be taken for silence.
    """

    __slots__ = (
        "_bench", "_born", "_grade", "_judged", "_marker", "_preferred", "_seen", "_silence", "_trends", "_watched",
        "_watches", "age", "is_disconnected", "quality", "received", "score", "scores", "sent", "shares_screen",
        "values",
    )  # fmt: skip

    def __init__(self, bench: Bench = BENCH) -> None:
        #: The class of the newest fold, one of ``quality.CLASSES``, and the score that goes with it, 1 to 4.5.
        self.quality = "unclassified"
        self.score: float | None = None
        #: The scores by direction and kind.
        self.scores = NO_SCORES
        #: Streams in the newest fold by SSRC, for who looks across participants.
        self.received: dict[int, Flow] = {}
        self.sent: dict[int, Flow] = {}
        self._bench = bench
        self._marker = Marker(bench.scoring)
        #: The values that it was made of, worst stream each, by measure; what was not measured is absent.
        self.values: dict[str, float] = {}
        #: Set by whoever follows ICE: a connection that is disconnected is bad, whatever else is measured.
        self.is_disconnected = False
        self._grade = quality.UNCLASSIFIED
        #: The rules that could judge, one bit each, and those that have something to say; by place in ``RULES``.
        self._judged = 0
        self._watched = 0
        self._watches: dict[int, Watch] = {}
        #: The worst value in this fold of each signal that may be a cause.
        self._seen: dict[tuple[str, str], float] = {}
        self._silence = Silence()
        self._trends = Trends()
        #: Set by whoever follows the page: what is captured may be a screen.
        self.shares_screen = False
        self._born: float | None = None
        #: Seconds from the first fold to the newest.
        self.age = 0.0
        #: When a signal that others stand in for was last read.
        self._preferred = -inf

    @property
    def judged(self) -> frozenset[str]:
        """The ids of the rules that could judge so far; what the browser does not report, no rule can judge."""
        return frozenset(rule.id for place, rule in enumerate(RULES) if self._judged >> place & 1)

    @property
    def open(self) -> list[Episode]:
        """The episodes that are open."""
        found = [self._silence.episode, *(watch.episode for watch in self._watches.values())]
        return [episode for episode in found if episode is not None]

    def pulse(self, report: Report, muted: Set[str] = _NOBODY) -> Sequence[Change]:
        """Take a report, whether it is folded or not; ``muted`` are the ids of muted tracks."""
        change = self._silence.pulse(report, muted)
        if change is None:
            return NO_CHANGES
        if change.kind == "begin":
            self.quality = "bad"
        return (change,)

    def fold(self, fold: Fold, is_short: bool = False) -> Sequence[Change]:
        """
        Judge a fold.

        One that ``is_short`` was made before its time, because something ended: what half a second of a stream shows
        whose sender has gone is no judgement over a call.
        """
        changes = self._forget() if fold.gap else []
        if is_short:
            self._follow(fold)
            return changes
        if self._born is None:
            self._born = fold.time
        self.age = fold.time - self._born
        self._grade = quality.UNCLASSIFIED
        self.values = {}
        self._seen = {}
        readings: dict[int, _Worst] = {}
        self._follow(fold)
        self._read_all(self._bench.probes, fold, readings)
        if fold.time - self._preferred > INSTEAD_AFTER:
            self._read_all(self._bench.instead, fold, readings)
        for value in self._trends.read(fold, self._seen, self.shares_screen):
            for row in TREND_ROWS.get(value.name, ()):
                self._take(row, value.value, value.thing, fold, readings, value.cause)
        if readings or self._watches:
            changes += self._conclude(readings, fold)
        is_bad = self.is_disconnected or self._silence.episode is not None
        self.scores = self._marker.fold(fold)
        grade, self.score = self._bench.scoring.verdict(quality.BAD if is_bad else self._grade, self.scores.overall)
        self.quality = quality.CLASSES[grade]
        return changes

    def _follow(self, fold: Fold) -> None:
        """What flows: for who asks whether anything should, and for who looks across participants."""
        tracks: list[str] = []
        kinds: list[str] = []
        self.received, self.sent = {}, {}
        for thing in fold.changed:
            members, increments = thing.members, thing.increments
            if thing.elapsed is None:
                continue
            if thing.type == "inbound-rtp":
                if increments.get("packetsReceived"):
                    tracks.append(str(members.get("trackIdentifier", thing.id)))
                self._flow(self.received, thing, thing, "packetsReceived", fold)
            elif thing.type == "outbound-rtp":
                if increments.get("packetsSent"):
                    kinds.append(str(members.get("kind", "")))
                source = fold.objects.get(str(members.get("mediaSourceId", "")), thing)
                self._flow(self.sent, thing, source, "packetsSent", fold)
        self._silence.learn(frozenset(tracks), frozenset(kinds), fold.selected, fold.time)

    @staticmethod
    def _flow(flows: dict[int, Flow], thing: MonitoredObject, loud: MonitoredObject, counter: str, fold: Fold) -> None:
        """Keep what others of the session may want to know of a stream."""
        ssrc, packets = thing.members.get("ssrc"), thing.increments.get(counter)
        if isinstance(ssrc, int) and packets is not None:
            kind, track = str(thing.members.get("kind", "")), str(loud.members.get("trackIdentifier") or "")
            flows[ssrc] = Flow(kind, packets, loudness(loud), fold.mutes(loud), track)

    @property
    def is_alive(self) -> bool:
        """Whether the path works, as far as is known."""
        return self._silence.episode is None and not self.is_disconnected

    @property
    def is_dry(self) -> bool:
        """Whether a stream brought nothing in the newest fold, or only silence."""
        return any(not flow.packets or flow.level == 0.0 for flow in self.received.values())

    def _read_all(self, probes: Probes, fold: Fold, readings: dict[int, _Worst]) -> None:
        """Take the signals of every object that can be judged; of candidate pairs, of the one in use."""
        age, watched, judged = self._age_before(fold), self._watched, 0
        for thing in fold.changed:
            if thing.elapsed is None:
                continue
            several = probes.get((thing.type, thing.members.get("kind", "")))
            if several is None or (thing.type == "candidate-pair" and thing.id != fold.selected):
                continue
            values = thing.values or unread(thing)
            for probe, formula, place, guard, is_special, most, settle, bits in several:
                value = values[place]
                if value is UNREAD:
                    value = values[place] = formula(thing, fold)
                if value is None or (guard is not None and not guard(thing, fold)):
                    continue
                if is_special:
                    self._note(probe, value, fold)
                if value <= most and age >= settle and not bits & watched:
                    judged |= bits
                    continue
                for row in probe.about(signals.codec_of(thing, fold.stats)) if probe.depends_on_codec else probe.rows:
                    self._take(row, value, thing, fold, readings)
        self._judged |= judged

    def _note(self, probe: Probe, value: float, fold: Fold) -> None:
        """What a value means beside rules: to causes and trends, to the measures and the class of the fold."""
        kept, level = probe.kept, probe.level
        if probe.takes_over:
            self._preferred = fold.time
        if kept is not None and value > self._seen.get(kept, -inf):
            self._seen[kept] = value
        if level is not None:
            before = self.values.get(level.measure)
            if before is None or (value < before if level.is_rate else value > before):
                self.values[level.measure] = value
            grade = level.grade(value)
            if grade > self._grade:
                self._grade = grade

    def _age_before(self, fold: Fold) -> float:
        """Seconds from the first fold to the beginning of this interval."""
        return fold.time - (fold.elapsed or 0.0) - (self._born or 0.0)

    def _take(
        self, row: Row, value: float, thing: MonitoredObject | None, fold: Fold, readings: dict[int, _Worst],
        cause: str = "",
    ) -> None:  # fmt: skip
        """One value of what a rule reads."""
        if row.settle and self._age_before(fold) < row.settle:
            return
        self._judged |= row.bit
        if value > row.on or row.place in self._watches:
            self._weigh(row, value, thing, readings, cause)

    def _weigh(
        self, row: Row, value: float, thing: MonitoredObject | None, readings: dict[int, _Worst], cause: str
    ) -> None:
        """What a value means to a rule that has something to say: the worst stream counts, and how many are bad."""
        watch, least = self._watches.get(row.place), row.rule.least
        is_bad = value > (row.on if watch is None else watch.bound) and (
            least is None or thing is None or thing.increments.get(least[0], 0.0) >= least[1]
        )
        if watch is None and not is_bad:
            return
        reading = readings.get(row.place)
        if reading is None:
            reading = readings[row.place] = _Worst()
        reading.streams += is_bad
        if (is_bad, value) > (reading.is_bad, reading.value):
            reading.value, reading.thing, reading.is_bad, reading.cause = value, thing, is_bad, cause

    def _conclude(self, readings: Mapping[int, _Worst], fold: Fold) -> list[Change]:
        """Bring the watches up to date, and forget those that have nothing left to say."""
        changes: list[Change] = []
        for place, reading in readings.items():
            watch = self._watches.get(place)
            if watch is None:
                watch = self._watches[place] = Watch(RULES[place])
                self._watched |= 1 << place
            change = watch.judge(self._bad(RULES[place], reading, fold) if reading.is_bad else None)
            changes += [change] if change else []
        for place, watch in list(self._watches.items()):
            change = None if place in readings else watch.skip()
            changes += [change] if change else []
            if watch.is_over:
                del self._watches[place]
                self._watched &= ~(1 << place)
        return changes

    def _bad(self, rule: Rule, reading: _Worst, fold: Fold) -> Bad:
        members = {} if reading.thing is None else _stream(reading.thing, fold.stats)
        mid, ssrc = members.get("mid"), members.get("ssrc")
        elapsed = fold.elapsed or 0.0
        return Bad(
            fold.time - elapsed, fold.time, reading.value,
            reading.cause or self._cause(rule, fold.time - 2 * elapsed), reading.streams,
            mid if isinstance(mid, str) else None, ssrc if isinstance(ssrc, int) else None,
            None if reading.thing is None else signals.codec_of(reading.thing, fold.stats), self.values,
        )  # fmt: skip

    def _cause(self, rule: Rule, since: float) -> str:
        """
        What was seen beside it, the likeliest first.

        An outage may have ended in the interval before: a long freeze is told when it is over, loss by RTCP later.
        """
        for word in rule.causes:
            if word == OUTAGE:
                if self._silence.episode is not None or self._silence.ended > since:
                    return word
            else:
                cause = CAUSES[word]
                if self._seen.get((cause.stats, cause.signal), 0.0) > cause.above:
                    return word
        return ""

    def reset(self) -> Sequence[Change]:
        """Reports were missing: what was open ended when it was last seen, and everything is judged anew."""
        change = self._silence.reset()
        self.quality, self.values, self.score, self.scores = "unclassified", {}, None, NO_SCORES
        return [*self._forget(), *([change] if change else [])]

    def close(self, time: float) -> Sequence[Change]:
        """The peer connection ends, at this time of its stats clock, and all that is open with it."""
        change = self._silence.end(time)
        return [*self._forget(), *([change] if change else [])]

    def _forget(self) -> list[Change]:
        """Bad intervals before a gap and after it do not add up."""
        self._trends.forget()
        ended = [watch.end() for watch in self._watches.values()]
        self._watched = 0
        self._watches = {}
        return [change for change in ended if change is not None]


def _stream(thing: MonitoredObject, stats: Stats) -> Members:
    """The stream that an object is about: what the other side reports is about one of ours."""
    local: Members | None = stats.get(str(thing.members.get("localId", "")))
    return thing.members if local is None else local
