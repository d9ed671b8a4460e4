"""Rules that events decide: each fires, does not one step below, does not where its guard is unmet, and clears."""

from collections.abc import Sequence
from math import floor
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc_exporter import w3c
from rtc_exporter.captures import MOST, Captures
from rtc_exporter.incidents import Incidents
from rtc_exporter.model import Event, Joined, Left, Member, Members, ParticipantKey, PeerConnectionKey, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.rules import RULES, Rule
from rtc_exporter.rules.setup import CAPTURES, CRITICAL_SIDES
from rtc_exporter.span import Span
from rtc_exporter.tracing import TraceSettings
from tests import captures, traced
from tests.incidents import START, Happening, Script, Watched

# ── words that scripts are made of


def at(time: float, name: str, **facts: Member) -> Happening:
    return time, name, facts


def state(time: float, value: str) -> Happening:
    return at(time, "connectionstatechange", state=value)


def ice(time: float, value: str) -> Happening:
    return at(time, "iceconnectionstatechange", state=value)


def signalling(time: float, value: str) -> Happening:
    return at(time, "signalingstatechange", state=value)


def gathering(time: float, value: str) -> Happening:
    return at(time, "icegatheringstatechange", state=value)


def candidate(time: float, kind: str, protocol: str = "udp") -> Happening:
    return at(time, "icecandidate", type=kind, protocol=protocol)


def refused(time: float, code: str, scheme: str = "turn") -> Happening:
    return at(time, "icecandidateerror", error=code, scheme=scheme)


def answer(time: float, call: str = "2", kind: str = "answer") -> Script:
    return [
        at(time, "setRemoteDescription", type=kind, call=call),
        signalling(time, "stable"),
        at(time, "setRemoteDescriptionOnSuccess", call=call),
    ]


def offer(time: float, call: str = "1") -> Script:
    return [
        at(time, "setLocalDescription", type="offer", call=call),
        signalling(time, "have-local-offer"),
        at(time, "setLocalDescriptionOnSuccess", call=call),
    ]


def create(turn: int | None = None, time: float = 0.0) -> Happening:
    told = {} if turn is None else {"stun": 0, "turn_udp": turn, "turn_tcp": 0, "turn_tls": 0}
    return at(time, "create", relay_only=False, **told)


NEGOTIATED = [create(), *offer(0.1), *answer(0.3)]
CHECKING = [*NEGOTIATED, ice(0.4, "checking"), state(0.4, "connecting")]
ICE_ONLY = [*CHECKING, ice(0.6, "connected")]
CONNECTED = [*ICE_ONLY, state(0.8, "connected")]
DEVICES = [
    at(0, "getUserMedia", audio=True, video=True, call="g"),
    at(0, "getUserMediaOnSuccess", audio=True, video=True, microphone="mic", camera="cam", call="g"),
]


class Case(NamedTuple):
    """A script after which a rule has spoken, from when to when, and others after which it has not."""

    fires: Script
    begin: float
    #: None: it lasts, and ``clears``, after which it has ended at that time with that outcome.
    end: float | None
    below: Script
    unguarded: tuple[Script, ...]
    clears: tuple[Script, float, str] = ([], 0.0, "")
    until: float | None = None
    severity: str = ""
    words: tuple[tuple[str, str], ...] = ()


def denied(kind: str, error: str) -> Case:
    """getUserMedia fails: both kinds are asked for, and the microphone counts; a camera alone is a lesser thing."""
    audio = kind == "audio"
    ask = at(0, "getUserMedia", audio=audio, video=True, call="1")
    fail = at(1, "getUserMediaOnFailure", error=error or "DataError", call="1")
    again = [
        at(2, "getUserMedia", audio=True, video=True, call="2"),
        at(3, "getUserMediaOnSuccess", audio=True, video=True, call="2"),
    ]
    other = "OverconstrainedError" if error != "OverconstrainedError" else "NotFoundError"
    return Case(
        [ask, fail], 1, 1,
        # Another error is another rule's; and who gets everything at the second attempt lacks nothing.
        [ask, at(1, "getUserMediaOnFailure", error=other, call="1")],
        ([ask, fail, *again], [at(0, "getDisplayMedia", video=True), at(1, "getDisplayMediaOnFailure", error=error)]),
        until=10, words=(("error.type", error or "DataError"),),
    )  # fmt: skip


ERRORS = {rules["audio"].variant: error for error, rules in reversed(CAPTURES.items())}
TURN_CODES = {"credentials": "401", "quota": "486", "refused": "500", "silent": "701"}


