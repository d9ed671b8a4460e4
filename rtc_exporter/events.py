"""
From events to series: API calls and their errors, candidates, tracks, devices, the page, feedback.

One row of ``_ON`` per event name.  What an event means for the setup of a peer connection is the
``setup`` module's matter; the pipeline feeds both.
"""

from collections.abc import Callable, Mapping

from rtc_exporter import catalog, w3c
from rtc_exporter.labels import Labels
from rtc_exporter.limits import Lately, keep
from rtc_exporter.model import Event
from rtc_exporter.series import SeriesStore
from rtc_exporter.sessions import Participant, PeerConnection
from rtc_exporter.setup import Outage, Outcome, Restart, Stage, Step

#: Calls of the page itself; those of peer connections are timed by ``setup``.
PAGE_CALLS = ("getUserMedia", "getDisplayMedia")

#: Metrics of what goes wrong, or how well or badly it went: an increase points to the trace of somebody whom it
#: happened to.
EXEMPLARS = frozenset((
    "rtc.api.errors", "rtc.connection.attempts", "rtc.feedback.rating", "rtc.ice.candidate.errors",
    "rtc.ice.disconnected.duration", "rtc.ice.restarts", "rtc.setup.duration",
))  # fmt: skip
#: Outcomes, of those that are counted, that are no failure and so need none.
FINE = frozenset(("connected", "recovered", "superseded"))

#: Seconds for which the counters of a cohort are sure to be there, and cohorts of which that is remembered; series that
#: nothing changes last for a day.
PREPARED, COHORTS = 3600.0, 4096

#: Battery level under which a machine throttles (``rtc.battery.low``).
LOW_BATTERY = 0.2


