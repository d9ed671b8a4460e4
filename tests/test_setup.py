"""Setup of a peer connection: events in, stages, outcomes, restarts and outages out."""

import pytest

from rtc_exporter.model import Member, Stats
from rtc_exporter.setup import Calls, Outage, Outcome, Restart, Setup, Stage, Step

Script = list[tuple[float, str, dict[str, Member]]]


def play(script: Script, *, created: float | None = 0.0, end: float | None = None) -> list[Step]:
    """Every step of a script of (time, event, facts), with our clock equal to the client's."""
    setup = Setup(created)
    steps = [step for time, name, facts in script for step in setup.on(name, facts, time, time)]
    if end is not None:
        steps += setup.tick(end) + setup.close()
    return steps


def state(time: float, value: str) -> tuple[float, str, dict[str, Member]]:
    return time, "connectionstatechange", {"state": value}


def ice(time: float, value: str) -> tuple[float, str, dict[str, Member]]:
    return time, "iceconnectionstatechange", {"state": value}


def call(time: float, name: str, seconds: float, ident: str = "1") -> Script:
    return [(time, name, {"call": ident}), (time + seconds, f"{name}OnSuccess", {"call": ident})]


NEGOTIATED: Script = [
    *call(0, "createOffer", 0.25),
    *call(1, "setLocalDescription", 0.5),
    *call(2, "setRemoteDescription", 0.125),
]
NEGOTIATION: list[Step] = [
    Stage("create_offer", 0.25, 0.25),
    Stage("set_local", 0.5, 1.5),
    Stage("set_remote", 0.125, 2.125),
]
CONNECTED: Script = [ice(3, "checking"), ice(3.5, "connected"), state(3.75, "connected")]
CONNECTION: list[Step] = [
    Stage("ice_connected", 0.5, 3.5),
    Stage("dtls_connected", 0.25, 3.75),
    Outcome("connected"),
    Stage("total", 3.75, 3.75),
]