def unreachable(code: str) -> Case:
    gathers = [create(1), *offer(0.1), gathering(0.2, "gathering")]
    other = "486" if code == "401" else "401"
    return Case(
        [*gathers, refused(0.5, code), candidate(0.6, "host"), gathering(1, "complete")], 0.2, 1,
        # The plainest of several codes says why; STUN servers do not count.
        [*gathers, *([refused(0.4, other)] if code != "401" else []), refused(0.5, code, "stun"),
         *([] if code != "701" else [refused(0.5, "486")]), candidate(0.6, "host"), gathering(1, "complete")],
        (
            [*gathers, refused(0.5, code), candidate(0.6, "relay"), gathering(1, "complete")],
            [create(0), gathering(0.2, "gathering"), refused(0.5, code), gathering(1, "complete")],
            [create(), gathering(0.2, "gathering"), refused(0.5, code), gathering(1, "complete")],
            [create(1), refused(0.5, code), gathering(1, "complete")],
            [*gathers, refused(0.5, code)],
        ),
        words=(("error.type", code), ("rtc.ice.server.scheme", "turn")),
    )  # fmt: skip


def server(kind: str, protocol: str = "udp") -> Case:
    gathers = [create(1), *offer(0.1), gathering(1, "gathering")]
    return Case(
        [*gathers, candidate(1.6, kind, protocol)], 1, 1.6,
        [*gathers, candidate(1.5, kind, protocol), candidate(1.9, kind, protocol)],
        (
            [*gathers, candidate(1.1, kind, protocol), candidate(1.9, kind, protocol)],
            [create(1), candidate(1.6, kind, protocol)],
            [*gathers, candidate(1.2, "host"), gathering(1.3, "complete"), candidate(1.9, kind, protocol)],
            # A later gathering, after an ICE restart.
            [*gathers, gathering(1.3, "complete"), gathering(8, "gathering"), candidate(9, kind, protocol)],
        ),
    )  # fmt: skip


LOST = [*CONNECTED, ice(10, "disconnected"), state(10, "disconnected")]
STORM = [step for n in range(11) for step in (*offer(70 + 5 * n, f"o{n}"), *answer(70.5 + 5 * n, f"a{n}"))]
VIDEO = [at(0.35, "track", kind="video", track="v"), at(0.35, "track", kind="audio", track="a")]

