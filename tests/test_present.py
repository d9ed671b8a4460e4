"""F8: no client can make time pass, whatever its format."""

import re

import pytest

from rtc_exporter.model import NOTHING, Event, Joined, Left, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.present import SLACK, Present
from tests.running import START, Running, with_exporter
from tests.test_wire_garbage import DECODERS, FRAMES

KEY = PeerConnectionKey("room", "ann", "PC_0")
YEAR = 365 * 86400.0
#: Formats whose clients say when; the others are as late as they come.
DATED = sorted(DECODERS.keys() - {"jitsi-service", "peermetrics", "pushgateway"})
#: Frames with a date, for formats whose clients write one at first alone.
DATES = {
    "rtcstats": ['["mute",null,null,1795171600000]'],
    "rtc-exporter": ['[999999,"mute",null,null,1795171600000]'],
}
#: A date in milliseconds, of the years 2023 to 2029.
DATE = re.compile(r"\b1[78]\d{11}\b")


def report(time: float, sent: float) -> Report:
    """A report with nothing in it."""
    return Report(KEY, time, sent, NOTHING, NOTHING)


def event(time: float) -> Event:
    """Something that happened."""
    return Event(KEY, time, "mute", {})


#: What comes at 1,000 s, and what it is held to.
HELD: list[tuple[str, list[Record], list[Record]]] = [
    ("now", [event(1000), report(1000, 1000)], [event(1000), report(1000, 1000)]),
    ("a little late or early", [event(995), event(1005)], [event(995), event(1005)]),
    ("the past, all at once", [event(0), event(500), event(1000)], [event(0), event(500), event(1000)]),
    ("a clock that is ahead", [event(4600), event(4605), event(4606)], [event(4600), event(4605), event(4605)]),
    ("a clock that is set forth", [event(1000), event(4600)], [event(1000), event(1005)]),
    ("a clock that is set back", [event(1000), event(900)], [event(1000), event(900)]),
    ("two clocks", [report(9000, 1000), report(9001, 5000)], [report(9000, 1000), report(9001, 1005)]),
    (
        "whoever comes and goes",
        [Joined(ParticipantKey("s", "p"), 1000, {}), Left(ParticipantKey("s", "p"), 4e9, "closed")],
        [Joined(ParticipantKey("s", "p"), 1000, {}), Left(ParticipantKey("s", "p"), 1005, "closed")],
    ),
]


@pytest.mark.parametrize(("name", "told", "held"), HELD, ids=[name for name, _, _ in HELD])
def test_nothing_is_later_than_now(name: str, told: list[Record], held: list[Record]) -> None:
    """A clock may be wrong, and is as wrong as it was at first."""
    assert list(Present().hold(told, 1000.0)) == held


def test_files_are_over() -> None:
    """Their times are what they are."""
    told = [event(1000), event(9000)]

    assert list(Present(is_past=True).hold(told, 1000.0)) == told


def _decoded(name: str, frames: list[str], now: float) -> list[Record]:
    decoder = DECODERS[name]()
    return [record for frame in frames for record in decoder.receive(frame, now)]


def _later(frame: str) -> str:
    return DATE.sub(lambda found: str(int(found[0]) + int(YEAR * 1000)), frame)


def _latest(records: list[Record]) -> float:
    return max(record.sent if isinstance(record, Report) else record.time for record in records)


@pytest.mark.parametrize("name", DATED)
def test_no_format_makes_time_pass(name: str) -> None:
    """The second half of what a client says is of the next year: it is held to ours, and what is true is left alone."""
    frames = [*FRAMES[name], *DATES.get(name, ())]
    now = _latest(_decoded(name, frames, START))
    true = _decoded(name, frames, now)
    half = len(frames) // 2
    false = _decoded(name, frames[:half] + [_later(frame) for frame in frames[half:]], now)
    held = list(Present().hold(false, now))

    assert list(Present().hold(true, now)) == true
    assert _latest(false) > now + YEAR / 2, "or nothing was tried"
    assert _latest(held) <= now + SLACK + 1.0
    assert [type(record) for record in held] == [type(record) for record in false]


@with_exporter(metrics__fold_interval="0")
async def test_a_date_of_next_year_is_no_year_of_a_call(exporter: Running) -> None:
    """Over HTTP, one document after the other: the clocks of whoever posts are remembered."""
    url = exporter.ingest("/v1/reports/room/ann")
    for time in (START, START + YEAR):
        body = {"time": time * 1000, "events": [{"name": "mute", "time": time * 1000}]}
        assert (await exporter.http.post(url, json=body)).status_code == 202
    (participant,) = exporter.server.pipeline.sessions.participants.values()

    assert participant.sent <= START + SLACK
