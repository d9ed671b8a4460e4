"""
Who is here: sessions, their participants, and the participants' peer connections.

Plain state with one owner, the pipeline.  What a participant's labels are (its *cohort*) is
decided here once, when it joins or tells more about itself, and never on the hot path.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from math import inf

from rtc_exporter import catalog
from rtc_exporter.cadence import Cadence
from rtc_exporter.captures import Captures
from rtc_exporter.conversation import Conversation
from rtc_exporter.delta import Deltas
from rtc_exporter.detectors import BENCH, Bench, Judge
from rtc_exporter.incidents import Incidents
from rtc_exporter.labels import Labels
from rtc_exporter.model import NOTHING, LiveKey, Member, ParticipantKey, PeerConnectionKey, Report, Stats
from rtc_exporter.phases import Phases
from rtc_exporter.plans import PLANS, Plans
from rtc_exporter.series import Gauge
from rtc_exporter.setup import Calls, Setup
from rtc_exporter.story import Story
from rtc_exporter.tracing import SessionTrace
from rtc_exporter.verdict import Held, Verdict

#: Attributes that a client may tell and that describe its cohort, or its info series.
COHORT = (*catalog.EVENT, "user_agent.version", "geo.country.iso_code", "rtc.client.as")
#: What was found out about it that spans alone show.
SHOWN = ("client.address",)

#: What is summed for a participant, by stats type: what a summary of its call says.
TOTALS: dict[str, tuple[str, ...]] = {
    "inbound-rtp": (
        "packetsReceived", "packetsLost", "bytesReceived", "framesDecoded", "freezeCount", "totalFreezesDuration",
        "pauseCount", "totalPausesDuration", "totalSamplesReceived", "concealedSamples", "silentConcealedSamples",
    ),
    "outbound-rtp": ("packetsSent", "bytesSent", "framesEncoded"),
    "remote-inbound-rtp": ("packetsLost",),
}  # fmt: skip

#: Cohorts that are kept once for all their participants; real ones are some hundreds.
COHORTS = 4096

NOTHING_KNOWN: Mapping[str, Member] = {}

#: A client's clock that is off by more than this many seconds is corrected in spans; one that keeps time with NTP is
#: within a second.  Once corrected, the correction follows jumps of more than ``JUMP``.
WRONG, JUMP = 5.0, 2.0

#: The minimum of a client's delay is taken over five to ten minutes (two windows of five).
CLOCK_WINDOW = 300.0


class Clock:
    """How far a client's clock is behind ours: the least delay seen lately (the rest is the network)."""

    __slots__ = ("is_trusted", "shift", "_before", "_began", "_least")

    def __init__(self) -> None:
        #: Seconds to add to the client's times to have ours.
        self.shift = 0.0
        #: Whether what it says is taken as it is: of a call that is over nobody can say better.
        self.is_trusted = False
        self._least = inf
        self._before = inf
        self._began = -inf

    def update(self, sent: float, now: float) -> tuple[float, float]:
        """A frame that says ``sent`` came ``now``: the clock's offset, and the delay left without it, in seconds."""
        behind = now - sent
        if now - self._began > CLOCK_WINDOW:
            self._before, self._least, self._began = self._least, behind, now
        elif behind < self._least:
            self._least = behind
        offset = min(self._before, self._least)
        if not self.is_trusted and abs(offset - self.shift) > (JUMP if self.shift else WRONG):
            self.shift = offset if abs(offset) > WRONG else 0.0
        return offset, behind - offset


class PeerConnection:
    """One RTCPeerConnection: how it came about, what it counted last, what it shows now."""

    __slots__ = (
        "active", "cadence", "certificates", "codecs", "deltas", "folded", "gap", "incidents", "is_open", "is_plain",
        "judge", "key", "live", "muted", "path", "phases", "removed", "report", "seen", "security", "setup", "shift",
        "streams", "tracks", "words",
    )  # fmt: skip

    def __init__(
        self, key: PeerConnectionKey, created: float | None, now: float, plans: Plans = PLANS, bench: Bench = BENCH
    ) -> None:
        self.key = key
        self.setup = Setup(created)
        self.deltas = Deltas(created is not None, plans)
        self.cadence = Cadence()
        self.report: Report | None = None
        #: What leads from the clock of its reports to that of its client's events, in seconds.
        self.shift = 0.0
        #: Objects that were removed since the last fold, as they were.
        self.removed: Stats = NOTHING
        self.folded = -inf
        self.gap = False
        self.seen = now
        self.is_open = True
        #: Ids of remote tracks that are muted now.
        self.muted: frozenset[str] = frozenset()
        #: Media kind of the tracks that were named with it.
        self.tracks: dict[str, str] = {}
        #: What the selected path is made of, in the browser's words and as labels, once it is known.
        self.words: tuple[Member | None, ...] = ()
        self.path: Mapping[str, str] = {}
        #: What the remote end of the path and its encryption are, as far as spans want to know.
        self.security: Mapping[str, Member] = NOTHING_KNOWN
        #: Its spans, where there are any.
        self.phases: Phases | None = None
        #: Its judge of what reports say, and whether it was told what can be judged of it; and that of events.
        self.judge = Judge(bench)
        self.incidents = Incidents()
        self.is_plain = False
        #: Newest value, and its time, of each live gauge.
        self.live: dict[LiveKey, tuple[float, float]] = {}
        #: The gauge of its state, and those of its streams' codecs, which it gives back when it ends.
        self.active: Gauge | None = None
        self.streams: dict[str, tuple[str, Gauge]] = {}
        self.certificates: frozenset[str] = frozenset()
        self.codecs: frozenset[tuple[str, str, str]] = frozenset()

    @property
    def state(self) -> str:
        """connectionState, as far as it was told."""
        return self.setup.state

    @property
    def is_pristine(self) -> bool:
        """Whether nothing has happened to it yet: a creation that comes late is still its own."""
        return self.is_open and self.report is None and self.setup.created is None

    def end(self) -> None:
        """It is closed; what is left serves the summary of its participant."""
        self.is_open = False
        self.report = None
        self.live = {}
        self.deltas = Deltas(created=False)
        if self.active is not None:
            self.active.add(-1)
            self.active = None