CASES: dict[str, Case] = {
    "disconnected": Case(
        LOST, 10, None, [*CONNECTED, ice(10, "checking")],
        ([*CHECKING, ice(10, "disconnected"), state(10, "disconnected")],),
        ([ice(13, "connected"), state(13, "connected")], 13, "recovered"),
    ),
    **{f"capture_failed.{kind}.{variant}": denied(kind, error)
       for kind in ("audio", "video") for variant, error in ERRORS.items()},
    **{f"track_ended.{kind}": Case(
        [*DEVICES, at(9, "ended", track=track)], 9, 9,
        [*DEVICES, at(9, "mute", track=track), at(10, "unmute", track=track)],
        ([*DEVICES, at(8, "stop", track=track), at(9, "ended", track=track)],
         # A screen that is shared no longer, and a track of the other side.
         [*DEVICES, at(9, "ended", track="screen")], [at(9, "ended", track=track)]),
    ) for kind, track in (("audio", "mic"), ("video", "cam"))},
    **{f"muted_by_system.{kind}": Case(
        [*DEVICES, at(9, "mute", track=track)], 9, None,
        [*DEVICES, at(9, "mute", track=track), at(10.9, "unmute", track=track)],
        ([*DEVICES, at(8, "stop", track=track), at(9, "mute", track=track)], [at(9, "mute", track=track)],
         [*DEVICES, at(9, "mute", track="remote")]),
        ([at(20, "unmute", track=track)], 20, "recovered"), until=12,
    ) for kind, track in (("audio", "mic"), ("video", "cam"))},
    "churn.reload": Case(
        [at(0, "createPage", reloads=0), at(20, "createPage", reloads=1)], 20, 20,
        [at(0, "createPage", reloads=0), at(20, "createPage", reloads=0)],
        # The first page that we see may have been loaded a hundred times before.
        ([at(0, "createPage", reloads=3)], [at(0, "createPage")]),
    ),
    "ice_failed": Case(
        # Chromium's ICE never says failed.
        [*CHECKING, ice(15, "disconnected"), state(15, "failed")], 15, None, [*CHECKING, ice(15, "disconnected")],
        ([*ICE_ONLY, state(15, "failed")], [*CONNECTED, state(15, "failed")], [state(15, "failed")]),
        ([ice(40, "connected"), state(40, "connected")], 40, "recovered"), until=20,
    ),
    "dtls_failed": Case(
        [*ICE_ONLY, state(15, "failed")], 15, None, [*ICE_ONLY, state(15, "connecting")],
        ([*CHECKING, state(15, "failed")], [*CONNECTED, state(15, "failed")]),
        ([at(20, "close")], 20, "failed"),
    ),
    "slow_dtls": Case(
        [*ICE_ONLY, state(2.7, "connected")], 0.6, 2.7, [*ICE_ONLY, state(2.6, "connected")],
        ([*CHECKING, state(2.7, "connected")],),
    ),
    "slow_stun": server("srflx"),
    **{f"slow_turn.{protocol}": server("relay", protocol) for protocol in ("udp", "tcp", "tls")},
    **{f"turn_unreachable.{variant}": unreachable(code) for variant, code in TURN_CODES.items()},
    "no_turn": Case(
        [create(0), *CHECKING[1:], state(15, "failed")], 15, 15, [create(1), *CHECKING[1:], state(15, "failed")],
        ([create(), *CHECKING[1:], state(15, "failed")], [create(0), *CONNECTED[1:], state(15, "failed")]),
    ),
    "ice_cold_start": Case(
        [*CHECKING, candidate(1, "host"), state(15, "failed"), candidate(16, "relay")], 16, 16,
        [*CHECKING, candidate(1, "host"), candidate(14, "srflx"), state(15, "failed"), candidate(16, "relay")],
        ([*CONNECTED, state(15, "failed"), candidate(16, "srflx")],
         [*CHECKING, candidate(1, "host"), state(15, "failed"), candidate(16, "host")]),
    ),
    "signalling_slow.first": Case(
        [create(), *offer(0.1), *answer(1.2)], 0.1, 1.2, [create(), *offer(0.1), *answer(1.1)],
        ([create(), *answer(1.2)], [*CONNECTED, *offer(10), *answer(12)],
         [create(), *offer(0.1), *answer(1, kind="pranswer"), *answer(9)]),
    ),
    "signalling_slow.later": Case(
        [*CONNECTED, *offer(10), *answer(11.1)], 10, 11.1, [*CONNECTED, *offer(10), *answer(11)],
        ([create(), *offer(0.1), *answer(9)], [*CONNECTED, *offer(10), *answer(11.1, kind="offer")]),
    ),
    "description_failed": Case(
        [create(), at(1, "setRemoteDescriptionOnFailure", error="InvalidAccessError")], 1, 1,
        [create(), at(1, "setRemoteDescriptionOnSuccess")],
        ([create(), at(1, "addIceCandidateOnFailure", error="OperationError")],
         [create(), at(1, "close"), at(2, "createOfferOnFailure", error="InvalidStateError")],
         [create(), at(1, "getUserMediaOnFailure", error="NotAllowedError")]),
        words=(("rtc.api.method", "setRemoteDescription"), ("error.type", "InvalidAccessError")),
    ),
    "description_failed.candidate": Case(
        [create(), at(1, "addIceCandidateOnFailure", error="OperationError")], 1, 1,
        [create(), at(1, "addIceCandidateOnSuccess")],
        ([create(), at(1, "setRemoteDescriptionOnFailure", error="InvalidAccessError")],
         [create(), at(1, "close"), at(2, "addIceCandidateOnFailure", error="InvalidStateError")]),
        words=(("rtc.api.method", "addIceCandidate"),),
    ),
    "negotiation_pending": Case(
        [*CONNECTED, *offer(10), at(11.1, "close")], 10, 11.1, [*CONNECTED, *offer(10), at(11, "close")],
        ([create(), *offer(0.1), at(11, "close")], [*CONNECTED, *offer(10), *answer(10.5), at(20, "close")]),
    ),
    "negotiation_storm": Case(
        [*CONNECTED, *STORM], 70.5, 120.5, [*CONNECTED, *STORM[:-len(answer(0))]],
        # The same number in more than a minute.
        ([*CONNECTED, *(step for n in range(20) for step in (*offer(70 + 6.1 * n), *answer(70.5 + 6.1 * n)))],),
    ),
    "never_connected.timeout": Case(
        [*NEGOTIATED, gathering(0.4, "gathering")], 0, 31, [*NEGOTIATED, gathering(0.4, "gathering"), at(30, "close")],
        # Who tells no states at all has not failed to connect.
        (NEGOTIATED, [create(), *offer(0.1), gathering(0.4, "gathering")], CONNECTED,
         [*CHECKING, state(15, "failed")]),
        until=40, words=(("rtc.setup.stage", "ice_gathering"),),
    ),
    "never_connected.closed": Case(
        [*CHECKING, at(3.1, "close")], 0, 3.1, [*CHECKING, at(3, "close")],
        ([*NEGOTIATED, at(9, "close")], [create(), *offer(0.1), gathering(0.4, "gathering"), at(9, "close")],
         [*CONNECTED, at(9, "close")], [*CHECKING, state(5, "failed"), at(9, "close")]),
        words=(("rtc.setup.stage", "ice_connected"),),
    ),
    "never_connected.unanswered": Case(
        [create(), *offer(0.1), gathering(0.4, "gathering"), at(3.1, "close")], 0, 3.1,
        [create(), *offer(0.1), gathering(0.4, "gathering"), at(3, "close")],
        ([*CHECKING, at(9, "close")], [create(), gathering(0.4, "gathering"), at(9, "close")]),
        words=(("rtc.setup.stage", "set_remote"),),
    ),
    "slow_connect": Case(
        CHECKING, 0.4, None, [*CHECKING, ice(5.2, "connected"), state(5.3, "connected")],
        (NEGOTIATED, [*CONNECTED, ice(10, "checking"), state(10, "connecting")]),
        ([ice(7, "connected"), state(7.5, "connected")], 7.5, ""), until=6,
    ),
    "dropped_call": Case(
        LOST, 10, 10, [*LOST, ice(39.9, "connected"), state(39.9, "connected")],
        ([*LOST, at(39, "close")], [*CHECKING, state(10, "disconnected")], [*LOST, at(20, "replaced")]), until=41,
    ),
    "ice_restart_failed": Case(
        [*LOST, at(12, "restartIce"), *offer(12.1, "r"), state(30, "failed")], 30, 30,
        [*LOST, at(12, "restartIce"), *offer(12.1, "r"), ice(13, "checking"), ice(14, "connected"),
         state(14, "connected")],
        ([*LOST, state(30, "failed")], [*CHECKING, at(12, "restartIce"), state(15, "failed")]),
    ),
    "empty_connection": Case(
        [*CONNECTED, at(9, "no media"), at(10.9, "close")], 0.8, 10.9,
        [*CONNECTED, at(9, "no media"), at(10.8, "close")],
        (
            [*CONNECTED, at(10.9, "close")],  # no report was seen
            [*CONNECTED, at(9, "media"), at(10.9, "close")],
            [*CONNECTED, at(1, "datachannel"), at(9, "no media"), at(10.9, "close")],
            [*CHECKING, at(9, "no media"), at(10.9, "close")],
            [*CONNECTED[1:], at(9, "no media"), at(10.9, "close")],
        ),
    ),
    "slow_first_frame": Case(
        [*CONNECTED, *VIDEO, at(1, "unmute", track="v"), at(3.1, "resize", track="v")], 1, 3.1,
        [*CONNECTED, *VIDEO, at(1, "unmute", track="v"), at(3, "resize", track="v")],
        (
            # The other side's camera is off for a while; an element that is put on the page late; sound alone.
            [*CONNECTED, *VIDEO, at(9, "unmute", track="v"), at(9.5, "resize", track="v")],
            [*CONNECTED, *VIDEO, at(1, "unmute", track="v"), at(1.5, "mute", track="v"), at(9, "resize", track="v")],
            [*CONNECTED, *VIDEO, at(3.1, "resize", track="v")],
            [*CONNECTED, *VIDEO, at(1, "unmute", track="a"), at(3.1, "resize", track="a")],
        ),
    ),
}  # fmt: skip
#: Who comes back is seen by who was here before: see below.
ELSEWHERE = {"churn.rejoin"}

