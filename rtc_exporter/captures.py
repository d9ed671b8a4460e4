"""
What goes wrong before and beside peer connections: microphones and cameras, and pages that come and go.

One ``Captures`` per participant takes the events of its page, and those of tracks wherever they are told.  Which tracks
are a microphone's or a camera's the result of getUserMedia says: others, a screen's above all, end and fall silent by
themselves.  Times are of the client's event clock.  A failed getUserMedia is told a moment later: applications that
asked for both ask for the microphone alone next, and who gets it can be heard.
"""

from collections.abc import Callable, Mapping, Sequence

from rtc_exporter.episodes import Change, Episode
from rtc_exporter.ledger import PAUSE, Ledger
from rtc_exporter.model import Member
from rtc_exporter.rules import setup as rules
from rtc_exporter.rules.rule import Rule

#: Seconds that a failure waits for a second attempt, and who is back for what its page says.
RETRY = 5.0
#: Calls that wait for their result, and tracks that are known; a client may make them up.
MOST = 64

#: Which fact of a result names the track of which kind.
DEVICES = {"microphone": "audio", "camera": "video"}

_Facts = Mapping[str, Member]


class _Failure:
    """A getUserMedia that failed, and which kinds are still wanted."""

    __slots__ = ("error", "time", "wanted")

    def __init__(self, wanted: set[str], error: str, time: float) -> None:
        self.wanted = wanted
        self.error = error
        self.time = time