CASES: dict[str, tuple[Script, float | None, list[Step]]] = {
    "a call that connects": (NEGOTIATED + CONNECTED, 60.0, NEGOTIATION + CONNECTION),
    "gathering is timed once": (
        [(1, "icegatheringstatechange", {"state": "gathering"}), (3, "icegatheringstatechange", {"state": "complete"}),
         (4, "icegatheringstatechange", {"state": "gathering"}), (9, "icegatheringstatechange", {"state": "complete"})],
        None, [Stage("ice_gathering", 2.0, 3.0)],
    ),
    "no path is an ICE failure": (
        [*NEGOTIATED, ice(3, "checking"), state(18, "failed")], 60.0, [*NEGOTIATION, Outcome("ice_failed")],
    ),
    "a path without DTLS is a DTLS failure": (
        [*NEGOTIATED, ice(3, "checking"), ice(4, "connected"), state(18, "failed")], 60.0,
        [*NEGOTIATION, Stage("ice_connected", 1.0, 4.0), Outcome("dtls_failed")],
    ),
    "both descriptions and thirty seconds of nothing is a timeout": (
        NEGOTIATED, 32.125, [*NEGOTIATION, Outcome("timeout")],
    ),
    "closed before that is abandoned": (NEGOTIATED, 32.0, [*NEGOTIATION, Outcome("abandoned")]),
    "an offer that nobody answers is abandoned, however late": (
        call(0, "createOffer", 0.25) + call(1, "setLocalDescription", 0.5), 900.0,
        [Stage("create_offer", 0.25, 0.25), Stage("set_local", 0.5, 1.5), Outcome("abandoned")],
    ),
    "a peer connection that never negotiates is no attempt": ([], 60.0, []),
    "a later failure does not change the outcome": (
        [*NEGOTIATED, *CONNECTED, ice(20, "disconnected"), state(30, "failed")], 60.0, NEGOTIATION + CONNECTION,
    ),
    "later negotiations are no stage of setup": (
        [*NEGOTIATED, *CONNECTED, *call(30, "createOffer", 9, "2")], 60.0, NEGOTIATION + CONNECTION,
    ),
    "an outage is timed when it ends": (
        [*NEGOTIATED, *CONNECTED, ice(20, "disconnected"), ice(23, "connected")], 60.0,
        [*NEGOTIATION, *CONNECTION, Outage(3.0)],
    ),
    "an outage that does not end is none": (
        [*NEGOTIATED, *CONNECTED, ice(20, "disconnected")], 60.0, NEGOTIATION + CONNECTION,
    ),
    "disconnected before connected is no outage": (
        [ice(1, "checking"), ice(2, "disconnected"), ice(4, "connected")], None, [Stage("ice_connected", 3.0, 4.0)],
    ),
    "a restart that reconnects has recovered": (
        [*NEGOTIATED, *CONNECTED, ice(20, "disconnected"), (21, "restartIce", {}),
         *call(22, "setLocalDescription", 1, "2"), ice(24, "checking"), ice(25, "connected")], 60.0,
        [*NEGOTIATION, *CONNECTION, Outage(5.0), Restart("recovered")],
    ),
    "a restart that fails has failed": (
        [*NEGOTIATED, *CONNECTED, (21, "createOffer", {"ice_restart": True, "call": "9"}), state(40, "failed")], 60.0,
        [*NEGOTIATION, *CONNECTION, Restart("failed")],
    ),
    "restartIce and its offer are one restart, a second one supersedes it": (
        [*NEGOTIATED, *CONNECTED, (21, "restartIce", {}), (21, "createOffer", {"ice_restart": True, "call": "8"}),
         *call(22, "setLocalDescription", 1, "9"), (25, "restartIce", {}), ice(26, "disconnected"), ice(26, "checking"),
         *call(26, "setLocalDescription", 1, "10"), ice(28, "connected")], 60.0,
        [*NEGOTIATION, *CONNECTION, Restart("superseded"), Outage(2.0), Restart("recovered")],
    ),
    "a restart still open at the end has recovered while the path holds": (
        [*NEGOTIATED, *CONNECTED, (21, "restartIce", {}), *call(22, "setLocalDescription", 1, "9")], 60.0,
        [*NEGOTIATION, *CONNECTION, Restart("recovered")],
    ),
    "the first packet and frame are timed from connected": (
        [*NEGOTIATED, *CONNECTED, (4.75, "unmute", {}), (5.75, "resize", {}), (6, "unmute", {})], None,
        [*NEGOTIATION, *CONNECTION, Stage("first_packet", 1.0, 4.75), Stage("first_frame", 2.0, 5.75)],
    ),
    "a packet that overtakes the event counts as at once": (
        [(1, "unmute", {}), state(2, "connected")], None,
        [Outcome("connected"), Stage("total", 2.0, 2.0), Stage("first_packet", 0.0, 2.0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("script", "end", "expected"), CASES.values(), ids=CASES)
def test_what_events_say_about_setup(script: Script, end: float | None, expected: list[Step]) -> None:
    """A script of events has exactly these steps, in this order."""
    assert play(script, end=end) == expected


def test_who_joins_late_has_no_outcome_and_no_stage() -> None:
    """A peer connection that was there before we were is not counted as an attempt."""
    assert play(NEGOTIATED + CONNECTED, created=None, end=60.0) == [
        Stage("ice_connected", 0.5, 3.5),
        Stage("dtls_connected", 0.25, 3.75),
    ]


def test_a_report_with_media_proves_the_connection() -> None:
    """A client that sends no state events is connected when its transport or its media says so."""
    setup = Setup(10.0)
    stats: Stats = {
        "T": {"type": "transport", "dtlsState": "connected"},
        "A": {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 1},
        "V": {"type": "inbound-rtp", "kind": "video", "packetsReceived": 4, "framesDecoded": 1},
    }

    steps = setup.report(stats, 12.0)

    assert steps == [
        Outcome("connected"), Stage("total", 2.0, 12.0), Stage("first_packet", 0.0, 12.0),
        Stage("first_frame", 0.0, 12.0),
    ]  # fmt: skip
    assert not setup.awaits_media
    assert setup.report(stats, 13.0) == []


def test_calls_settle_by_id_or_in_order() -> None:
    """A result belongs to the call with its id, and without an id to the oldest call of its method."""
    calls = Calls()
    calls.begin("getUserMedia", "60-0", 1.0)
    calls.begin("getUserMedia", "60-1", 2.0)
    calls.begin("getDisplayMedia", "", 3.0)

    assert calls.settle("getUserMedia", "60-1", 4.0) == 2.0
    assert calls.settle("getUserMedia", "", 4.0) == 3.0
    assert calls.settle("getDisplayMedia", "63-0", 4.0) is None
    assert calls.settle("getDisplayMedia", "", 4.0) == 1.0
    assert calls.settle("getDisplayMedia", "", 4.0) is None


def test_a_clock_that_jumps_back_gives_no_negative_duration() -> None:
    """The event clock follows NTP; a stage is never shorter than nothing."""
    assert play([(5, "createOffer", {"call": "1"}), (4, "createOfferOnSuccess", {"call": "1"})]) == [
        Stage("create_offer", 0.0, 4.0)
    ]