DECIDED = [rule for rule in RULES if rule.source == "event"]
CASED = [rule for rule in DECIDED if rule.id not in ELSEWHERE]
by_id = pytest.mark.parametrize("rule", CASED, ids=lambda rule: rule.id)


def test_every_rule_has_a_case() -> None:
    """What events decide is tested below, with a step below and a guard for each, and an end for what lasts."""
    assert {rule.id for rule in CASED} == CASES.keys()
    assert [name for name, case in CASES.items() if not case.below or not case.unguarded] == []
    assert [name for name, case in CASES.items() if case.end is None and not case.clears[0]] == []


@by_id
def test_it_fires(rule: Rule) -> None:
    """Once, from its true begin on; what is over is told with its end."""
    case = CASES[rule.id]
    watched = Watched().play(case.fires, case.until)
    (kind, episode), *rest = watched.of(rule.id)

    assert kind == "begin"
    assert [kind for kind, _ in rest] == ([] if case.end is None else ["end"])
    assert episode.begin == START + case.begin
    assert episode.end == (None if case.end is None else START + case.end)
    assert (episode.severity, episode.side) == (case.severity or rule.severity, rule.side)
    assert dict(case.words).items() <= episode.words.items()
    if rule.on:
        assert episode.worst >= rule.on
    assert (episode in watched.incidents.open + watched.captures.open) == (case.end is None)


@by_id
def test_it_does_not_fire_one_step_below(rule: Rule) -> None:
    """The bound itself is still well, and what is nearly it is something else."""
    case = CASES[rule.id]

    assert Watched().play(case.below, case.until).of(rule.id) == []


@by_id
def test_it_does_not_fire_unguarded(rule: Rule) -> None:
    """What was not told, or has another reason, is not judged."""
    case = CASES[rule.id]
    for script in case.unguarded:
        assert Watched().play(script, case.until).of(rule.id) == [], script