class Captures:
    """One participant's microphones, cameras and pages."""

    __slots__ = ("_asked", "_away", "_back", "_failure", "_ledger", "_muted", "_pages", "_time", "_tracks")

    def __init__(self) -> None:
        self._ledger = Ledger()
        #: Call id -> kinds that were asked for.
        self._asked: dict[str, set[str]] = {}
        self._failure: _Failure | None = None
        #: Tracks of devices: id -> kind; and since when one of them is muted, by kind.
        self._tracks: dict[str, str] = {}
        self._muted: dict[str, tuple[str, float]] = {}
        self._pages = 0
        #: Whether it had left a moment ago, until its page tells why; and when it was heard of again.
        self._away = False
        self._back: float | None = None
        self._time = 0.0

    @property
    def open(self) -> list[Episode]:
        """Episodes that last."""
        return self._ledger.open

    @property
    def waits(self) -> bool:
        """Whether something depends on how much time passes."""
        return bool(self._failure or self._muted) or self._back is not None

    def returned(self) -> None:
        """The participant was here a moment ago."""
        self._away = True

    def event(self, name: str, facts: _Facts, time: float) -> Sequence[Change]:
        """An event of the page, or of a track."""
        if self._away and self._back is None:
            self._back = time
        react = _ON.get(name)
        if react is None:
            return self._pass(time) if self.waits else ()
        return self._pass(time) + react(self, facts, time)

    def tick(self, time: float) -> list[Change]:
        """Time passes."""
        return self._pass(time)

    def close(self, time: float) -> list[Change]:
        """The participant leaves."""
        changes = self._pass(time) + self._tell_failure()
        for episode in self._ledger.open:
            changes += self._ledger.end(episode.rule, time, "closed")
        self._muted = {}
        self._away, self._back = False, None
        return changes

    def _pass(self, time: float) -> list[Change]:
        changes: list[Change] = []
        if self._muted and time - self._time > PAUSE:
            changes += self._ledger.interrupt()
            self._muted = {kind: (track, time) for kind, (track, _) in self._muted.items()}
        self._time = time
        if self._failure is not None and time - self._failure.time >= RETRY:
            changes += self._tell_failure()
        if self._back is not None and time - self._back >= RETRY:
            changes += self._return(rules.REJOINED, self._back)
        for kind, (_, since) in self._muted.items():
            rule = rules.MUTED[kind]
            if time - since >= rule.on:
                changes += self._ledger.begin(rule, since, time)
        return changes + self._ledger.last(time)

    # ── getUserMedia

    def _ask(self, facts: _Facts, time: float) -> list[Change]:
        if len(self._asked) >= MOST:
            del self._asked[next(iter(self._asked))]
        self._asked[str(facts.get("call", ""))] = _kinds(facts)
        return []

    def _fail(self, facts: _Facts, time: float) -> list[Change]:
        # Of a call that was not seen nobody knows what it was for: nearly all want a microphone.
        wanted = self._asked.pop(str(facts.get("call", "")), {"audio"})
        error = str(facts.get("error", ""))
        if self._failure is not None and self._failure.error == error:
            self._failure.wanted |= wanted
            return []
        changes = self._tell_failure()
        self._failure = _Failure(wanted, error, time)
        return changes

    def _succeed(self, facts: _Facts, time: float) -> list[Change]:
        asked = self._asked.pop(str(facts.get("call", "")), set())
        changes: list[Change] = []
        for device, kind in DEVICES.items():
            track = facts.get(device)
            if track:
                if len(self._tracks) >= MOST:
                    changes += self._stop({"track": next(iter(self._tracks))}, time)
                self._tracks[str(track)] = kind
        if self._failure is None:
            return changes
        self._failure.wanted -= _kinds(facts) or asked
        if not self._failure.wanted:
            self._failure = None
        return changes if self._failure is None or "audio" in self._failure.wanted else changes + self._tell_failure()

    def _tell_failure(self) -> list[Change]:
        failure, self._failure = self._failure, None
        if failure is None:
            return []
        kind = "audio" if "audio" in failure.wanted else "video"
        rule = rules.CAPTURES.get(failure.error, rules.CAPTURES[""])[kind]
        return self._ledger.happened(rule, failure.time, words={"error.type": failure.error or "_OTHER"})

    # ── tracks

    def _mute(self, facts: _Facts, time: float) -> list[Change]:
        track = str(facts.get("track", ""))
        kind = self._tracks.get(track)
        if kind is not None and kind not in self._muted:
            self._muted[kind] = (track, time)
        return []

    def _unmute(self, facts: _Facts, time: float) -> list[Change]:
        return self._heard(str(facts.get("track", "")), time, "recovered")

    def _heard(self, track: str, time: float, outcome: str) -> list[Change]:
        """A track is no longer muted."""
        kind = self._tracks.get(track)
        if kind is None or self._muted.get(kind, ("", 0.0))[0] != track:
            return []
        del self._muted[kind]
        return self._ledger.end(rules.MUTED[kind], time, outcome)

    def _stop(self, facts: _Facts, time: float) -> list[Change]:
        """The application stops a track: what comes of that is its own wish."""
        track = str(facts.get("track", ""))
        changes = self._heard(track, time, "closed")
        self._tracks.pop(track, None)
        return changes

    def _end(self, facts: _Facts, time: float) -> list[Change]:
        track = str(facts.get("track", ""))
        kind = self._tracks.get(track)
        changes = self._heard(track, time, "closed")
        if kind is None:
            return changes
        del self._tracks[track]
        return changes + self._ledger.happened(rules.ENDED[kind], time)

    # ── pages

    def _load(self, facts: _Facts, time: float) -> list[Change]:
        self._pages += 1
        was_away = self._away
        reloads = facts.get("reloads")
        # A page that is gone takes its tracks and calls along.
        self._tracks, self._asked = {}, {}
        changes: list[Change] = []
        for kind in self._muted:
            changes += self._ledger.end(rules.MUTED[kind], time, "closed")
        self._muted = {}
        is_again = isinstance(reloads, int) and reloads > 0
        if is_again and (was_away or self._pages > 1):
            return changes + self._return(rules.RELOADED, time)
        return changes + (self._return(rules.REJOINED, time) if was_away else [])

    def _return(self, rule: Rule, time: float) -> list[Change]:
        self._away, self._back = False, None
        return self._ledger.happened(rule, time)


def _kinds(facts: _Facts) -> set[str]:
    return {kind for kind in ("audio", "video") if facts.get(kind) is True}


_ON: dict[str, Callable[[Captures, _Facts, float], list[Change]]] = {
    "getUserMedia": Captures._ask,
    "getUserMediaOnFailure": Captures._fail,
    "getUserMediaOnSuccess": Captures._succeed,
    "mute": Captures._mute,
    "unmute": Captures._unmute,
    "stop": Captures._stop,
    "ended": Captures._end,
    "createPage": Captures._load,
}