class Cohort:
    """What is the same for many participants: their labels, and the values of the two most used attribute sets."""

    __slots__ = ("device", "event", "key", "labels")

    def __init__(self, key: tuple[str, ...]) -> None:
        self.key = key
        self.labels: Mapping[str, str] = dict(zip(COHORT, key, strict=True))
        self.device = tuple(self.labels.get(name, "") for name in catalog.DEVICE)
        self.event = tuple(self.labels.get(name, "") for name in catalog.EVENT)


#: Many participants share one: by their label values.
_cohort = lru_cache(COHORTS)(Cohort)
NO_LABELS: Mapping[str, str] = {}


class Participant:
    """One person or agent in one session, from the first sign of a client to the last."""

    __slots__ = (
        "attributes", "calls", "captures", "clock", "cohort", "cohort_key", "connected", "device", "errors", "event",
        "exemplar", "exported", "has_values", "info", "info_of", "info_since", "joined", "key", "live", "pages",
        "peer_connections", "present", "rtt", "seen", "sent", "since", "sockets", "story", "talk", "totals", "verdict",
        "worst",
    )  # fmt: skip

    def __init__(self, key: ParticipantKey, now: float) -> None:
        self.key = key
        self.joined = now
        self.seen = now
        self.sent = now
        #: What its clients told, as they told it.
        self.attributes: dict[str, str] = {}
        #: What became of that as labels, all in one, and the label values of the two most used attribute sets.
        self.cohort: Mapping[str, str] = NO_LABELS
        self.device: tuple[str, ...] = ()
        self.event: tuple[str, ...] = ()
        self.cohort_key: tuple[str, ...] = ()
        #: Page loads so far, and sockets open now: who has a socket is here, however silent.
        self.pages = 0
        self.sockets = 0
        self.peer_connections: dict[str, PeerConnection] = {}
        self.calls = Calls()
        self.clock = Clock()
        self.present: Gauge | None = None
        #: Since when the page is hidden, or on battery, on the client's event clock: state -> time.
        self.since: dict[str, float] = {}
        #: What failed, and how often: "getUserMedia NotAllowedError" -> 1.
        self.errors: dict[str, int] = {}
        #: Summed members, by stats type; see TOTALS.
        self.totals: dict[str, dict[str, float]] = {}
        #: Round trip times of its selected paths: sum, count, largest.
        self.rtt = (0.0, 0, 0.0)
        #: Its spans, where there are any; and labels for exemplars, once its trace is sure to be kept.
        self.story: Story | None = None
        self.exemplar: tuple[tuple[str, str], ...] | None = None
        self.verdict = Verdict()
        self.captures = Captures()
        #: What it says to a voice agent, where there is one; and when media could flow first, on the event clock.
        self.talk: Conversation | None = None
        self.connected: float | None = None
        # Live gauges (see the live module).
        self.exported = False
        self.live: dict[LiveKey, Gauge] = {}
        self.has_values = False
        self.info: tuple[str, ...] = ()
        self.info_of: tuple[tuple[str, ...], Mapping[str, str]] | None = None
        self.info_since = -inf
        self.worst = 0.0

    def describe(self, attributes: Mapping[str, str], labels: Labels, now: float) -> None:
        """A client told about itself: admit what may become a label."""
        self.attributes.update({name: value for name, value in attributes.items() if name in COHORT or name in SHOWN})
        found = _cohort(tuple(labels.admit(name, self.attributes.get(name), now) for name in COHORT))
        self.cohort, self.cohort_key, self.device, self.event = found.labels, found.key, found.device, found.event

    def values(self, attributes: Iterable[str], extra: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Label values for an attribute set: the cohort's, with ``extra`` over it."""
        cohort, more = self.cohort, extra or {}
        return tuple(more.get(name) or cohort.get(name, "") for name in attributes)

    def time(self, now: float) -> float:
        """What its client's event clock says ``now``: it goes on while the client says nothing."""
        return self.sent + max(0.0, now - self.seen)

    def touch(self, now: float) -> None:
        """It gave a sign, but no time: its clock goes on."""
        self.sent, self.seen = self.time(now), now

    @property
    def path(self) -> Mapping[str, str]:
        """Labels of a path that the participant uses now: of its newest open peer connection that has one."""
        for connection in reversed(self.peer_connections.values()):
            if connection.path:
                return connection.path
        return {}

    @property
    def reported(self) -> float:
        """When one of its peer connections was last heard of, on our clock; 0 when none was."""
        return max((connection.seen for connection in self.peer_connections.values()), default=0.0)

    @property
    def is_connected(self) -> bool:
        """Whether one of its peer connections is open."""
        return any(connection.is_open for connection in self.peer_connections.values())

    def kind_of(self, track: str) -> str:
        """The media kind of a track, as far as a peer connection was told it."""
        found = (connection.tracks.get(track) for connection in self.peer_connections.values())
        return next((kind for kind in found if kind), "")

    def total(self, stats: str, member: str) -> float | None:
        """What all streams of a stats type gained of a member so far; None where no browser reported it."""
        return self.totals.get(stats, {}).get(member)

    def add_totals(self, group: str, increments: Mapping[str, float], members: Iterable[str]) -> None:
        """Add what a stats object gained to the participant's sums."""
        sums = self.totals.get(group)
        if sums is None:
            sums = self.totals[group] = {}
        for member in members:
            amount = increments.get(member)
            if amount or (amount is not None and member not in sums):
                sums[member] = sums.get(member, 0.0) + amount

    def add_error(self, text: str) -> None:
        """Something failed; the words come from closed sets, so there are few."""
        self.errors[text] = self.errors.get(text, 0) + 1

    def add_round_trip(self, seconds: float) -> None:
        """One round trip time of a selected path."""
        total, count, largest = self.rtt
        self.rtt = (total + seconds, count + 1, max(largest, seconds))


class Session:
    """One call or room, while it has participants."""

    __slots__ = ("active", "crowd", "device", "name", "participants", "started", "trace")

    def __init__(self, name: str, now: float, device: tuple[str, ...]) -> None:
        self.name = name
        self.started = now
        self.participants: dict[str, Participant] = {}
        #: The cohort of its first participant stands for the session.
        self.device = device
        self.active: Gauge | None = None
        self.trace: SessionTrace | None = None
        #: What is found across participants, by rule and participant; see the crowd module.
        self.crowd: dict[tuple[str, str], Held] = {}


class Sessions:
    """All live sessions; participants in the order in which they were last heard of."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._participants: dict[ParticipantKey, Participant] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    @property
    def participants(self) -> Mapping[ParticipantKey, Participant]:
        """Live participants by key."""
        return self._participants

    def get(self, key: ParticipantKey) -> Participant | None:
        """The live participant of this key."""
        return self._participants.get(key)

    def session(self, name: str) -> Session | None:
        """The live session of this name."""
        return self._sessions.get(name)

    def join(self, participant: Participant, now: float) -> Session:
        """A new participant: its session, which may be new as well."""
        session = self._sessions.get(participant.key.session)
        if session is None:
            session = self._sessions[participant.key.session] = Session(
                participant.key.session, now, participant.device
            )
        session.participants[participant.key.participant] = participant
        self._participants[participant.key] = participant
        return session

    def leave(self, participant: Participant) -> Session | None:
        """The participant is gone: its session when that ends with it."""
        del self._participants[participant.key]
        session = self._sessions[participant.key.session]
        del session.participants[participant.key.participant]
        if session.participants:
            return None
        del self._sessions[session.name]
        return session

    def is_folded(self, key: PeerConnectionKey) -> bool:
        """Whether all that a peer connection has reported is counted."""
        participant = self._participants.get(ParticipantKey(key.session, key.participant))
        connection = participant and participant.peer_connections.get(key.peer_connection)
        if not connection or connection.report is None:
            return True
        return connection.report.time <= connection.folded and not connection.removed

    def silent(self, since: float) -> list[Participant]:
        """Participants without a socket that nothing was heard of after ``since``."""
        return [
            participant
            for participant in self._participants.values()
            if participant.seen < since and not participant.sockets
        ]


def together(several: Iterable[Sessions]) -> Sessions:
    """All of them as one, for reading: no session is in two of them."""
    result = Sessions()
    for each in several:
        result._sessions.update(each._sessions)
        result._participants.update(each._participants)
    return result