@by_id
def test_it_clears(rule: Rule) -> None:
    """What lasts ends with its state, and says how; what happened is over at once, and may happen again in a minute."""
    case = CASES[rule.id]
    watched = Watched().play(case.fires, case.until)
    if case.end is not None:
        assert watched.incidents.open + watched.captures.open == [
            episode for episode in watched.incidents.open + watched.captures.open if episode.rule is not rule
        ]
        return
    script, end, outcome = case.clears
    watched.play(script)
    kind, episode = watched.of(rule.id)[-1]

    assert (kind, episode.end, episode.last) == ("end", START + end, START + end)
    assert episode.words.get("rtc.outcome", "") == outcome
    assert [episode for episode in watched.incidents.open if episode.rule is rule] == []


# ── what tables do not say


def test_disconnected_gets_critical_after_five_seconds() -> None:
    """It is worse once; what failed is critical at once."""
    watched = Watched().play([*LOST, ice(20, "connected")])
    failed = Watched().play([*LOST, state(12, "failed"), at(13, "close")])

    assert [kind for kind, _ in watched.of("disconnected")] == ["begin", "worse", "end"]
    assert [watched.of("disconnected")[0][1].severity] == ["critical"]
    assert [kind for kind, _ in failed.of("disconnected")] == ["begin", "worse", "end"]
    assert failed.of("disconnected")[0][1].words == {"rtc.outcome": "failed"}


def test_a_client_that_was_met_in_the_middle_of_its_call_may_be_disconnected() -> None:
    """Its creation was not seen, so it counts as connected."""
    watched = Watched().play([state(3, "disconnected")], until=40)

    assert watched.told == ["disconnected", "dropped_call"]


def test_a_client_may_tell_the_state_of_ice_alone() -> None:
    """Firefox told no other for years: connected ICE is all that it has, and says nothing of DTLS."""
    slow = Watched().play([*NEGOTIATED, ice(0.4, "checking"), ice(6, "connected")], until=60)
    lost = Watched().play([*NEGOTIATED, ice(0.4, "checking"), ice(1, "connected"), ice(9, "disconnected")], until=41)
    back = Watched().play([*NEGOTIATED, ice(1, "connected"), ice(9, "disconnected"), ice(12, "connected")], until=60)
    fast = Watched().play([*NEGOTIATED, ice(0.4, "connected"), state(0.5, "connecting"), state(7, "failed")], until=60)

    assert slow.told == ["slow_connect"]
    assert slow.of("slow_connect")[-1][1].end == START + 6
    assert lost.told == ["disconnected", "dropped_call"]
    assert back.of("disconnected")[-1][1].words == {"rtc.outcome": "recovered"}
    assert fast.told == ["slow_connect", "dtls_failed"]


def test_who_asks_for_the_microphone_alone_lacks_a_camera() -> None:
    """Applications ask for both first: when the second attempt brings sound, the call is possible."""
    both = [
        at(0, "getUserMedia", audio=True, video=True, call="1"),
        at(1, "getUserMediaOnFailure", error="NotFoundError", call="1"),
    ]
    sound = [at(1.1, "getUserMedia", audio=True, call="2"), at(4, "getUserMediaOnSuccess", audio=True, call="2")]
    late = [at(1.1, "getUserMedia", audio=True, call="2"), at(7, "getUserMediaOnSuccess", audio=True, call="2")]

    assert Watched().play([*both, *sound], until=20).told == ["capture_failed.video.missing"]
    assert Watched().play([*both, *late], until=20).told == ["capture_failed.audio.missing"]
    assert Watched().play([*both, at(2, "leave")]).told == ["capture_failed.audio.missing"]


def test_a_failure_of_turn_takes_the_blame() -> None:
    """Who has no relay for wrong credentials and then no path has the application to thank."""
    gathers = [create(1), *CHECKING[1:], gathering(0.5, "gathering"), refused(0.7, "401"), gathering(1, "complete")]
    failed = Watched().play([*gathers, state(15, "failed")]).of("ice_failed")[0][1]
    given_up = Watched().play([*gathers, at(15, "close")]).of("never_connected.closed")[0][1]

    assert (failed.side, failed.cause) == ("application", "turn_unreachable")
    assert (given_up.side, given_up.cause) == ("application", "turn_unreachable")


def test_another_connection_that_comes_up_replaces_one_that_never_did() -> None:
    """The application tried again with a new peer connection, and forgot the old one."""
    watched = Watched().play([*CHECKING, state(15, "failed"), at(20, "replaced")], until=60)
    kind, episode = watched.of("ice_failed")[-1]

    assert (kind, episode.end, episode.words["rtc.outcome"]) == ("end", START + 21, "superseded")


def test_the_same_thing_is_told_once_a_minute() -> None:
    """A client that repeats itself is one client."""
    fails = [at(n, "setLocalDescriptionOnFailure", error="OperationError") for n in range(1, 122)]

    assert Watched().play([create(), *fails]).told == ["description_failed"] * 3


