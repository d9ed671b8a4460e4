"""
What is reported between two folds waits at an edge, and counts as if each report had gone at once.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc_exporter import wire
from rtc_exporter.app import entries
from rtc_exporter.app.bases import WHOLE
from rtc_exporter.app.edge import LONGEST, Edge
from rtc_exporter.app.entries import Head
from rtc_exporter.app.eventlog import InProcess
from rtc_exporter.app.intake import Connection, Intake
from rtc_exporter.app.outbox import Outbox
from rtc_exporter.app.parts import pipeline_settings
from rtc_exporter.auth import Identity
from rtc_exporter.metric import Tier
from rtc_exporter.model import ParticipantKey
from rtc_exporter.tenants import Tenants
from tests.test_engine import CONFIG, counts, make, near, packets

START = 1_760_000_000.0
INTERVAL = 5.0
#: A stream of video that has begun, so that nothing of the setup is waited for.
FIRST = {"0": {"type": 1, "11": "video", "10": 1, "14": 1, "20": 1, "41": 100}}


class Client:
    """A page that reports to an edge, or to whoever counts at once."""

    def __init__(self, intake: Intake, name: str = "ann") -> None:
        identity = Identity(ParticipantKey("room", name), True, {})
        self.connection: Connection = intake.open(identity, wire.by_name("rtcstats"), "", START)

    def tell(self, at: float, method: str, value: object = None, peer: str | None = "PC_0", lag: float = 0.0) -> None:
        """Something has happened, ``lag`` seconds before it comes, which is ``at`` seconds after the start."""
        row = (method, peer, value or {}, round((START + at - lag) * 1000))
        self.connection.receive(orjson.dumps(row).decode(), START + at)

    def report(
        self, at: float, stats: dict[str, Any], peer: str = "PC_0", time: float | None = None, lag: float = 0.0
    ) -> None:
        """A report of this time, which is ``at`` unless it is said."""
        stamp = round((START + (at if time is None else time)) * 1000)
        self.tell(at, "g", {**stats, "t": stamp}, peer, lag)


class Place:
    """An edge whose batches are closed by hand."""

    def __init__(self, interval: float = INTERVAL, name: str = "edge", most: int = 1 << 20) -> None:
        self.name = name
        self.outbox = Outbox(InProcess(1), name, lambda: START, most, lambda outcome: None)
        tenants = Tenants(pipeline_settings(CONFIG), (), 0.0)
        self.edge = Edge(tenants, self.outbox, CONFIG.bounds, 60.0, interval)
        self.intake = Intake(CONFIG, self.edge, self.edge)
        self._number = 0

    @property
    def lines(self) -> list[bytes]:
        """What is written, and in no batch yet."""
        return self.outbox._lanes[0].lines

    def batch(self) -> bytes:
        """What is written since the last."""
        self._number += 1
        payload = entries.pack(Head(self.name, self._number, START), self.lines)
        self.lines.clear()
        return payload


def heard(number: int) -> dict[str, Any]:
    """What changes when something has arrived."""
    return {"0": {"14": number, "41": 100 * number}}


class Told(NamedTuple):
    """An entry about reports: their times in seconds from the start, and what changed; empty where it is whole."""

    times: list[float]
    delta: dict[str, Any]


def told(lines: Iterable[bytes]) -> list[Told | str]:
    """What stands in the log: reports, and the names of what else there is."""
    found: list[Told | str] = []
    for line in lines:
        entry = entries.read(line)
        if entry.arrivals:
            delta = orjson.loads(entry.delta)[2] if entry.delta else {}
            delta.pop("t", None)
            found.append(Told([time - START for _, time, _ in entry.arrivals], delta))
        else:
            found.append(getattr(entry.what, "name", type(entry.what).__name__))
    return found


def begun(place: Place) -> Client:
    """A client whose first report is written, of the second 0."""
    client = Client(place.intake)
    client.tell(0.0, "create")
    client.report(0.0, FIRST)
    place.lines.clear()
    return client


def test_reports_between_two_folds_are_one_entry() -> None:
    """The second goes at once, since the first did not say whether anything arrived; then all that is due."""
    place = Place()
    client = begun(place)
    for number in range(1, 12):
        client.report(number, heard(number))

    assert told(place.lines) == [
        Told([1], {"0": {"14": 1, "41": 100}}),
        Told([2, 3, 4, 5], {"0": {"14": 5, "41": 500}}),
        Told([6, 7, 8, 9, 10], {"0": {"14": 10, "41": 1000}}),
    ]


def test_an_entry_tells_when_each_report_came() -> None:
    """When it was taken, its time, and when it was sent; and in the last, what has changed since the entry before."""
    place = Place()
    client = begun(place)
    client.report(1, heard(1))
    place.lines.clear()
    client.report(2.25, {"0": {"14": 2, "41": 200, "16": 0.5}}, time=2)
    client.report(5, heard(5))

    assert place.lines == [
        b'["change","",1760000005.0,["room","ann","PC_0"],null,true,1,'
        b"[[1760000002.25,1760000002.0,1760000002.25],[1760000005.0,1760000005.0,1760000005.0]]]\t"
        b'["g","",{"0":{"14":5,"41":500,"16":0.5},"t":1760000005000},0]'
    ]


def first_silent(client: Client) -> None:
    """Nothing has arrived, and then something."""
    client.report(4, {"0": {"16": 0.1}})
    client.report(4.2, heard(4))


def many(client: Client) -> None:
    """Ten a second."""
    for number in range(4, 9):
        client.report(3 + number / 10, heard(number))


#: Reports of the seconds 2 and 3 wait when something happens, and what is written then.
CASES: dict[str, tuple[Callable[[Place, Client], object], list[Told | str]]] = {
    "nothing has arrived, nor is it known how long": (
        lambda _, client: first_silent(client),
        [Told([2, 3, 4], {"0": {"14": 3, "41": 300, "16": 0.1}}), Told([4.2], heard(4))],
    ),
    "an object is gone": (
        lambda place, client: client.report(4, {"0": None}),
        [Told([2, 3, 4], {})],
    ),
    "an object is new: that is written whole when it is judged": (
        lambda place, client: client.report(4, {**heard(4), "1": {"type": 2, "79": 1}}),
        [],
    ),
    "a clock that goes back": (
        lambda place, client: client.report(4, heard(4), time=1),
        [Told([2, 3], heard(4)), Told([1], {})],
    ),
    "an event of the peer connection": (
        lambda place, client: client.tell(4, "onsignalingstatechange", "stable"),
        [Told([2, 3], heard(3)), "signalingstatechange"],
    ),
    "an event of the page": (
        lambda place, client: client.tell(4, "navigator.mediaDevices.ondevicechange", peer=None),
        [Told([2, 3], heard(3)), "devicechange"],
    ),
    "it closes": (
        lambda place, client: client.tell(4, "close"),
        [Told([2, 3], heard(3)), "close"],
    ),
    "another page of the participant": (
        lambda place, client: Client(place.intake),
        [Told([2, 3], heard(3)), "Joined", "Attached"],
    ),
    "the page goes": (
        lambda place, client: place.intake.close(client.connection, 1001, START + 4),
        [Told([2, 3], heard(3)), "Detached", "Departed"],
    ),
    "the process ends": (
        lambda place, client: place.intake.shutdown(START + 4),
        [Told([2, 3], heard(3))],
    ),
    "it has waited": (
        lambda place, client: place.edge.tick(START + 2 + LONGEST),
        [Told([2, 3], heard(3))],
    ),
    "it has not waited long": (
        lambda place, client: place.edge.tick(START + 2 + LONGEST - 1),
        [],
    ),
    "many reports": (
        lambda _, client: many(client),
        [Told([2, 3, 3.4, 3.5, 3.6, 3.7], heard(7))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_waits_is_written_when(case: str) -> None:
    """Something happens that it has to stand before, or that who reads the log wants to know at once."""
    place = Place()
    client = begun(place)
    for number in range(1, 4):
        client.report(number, heard(number))
    place.lines.clear()
    act, expected = CASES[case]
    act(place, client)

    found = told(place.lines)
    for each in found:
        if isinstance(each, Told):
            each.times[:] = [round(time, 6) for time in each.times]
    assert found == expected


def test_what_is_looked_for_in_each_report_goes_at_once() -> None:
    """Until the first packet has come and the first frame is shown, each report may tell when; audio has no frames."""
    place = Place()
    client = Client(place.intake)
    client.tell(0, "create")
    client.report(0, {"0": {"type": 1, "11": "audio", "10": 1, "14": 1, "41": 100}})
    for number in range(1, 42):
        client.report(number, heard(number))

    waited = [each.times for each in told(place.lines) if isinstance(each, Told) and len(each.times) > 1]
    assert waited == [[32, 33, 34, 35], [36, 37, 38, 39, 40]]


@pytest.mark.parametrize("format", ["rtc-exporter", "rtcstats"])
@pytest.mark.parametrize("interval", [0.0, INTERVAL])
def test_who_is_told_what_is_stored_does_not_wait(format: str, interval: float) -> None:
    """A client that numbers its frames keeps each until it is stored; and all goes at once where that is wanted."""
    place = Place(interval)
    connection = place.intake.open(Identity(ParticipantKey("room", "ann"), True, {}), wire.by_name(format), "", START)
    frames = [("create", "PC_0", {}), ("g", "PC_0", {**FIRST, "t": START * 1000})]
    frames += [("g", "PC_0", {**heard(number), "t": (START + number) * 1000}) for number in range(1, 9)]
    if format == "rtc-exporter":
        connection.receive('{"client":"page"}', START)
    for number, frame in enumerate(frames):
        row: tuple[object, ...] = (*frame, round((START + number) * 1000))
        row = (number + 1, *row) if format == "rtc-exporter" else row
        connection.receive(orjson.dumps(row).decode(), START + number)
    written = [each for each in told(place.lines) if isinstance(each, Told)]

    gathers = format == "rtcstats" and interval > 0
    assert [len(each.times) for each in written] == ([1, 1, 4] if gathers else [1] * 9)


def test_a_report_is_whole_once_a_minute() -> None:
    """With all that waited before it."""
    place = Place()
    client = begun(place)
    for number in range(1, 130):
        client.report(number, heard(number))

    whole = [each.times for each in told(place.lines) if isinstance(each, Told) and not each.delta]
    assert whole == [[56, 57, 58, 59, WHOLE], [116, 117, 118, 119, 2 * WHOLE]]


def test_what_was_shed_is_in_the_next_entry() -> None:
    """Its time is not: it was not taken."""
    place = Place(most=10_000)
    client = begun(place)
    client.report(1, heard(1))
    place.lines.clear()
    client.report(2, heard(2))
    place.outbox.held += 5000
    client.report(3, {"0": {"14": 3, "41": 300, "16": 0.5}})
    place.outbox.held -= 5000
    client.report(5, heard(5))

    assert told(place.lines) == [Told([2, 5], {"0": {"14": 5, "41": 500, "16": 0.5}})]


def test_what_waits_while_the_engine_takes_nothing_is_written_when_it_does() -> None:
    """What an edge holds is full: what waits goes on waiting."""
    place = Place(most=10_000)
    client = begun(place)
    for number in range(1, 4):
        client.report(number, heard(number))
    place.lines.clear()
    place.outbox.held += 10_000
    place.edge.tick(START + 10)
    assert place.lines == []
    place.outbox.held -= 10_000
    place.edge.tick(START + 11)

    assert told(place.lines) == [Told([2, 3], heard(3))]


# ── who reads it


def test_a_client_that_comes_back_by_another_edge_brings_what_the_first_lost() -> None:
    """Its counters go on from where they were: the edge was killed with reports of three seconds."""
    dead, alive = Place(name="dead"), Place(name="alive")
    partition = make(0)
    client = Client(dead.intake)
    client.tell(0.0, "create")
    client.report(0.0, FIRST)
    for number in range(1, 9):
        client.report(number, heard(number))
    partition.take(1, dead.batch())
    assert packets(partition) == 5
    again = Client(alive.intake)
    again.report(10, {"0": {**FIRST["0"], **heard(10)["0"]}})
    for number in range(11, 25):
        again.report(number, heard(number))
    again.tell(25, "close")
    partition.take(2, alive.batch())

    assert packets(partition) == 25 - 1


def test_all_reports_of_a_change_of_nothing_are_dropped() -> None:
    """Who reads the log does not know what they are a change of, and says of how many."""
    place = Place()
    client = begun(place)
    for number in range(1, 8):
        client.report(number, heard(number))
    place.lines.pop(0)
    place.edge.shutdown(START + 8)
    partition = make(0)
    partition.take(1, place.batch())

    dropped = partition.tenants.own.store.family("rtc.exporter.reports.dropped")
    assert dropped is not None
    assert [
        (values, getattr(slot, "value", 0)) for values, slot in dropped.series.items() if values == ("no_base",)
    ] == [(("no_base",), 6)]


_KINDS = (
    *["report"] * 30, "gone", "new", "back", "hush", "hush", "mute", "up", "down", "close", "create", "page", "device",
)  # fmt: skip
#: Method and value of what happens, and whether to the peer connection or to the page.
_EVENTS: dict[str, tuple[str, object, bool]] = {
    "mute": ("MediaStreamTrack.onmute", "track", True),
    "up": ("onconnectionstatechange", "connected", True),
    "down": ("onconnectionstatechange", "disconnected", True),
    "page": ("visibilitychange", "hidden", False),
    "device": ("navigator.mediaDevices.ondevicechange", {}, False),
}
#: What one of two clients does on one of its two peer connections, after how many tenths of a second.
_STEPS = st.lists(
    st.tuples(
        st.sampled_from((1, 5, 8, 10, 10, 10, 10, 12, 25, 60)),
        st.booleans(),
        st.sampled_from(("PC_0", "PC_0", "PC_0", "PC_1")),
        st.sampled_from(_KINDS),
    ),
    min_size=20,
    max_size=120,
)  # fmt: skip


class Page:
    """A page with video in both directions, whose first frame is late, on peer connections that may fall silent."""

    def __init__(self, is_late: bool, *clients: Client) -> None:
        """``is_late``: what it says takes now more, now less time to come."""
        self._is_late = is_late
        self._clients = clients
        self._number = 0
        #: Reports of each peer connection; and those where nothing arrives.
        self._reports: dict[str, int] = {}
        self._hushed: set[str] = set()

    def act(self, at: float, peer: str, what: str) -> None:
        """Do something."""
        self._number += 1
        lag = self._number * 7 % 5 / 10 if self._is_late else 0.0
        if what in ("report", "gone", "new", "back"):
            stats = self._stats(peer, what)
            for client in self._clients:
                client.report(at, stats, peer, time=at - 3 if what == "back" else at, lag=lag)
            return
        if what in ("close", "create"):
            self._reports.pop(peer, None)
        elif what == "hush":
            self._hushed ^= {peer}
            return
        elif self._is_late and what in ("down", "mute"):
            return  # the second at which it gets worse is decided by the newest times, which are those of what waits
        method, value, is_of_peer = _EVENTS.get(what, (what, {}, True))
        for client in self._clients:
            client.tell(at, method, value, peer if is_of_peer else None, lag)

    def _stats(self, peer: str, what: str) -> dict[str, Any]:
        number = self._reports[peer] = self._reports.get(peer, 0) + 1
        received: dict[str, Any] = {} if peer in self._hushed else {"14": self._number, "41": 1000 * self._number}
        if number > 6:
            received["20"] = number
        stats: dict[str, Any] = {"0": {**received, "16": number / 100}, "7": {"79": self._number}}
        if number == 1:
            stats["0"] = {**stats["0"], "type": 1, "11": "video", "10": 1}
        if what == "gone" and number > 1:
            stats["7"] = None
        elif number == 1 or what == "new":
            stats["7"] = {**stats["7"], "type": 2, "10": 7, "11": "video"}
        return stats


@settings(max_examples=60)
@given(_STEPS, st.booleans())
def test_whatever_clients_do_counts_as_if_it_had_gone_at_once(
    steps: list[tuple[int, bool, str, str]], is_late: bool
) -> None:
    """Reports, events and pauses in any order: all series of who reads the log are those of who counts at once."""
    tenants = Tenants(pipeline_settings(CONFIG), (), START)
    alone = Intake(CONFIG, tenants)
    place, partition = Place(), make(0, now=START)
    clients = [[Client(intake, name) for intake in (alone, place.intake)] for name in ("ann", "bob")]
    pages = [Page(is_late, *both) for both in clients]
    for page in pages:
        page.act(0.0, "PC_0", "create")
    at, ticked = 0.0, 0

    def pass_time(until: float) -> None:
        nonlocal ticked
        while START + ticked + 1 <= START + until:
            ticked += 1
            tenants.tick(START + ticked)
            alone.tick(START + ticked)
            place.edge.tick(START + ticked)
            place.intake.tick(START + ticked)

    for number, (tenths, who, peer, what) in enumerate(steps):
        at += tenths / 10
        pass_time(at)
        pages[who].act(at, peer, what)
        if number % 10 == 0:
            partition.take(partition.number + 1, place.batch())
    pass_time(at + 20)
    for both in clients:
        alone.close(both[0].connection, 1001, START + at + 20)
        place.intake.close(both[1].connection, 1001, START + at + 20)
    partition.take(partition.number + 1, place.batch())
    partition.advance(START + at + 30)
    pass_time(at + 30)

    for tier in (Tier.COHORT, Tier.PARTICIPANT):
        assert near(counts([partition.tenants], tier), counts([tenants], tier)) == []