class Events:
    """Turns events, and the steps of setup, into series."""

    def __init__(self, store: SeriesStore, labels: Labels) -> None:
        self._store = store
        self._labels = labels
        self._prepared = Lately(PREPARED, COHORTS)

    def record(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        """Count one event; ``connection`` is None for an event of the page."""
        name = event.name
        if name.endswith("OnFailure"):
            method = name.removesuffix("OnFailure")
            if method in PAGE_CALLS:
                participant.calls.settle(method, str(event.facts.get("call", "")), event.time)
            error = self._labels.admit("error.type", str(event.facts.get("error", "_OTHER")), now)
            self._add(participant, "rtc.api.errors", 1, now, {"rtc.api.method": method, "error.type": error})
            participant.add_error(f"{method} {error}")
        elif name.endswith("OnSuccess"):
            self._succeeded(participant, event, now)
        elif name in w3c.PROMISES or name in w3c.CALLS:
            if name in PAGE_CALLS:
                participant.calls.begin(name, str(event.facts.get("call", "")), event.time)
            self._add(participant, "rtc.api.calls", 1, now, {"rtc.api.method": name})
        react = _ON.get(name)
        if react is not None:
            react(self, participant, connection, event, now)

    def step(self, participant: Participant, step: Step, now: float) -> None:
        """Something that setup has found."""
        match step:
            case Stage(name, seconds, _):
                self._observe(participant, "rtc.setup.duration", seconds, now, {"rtc.setup.stage": name})
            case Outcome(value):
                self._add(participant, "rtc.connection.attempts", 1, now, {"rtc.outcome": value})
            case Restart(outcome):
                self._add(participant, "rtc.ice.restarts", 1, now, {"rtc.outcome": outcome})
            case Outage(seconds):
                self._observe(participant, "rtc.ice.disconnected.duration", seconds, now)

    def prepare(self, participant: Participant, now: float) -> bool:
        """
        Counters of rare events start at 0 when a cohort is first seen, so that its first failure is an increase.

        False where they have: a storm of clients that come back is one of few cohorts.
        """
        if not self._prepared.is_due(participant.cohort_key, now):
            return False
        for outcome in catalog.OUTCOMES:
            self._add(participant, "rtc.connection.attempts", 0, now, {"rtc.outcome": outcome})
        for outcome in catalog.RESTART_OUTCOMES:
            self._add(participant, "rtc.ice.restarts", 0, now, {"rtc.outcome": outcome})
        for reason in w3c.LEAVE_REASONS:
            self._add(participant, "rtc.participant.leaves", 0, now, {"rtc.leave.reason": reason})
        return True

    def finish(self, participant: Participant, now: float) -> None:
        """The participant leaves: what it was in the middle of ends."""
        for state, since in list(participant.since.items()):
            self._lasted(participant, state, participant.sent - since, now)
        participant.since = {}

    def _add(
        self, participant: Participant, name: str, amount: float, now: float, extra: Mapping[str, str] | None = None
    ) -> None:
        is_fine = extra is not None and extra.get("rtc.outcome") in FINE
        exemplar = participant.exemplar if name in EXEMPLARS and not is_fine else None
        self._store.add(name, self._values(participant, name, extra, now), amount, now, exemplar)

    def _observe(
        self, participant: Participant, name: str, value: float, now: float, extra: Mapping[str, str] | None = None
    ) -> None:
        exemplar = participant.exemplar if name in EXEMPLARS else None
        self._store.observe(name, self._values(participant, name, extra, now), value, now, exemplar=exemplar)

    def _values(
        self, participant: Participant, name: str, extra: Mapping[str, str] | None, now: float
    ) -> tuple[str, ...]:
        attributes = catalog.BY_NAME[name].attributes
        if attributes == catalog.PATH:
            return participant.values(attributes, participant.path)
        return participant.values(attributes, self._labels.admit_all(extra, now) if extra else None)

    def _succeeded(self, participant: Participant, event: Event, now: float) -> None:
        method = event.name.removesuffix("OnSuccess")
        if method in PAGE_CALLS:
            seconds = participant.calls.settle(method, str(event.facts.get("call", "")), event.time)
            if seconds is not None and method == "getUserMedia":
                self.step(participant, Stage("get_user_media", seconds, event.time), now)

    def _track(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        track = str(event.facts.get("track", ""))
        kind = str(event.facts.get("kind", "")) or participant.kind_of(track)
        if connection is not None and event.name in ("mute", "unmute") and track:
            muted = connection.muted - {track} if event.name == "unmute" else connection.muted | {track}
            connection.muted = muted if len(muted) <= TRACKS else muted & _reported(connection)
        name = "replaced" if event.name == "replaceTrack" else event.name
        self._add(participant, "rtc.track.events", 1, now, {catalog.KIND: kind, "rtc.event.type": name})

    def _name_track(
        self, participant: Participant, connection: PeerConnection | None, event: Event, now: float
    ) -> None:
        track, kind = event.facts.get("track"), event.facts.get("kind")
        if connection is not None and track and kind:
            keep(connection.tracks, str(track), str(kind), TRACKS)

    def _candidate(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        if "type" in event.facts:
            extra = {
                "rtc.ice.candidate.type": str(event.facts["type"]),
                "rtc.ice.transport": str(event.facts.get("protocol", "")),
            }
            self._add(participant, "rtc.ice.candidates", 1, now, extra)

    def _candidate_error(
        self, participant: Participant, connection: PeerConnection | None, event: Event, now: float
    ) -> None:
        error = self._labels.admit("error.type", str(event.facts.get("error", "_OTHER")), now)
        extra = {"rtc.ice.server.scheme": str(event.facts.get("scheme", "")), "error.type": error}
        self._add(participant, "rtc.ice.candidate.errors", 1, now, extra)
        participant.add_error(f"icecandidateerror {error}")

    def _ice_state(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        self._add(participant, "rtc.ice.state.changes", 1, now, {"rtc.ice.state": str(event.facts.get("state", ""))})

    def _device_change(
        self, participant: Participant, connection: PeerConnection | None, event: Event, now: float
    ) -> None:
        self._add(participant, "rtc.device.changes", 1, now)

    def _feedback(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        rating = event.facts.get("value")
        if isinstance(rating, int | float) and 1 <= rating <= 5:
            self._observe(participant, "rtc.feedback.rating", float(rating), now)
        issue = event.facts.get("issue")
        if issue:
            self._add(participant, "rtc.feedback.reports", 1, now, {"rtc.feedback.issue": str(issue)})

    def _issue(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        """What a library at the client has found; when it is over, that is told once more."""
        if event.facts.get("flag", True):
            self._add(participant, "rtc.client.issues", 1, now, {"rtc.client.issue": str(event.facts.get("issue", ""))})

    def _network(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        extra = {"network.connection.type": str(event.facts.get("type", "unknown"))}
        self._add(participant, "rtc.client.network.changes", 1, now, extra)
        for fact, name in (("downlink", "downlink"), ("rtt", "round_trip_time")):
            value = event.facts.get(fact)
            if isinstance(value, int | float):
                self._observe(participant, f"rtc.client.network.{name}", float(value), now)

    def _memory(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        value = event.facts.get("value")
        if isinstance(value, int | float):
            self._observe(participant, "rtc.client.memory.heap", float(value), now)

    def _long_task(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        value = event.facts.get("value")
        if isinstance(value, int | float) and value >= 0:
            self._add(participant, "rtc.client.long_tasks.time", min(float(value), LONGEST_TASK), now)

    def _hidden(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        self._turn(participant, "hidden" if event.facts.get("flag") is True else None, ("hidden",), event.time, now)

    def _battery(self, participant: Participant, connection: PeerConnection | None, event: Event, now: float) -> None:
        level = event.facts.get("value")
        is_low = isinstance(level, int | float) and level < LOW_BATTERY
        state = None if event.facts.get("flag") is True else "battery_low" if is_low else "battery"
        self._turn(participant, state, ("battery", "battery_low"), event.time, now)

    def _turn(
        self, participant: Participant, state: str | None, others: tuple[str, ...], time: float, now: float
    ) -> None:
        """The page enters a state that lasts, or leaves it (None)."""
        for other in others:
            since = participant.since.pop(other, None)
            if since is not None:
                self._lasted(participant, other, time - since, now)
        if state is not None:
            participant.since[state] = time

    def _lasted(self, participant: Participant, state: str, seconds: float, now: float) -> None:
        seconds = min(max(0.0, seconds), now - participant.joined)
        if state == "hidden":
            self._add(participant, "rtc.client.hidden.time", seconds, now)
        else:
            extra = {"rtc.battery.low": "true" if state == "battery_low" else "false"}
            self._add(participant, "rtc.client.battery.discharging.time", seconds, now, extra)


def _reported(connection: PeerConnection) -> frozenset[str]:
    """Tracks of which there is a stream: of others that were muted nothing is to be said."""
    stats = connection.report.stats if connection.report is not None else {}
    return frozenset(str(members["trackIdentifier"]) for members in stats.values() if "trackIdentifier" in members)


#: Tracks that are remembered for one peer connection; a client may make them up.
TRACKS = 256
#: No main thread is blocked for longer in one piece without the browser offering to end the page.
LONGEST_TASK = 60.0

_React = Callable[[Events, Participant, PeerConnection | None, Event, float], None]
_ON: dict[str, _React] = {
    "track": Events._name_track,
    "addTrack": Events._name_track,
    "mute": Events._track,
    "unmute": Events._track,
    "ended": Events._track,
    "replaceTrack": Events._track,
    "icecandidate": Events._candidate,
    "icecandidateerror": Events._candidate_error,
    "iceconnectionstatechange": Events._ice_state,
    "devicechange": Events._device_change,
    "feedback": Events._feedback,
    "issue": Events._issue,
    "networkchange": Events._network,
    "memory": Events._memory,
    "longtask": Events._long_task,
    "visibilitychange": Events._hidden,
    "battery": Events._battery,
}