def test_sleep_is_no_outage() -> None:
    """A laptop that slept while it was disconnected was disconnected as long as it was awake."""
    watched = Watched().play(LOST, until=12)
    slept = START + 3600
    watched.changes += watched.incidents.event("iceconnectionstatechange", {"state": "connected"}, slept)

    (_, episode), _ = watched.of("disconnected")
    assert episode.end == START + 12
    assert "dropped_call" not in watched.told


def test_sleep_does_not_hide_what_is_still_down() -> None:
    """After the pause it begins anew."""
    watched = Watched().play(LOST, until=12)
    for second in range(20):
        watched.changes += watched.incidents.tick(START + 3600 + second)

    first, second_ = (episode for kind, episode in watched.of("disconnected") if kind == "begin")
    assert (first.end, second_.begin, second_.severity) == (START + 12, START + 3600, "critical")


def test_nothing_comes_after_the_end() -> None:
    """What a page does to a closed connection is no fault of the call."""
    watched = Watched().play([*LOST, at(20, "close")], until=90)
    before = len(watched.changes)
    watched.play([*LOST, at(95, "close")])

    assert len(watched.changes) == before
    assert (watched.incidents.waits, watched.incidents.open) == (False, [])


# ── the whole exporter

KEY = ParticipantKey("room", "ann")
PC = PeerConnectionKey("room", "ann", "PC_0")


class Exporter:
    """A pipeline with one participant, and a clock of seconds."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(PipelineSettings(traces=TraceSettings()), START)
        self.now = 0.0

    def play(self, script: Sequence[tuple[float, str, dict[str, Member]]], pc: str = "PC_0") -> "Exporter":
        """Events of one peer connection, or of the page."""
        for time, name, facts in script:
            self.wait(time)
            key = PC._replace(peer_connection=pc)
            self.pipeline.feed(Event(key, START + time, name, facts), START + time)
        return self

    def wait(self, time: float) -> None:
        """Ticks."""
        while (second := floor(self.now) + 1) <= time:
            self.now = second
            self.pipeline.tick(START + self.now)
        self.now = max(self.now, time)

    def series(self, name: str) -> dict[tuple[str, ...], float]:
        """Issue, side and severity -> value, where it is not 0."""
        family = next(family for family in self.pipeline.store.families() if family.metric.name == name)
        attributes = family.metric.attributes
        places = [attributes.index(label) for label in ("rtc.issue", "rtc.side", "rtc.severity")]
        return {
            tuple(values[place] for place in places): float(slot.value)  # type: ignore[union-attr]  # no histogram
            for values, slot in family.series.items()
            if slot.value  # type: ignore[union-attr]
        }


def test_events_are_counted_while_they_last() -> None:
    """Disconnected for ten seconds: a warning that turns critical, whose seconds add up, and that is over then."""
    exporter = Exporter().play(LOST)
    exporter.wait(20)
    active = dict(exporter.pipeline.sessions.participants[KEY].verdict.active)
    now = exporter.series("rtc.issue.participants")
    exporter.play([ice(20, "connected"), state(20, "connected")])

    assert active == {("rtc.issue.active", ("disconnected", "network", "critical")): 1.0}
    assert now == {("disconnected", "network", "critical"): 1.0}
    assert exporter.series("rtc.issue.participants") == {}
    assert exporter.series("rtc.issue.onsets") == {("disconnected", "network", "warning"): 1.0}
    assert exporter.series("rtc.issue.time") == {
        ("disconnected", "network", "warning"): 5.0, ("disconnected", "network", "critical"): 5.0,
    }  # fmt: skip


def test_critical_issues_exist_before_they_happen() -> None:
    """At 0 for each cohort, so that the first one is an increase."""
    exporter = Exporter()
    exporter.pipeline.feed(Joined(KEY, START, {"rtc.app.name": "app"}), START)
    family = next(f for f in exporter.pipeline.store.families() if f.metric.name == "rtc.issue.onsets")
    found = {values[3:] for values, _ in family.series.items() if values[0] == "app"}

    assert found == {(issue, side, "critical") for issue, side in CRITICAL_SIDES}
    assert {("ice_failed", "network"), ("capture_failed", "user"), ("never_connected", "application"),
            ("disconnected", "network")} <= set(CRITICAL_SIDES)  # fmt: skip


def spans(exporter: Exporter) -> list[Span]:
    """Episodes that have left as spans."""
    exporter.pipeline.feed(Left(KEY, START + exporter.now, "left"), START + exporter.now)
    return [span for span in exporter.pipeline.take_spans() if span.name.startswith("rtc.episode.")]


def test_what_a_page_does_is_a_span_without_a_peer_connection() -> None:
    """A microphone that was denied, and one that the system muted until the end."""
    muted = [
        *DEVICES[:1],
        at(0, "getUserMediaOnSuccess", audio=True, microphone="mic", call="g"),
        at(9, "mute", track="mic"),
    ]
    exporter = Exporter().play([at(0, "createPage", reloads=0), *muted], pc="")
    exporter.wait(20)
    (span,) = spans(exporter)

    assert (span.name, span.start, span.end) == ("rtc.episode.muted_by_system", START + 9, START + 9)
    assert "rtc.peer_connection.id" not in span.attributes
    assert span.attributes["rtc.side"] == "device"


def test_a_long_outage_leaves_in_parts() -> None:
    """Eleven minutes: two parts of five, and the rest; all of it is counted."""
    exporter = Exporter().play(LOST)
    for second in range(11, 680, 5):
        exporter.play([at(second, "memory", value=1.0)], pc="")
    exporter.play([ice(680, "connected"), state(680, "connected")])
    parts = [span for span in spans(exporter) if span.name == "rtc.episode.disconnected"]

    assert [span.attributes["rtc.part"] for span in parts] == [0, 1, 2]
    assert [span.start for span in parts[1:]] == [span.end for span in parts[:-1]]
    assert sum(exporter.series("rtc.issue.time").values()) == pytest.approx(670)


def test_who_falls_silent_is_not_counted_on() -> None:
    """A client of which nothing is heard may sleep: ten seconds are counted, and not an hour."""
    exporter = Exporter().play(LOST)
    exporter.wait(3000)

    assert sum(exporter.series("rtc.issue.time").values()) == 10.0
    assert ("dropped_call", "network", "critical") not in exporter.series("rtc.issue.onsets")


def test_who_is_back_within_a_minute_was_never_gone() -> None:
    """A rejoin, where the page does not say that it was loaded again; later it is a new visit."""
    for away, told in ((30.0, {("churn", "user", "info"): 1.0}), (61.0, {})):
        exporter = Exporter().play([at(0, "createPage")], pc="")
        exporter.pipeline.feed(Left(KEY, START + 10, "left"), START + 10)
        exporter.play([at(10 + away, "visibilitychange", flag=False)], pc="")
        exporter.wait(exporter.now + 10)

        assert exporter.series("rtc.issue.onsets") == told


def test_media_is_no_empty_connection() -> None:
    """A report with packets of any stream says that the connection was good for something."""
    stream: Members = {"type": "outbound-rtp", "kind": "audio", "ssrc": 1}
    for packets, told in ((100, {}), (0, {("empty_connection", "application", "info"): 1.0})):
        exporter = Exporter().play(CONNECTED)
        for time in (1, 11, 21):
            members: Members = {**stream, "packetsSent": packets * time // 10}
            exporter.wait(time)
            exporter.pipeline.feed(Report(PC, START + time, START + time, {"A": members}, {}), START + time)
        exporter.play([at(22, "close")])

        assert exporter.series("rtc.issue.onsets") == told


# ── recorded calls

NAMES = {rule.name for rule in DECIDED}


def found(case: str, participant: str | None = None) -> list[tuple[str, str, str]]:
    """Issue, side and severity of what events decided in a recorded call, in order."""
    return [
        (str(span.attributes["rtc.issue"]), str(span.attributes["rtc.side"]), str(span.attributes["rtc.severity"]))
        for span in sorted(traced.spans(case), key=lambda span: span.start)
        if span.attributes.get("rtc.issue") in NAMES and participant in (None, span.attributes["rtc.participant.id"])
    ]


NO_PATH = [
    ("slow_connect", "network", "warning"),
    ("ice_failed", "network", "critical"),
    ("no_turn", "application", "info"),
]
WRONG_PASSWORD = [("never_connected", "application", "warning"), ("turn_unreachable", "application", "warning")]
RECORDED: dict[tuple[str, str], list[tuple[str, str, str]]] = {
    **{(case, who): NO_PATH for case in ("icefail-cr", "icefail-ff") for who in ("p1", "p2")},
    **{("turndenied-cr", who): WRONG_PASSWORD for who in ("p1", "p2")},
    ("gumdenied-cr", "p1"): [("capture_failed", "user", "critical")],
    ("gumdenied-ff", "p1"): [("capture_failed", "user", "critical")],
    ("gumnotfound-cr", "p1"): [("capture_failed", "device", "critical")],
    ("reload-cr", "p2"): [("churn", "user", "info")],
    ("degraded-ff", "p1"): [
        ("disconnected", "network", "warning"), ("disconnected", "network", "warning"),
        ("disconnected", "network", "critical"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", sorted({name.split(".")[0] for name in captures.names()}))
def test_a_recorded_call_has_the_issues_of_its_scenario_and_no_other(case: str) -> None:
    """What was done to a call is found, with its side; a healthy call has nothing."""
    for who in {name.split(".")[1] for name in traced.participants(case)}:
        assert sorted(found(case, who)) == sorted(RECORDED.get((case, who), [])), who


@pytest.mark.parametrize(("case", "seconds"), [("icefail-cr", 15.0), ("icefail-ff", 11.1)])
def test_ice_fails_when_the_browser_says_so(case: str, seconds: float) -> None:
    """Chromium gives up after 15 s, Firefox after 11; the issue lasts until the page closes the connection."""
    named = {name: [span for span in traced.spans(case) if span.name == f"rtc.episode.{name}"]
             for name in ("slow_connect", "ice_failed")}  # fmt: skip

    for slow, failed in zip(*(sorted(several, key=lambda span: span.start) for several in named.values()), strict=True):
        assert failed.start == pytest.approx(slow.start + seconds, abs=0.2)
        assert failed.end - failed.start > 25
        assert failed.attributes["rtc.outcome"] == "failed"


def test_denied_credentials_are_told_with_their_code() -> None:
    """Within a second of gathering, not when the user gives up."""
    for span in traced.spans("turndenied-cr"):
        if span.name == "rtc.episode.turn_unreachable":
            assert span.end - span.start < 1
            assert span.attributes["error.type"] == "401"
            assert span.attributes["rtc.ice.transport"] == "udp"


def test_disconnected_is_what_firefox_said() -> None:
    """Begin and end are those of the states."""
    told = [span for span in traced.spans("degraded-ff") if span.name == "rtc.episode.disconnected"]

    assert [span.end - span.start for span in told] == pytest.approx([0.425, 0.419, 5.672], abs=0.001)
    assert {span.attributes["rtc.outcome"] for span in told} == {"recovered"}


# ── hostile clients

WORDS = st.sampled_from([
    *w3c.CONNECTION_STATES, *w3c.ICE_STATES, "stable", "have-local-offer", "gathering", "complete", "offer", "answer",
    "host", "relay", "srflx", "audio", "video", "401", "701", "NotFoundError", "t", "",
])  # fmt: skip
FACTS = st.dictionaries(
    st.sampled_from(sorted(w3c.FACTS)), WORDS | st.booleans() | st.integers(0, 3) | st.floats(-10, 1e9), max_size=6
)
CHECKED = st.builds(
    lambda facts: {name: value for name, value in facts.items() if type(value) is w3c.FACTS[name]}, FACTS
)
EVENTS = st.lists(
    st.tuples(st.sampled_from(sorted(w3c.EVENTS)), CHECKED, st.floats(-100, 100)), max_size=60
)  # fmt: skip


@settings(deadline=None)
@given(EVENTS)
def test_whatever_comes_in_whatever_order_is_taken(events: list[tuple[str, dict[str, Member], float]]) -> None:
    """No exception; what begins ends, once and not before it began; when all is closed, nothing is open."""
    incidents, page, time = Incidents(), Captures(), START
    changes = []
    for name, facts, passed in events:
        time += passed
        changes += [*incidents.event(name, facts, time), *page.event(name, facts, time)]
        changes += [*incidents.tick(time + 1), *page.tick(time + 1)]
        assert len(incidents.open) + len(page.open) <= len(DECIDED)
    changes += [*incidents.close(time), *page.close(time)]

    begun = [id(change.episode) for change in changes if change.kind == "begin"]
    ended = [id(change.episode) for change in changes if change.kind == "end"]
    assert sorted(begun) == sorted(ended)
    assert len(set(begun)) == len(begun)
    for change in changes:
        episode = change.episode
        assert episode.end is not None
        assert episode.begin <= episode.end
        assert set(episode.words) <= {
            "error.type", "rtc.api.method", "rtc.setup.stage", "rtc.ice.server.scheme", "rtc.ice.transport",
            "rtc.outcome",
        }  # fmt: skip
    assert incidents.open == page.open == []
    assert not incidents.waits
    assert not page.waits


def test_a_client_that_makes_things_up_is_bounded() -> None:
    """Ten thousand calls, tracks and failures are as many as a few."""
    watched = Watched()
    for n in range(10_000):
        time = START + n / 1000
        several: tuple[tuple[str, dict[str, Member]], ...] = (
            ("getUserMedia", {"audio": True, "call": f"c{n}"}),
            ("getUserMediaOnSuccess", {"audio": True, "microphone": f"m{n}", "camera": f"v{n}"}),
            ("mute", {"track": f"m{n}"}),
            ("icecandidateerror", {"error": "401", "scheme": "turn"}),
            ("setLocalDescriptionOnFailure", {"error": "OperationError"}),
        )
        for name, facts in several:
            watched.changes += [*watched.incidents.event(name, facts, time), *watched.captures.event(name, facts, time)]

    assert len(watched.captures._asked) <= MOST
    assert len(watched.captures._tracks) <= MOST + 1
    assert len(watched.changes) <= 10
