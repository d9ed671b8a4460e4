"""The numbered, acknowledged protocol of our own client: what is taken, what is told, and what is remembered."""

import asyncio
import contextlib
import json
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from rtc_exporter.app import listener, protocols
from rtc_exporter.app.acknowledgements import UNREAD
from rtc_exporter.errors import ClientError, Reason
from rtc_exporter.model import Event, Joined, ParticipantKey, PeerConnectionKey, Report
from rtc_exporter.wire import acknowledged, rtcstats
from rtc_exporter.wire.acknowledged import Clients, Decoder
from tests.patience import PATIENCE
from tests.running import Running, running, with_exporter

KEY = ParticipantKey("room", "ann")
PEER = PeerConnectionKey("room", "ann", "PC_0")
PROTOCOL = ("rtc-exporter.v1",)
PATH = "/v1/rtc-exporter/room/ann"
NOW = 1_795_171_686.0
#: The client's clock, in milliseconds.
T = 1_795_171_685_000
HELLO = (
    '{"client":"1-2-3","about":{"userAgentData":{"brands":[{"brand":"Chromium","version":"156"}],"platform":"Linux"}}}'
)


def first(number: int, packets: int, at: float, peer: str = "PC_0") -> str:
    """A numbered report that names everything."""
    stats = {"IT0": {"type": "inbound-rtp", "kind": "audio", "ssrc": 5, "packetsReceived": packets}, "t": T + at * 1000}
    return dumped([number, "g", peer, stats, T + int(at * 1000)])


def delta(number: int, packets: int, at: float, peer: str = "PC_0") -> str:
    """A numbered report that holds only what changed."""
    return dumped([number, "g", peer, {"IT0": {"packetsReceived": packets}, "t": T + at * 1000}, T + int(at * 1000)])


def base(packets: int | None, at: float, peer: str = "PC_0", state: str = "connected") -> str:
    """What the next report builds on."""
    stats = json.loads(first(0, packets, at))[3] if packets is not None else {"t": T + at * 1000}
    return dumped(["base", peer, stats, state, T + int(at * 1000)])


def create(number: int, peer: str = "PC_0") -> str:
    """A peer connection has been made."""
    return dumped([number, "create", peer, None, T])


def dumped(value: object) -> str:
    """As JSON.stringify writes it."""
    return json.dumps(value, separators=(",", ":"))


def met(clients: Clients | None = None, now: float = NOW, name: str = "1-2-3", key: ParticipantKey = KEY) -> Decoder:
    """A decoder that has been told who speaks."""
    decoder = Decoder(key, page=1)
    if clients is not None:
        decoder.clients = clients
    decoder.receive(dumped({"client": name}), now)
    return decoder


# ── the decoder


def test_a_client_says_who_it_is_and_is_told_what_is_known() -> None:
    """Of a new one nothing: it sends what its reports build on."""
    decoder = Decoder(KEY)

    records = decoder.receive(HELLO, NOW)

    assert records == [
        Joined(KEY, NOW, {"user_agent.name": "Chromium", "user_agent.version": "156", "user_agent.os.name": "Linux"})
    ]
    assert decoder.replies == ['{"last":0,"base":true}']


REFUSED = {
    "no client": '{"about":{}}',
    "an empty client": '{"client":""}',
    "a client that is no text": '{"client":7}',
    "a long client": dumped({"client": "x" * 129}),
    "a frame before it": create(1),
    "no JSON": "{",
}


@pytest.mark.parametrize("frame", REFUSED.values(), ids=REFUSED)
def test_who_does_not_say_who_it_is_is_refused(frame: str) -> None:
    """And may say it after all."""
    decoder = Decoder(KEY)
    with pytest.raises(ClientError):
        decoder.receive(frame, NOW)

    decoder.receive(HELLO, NOW)
    assert decoder.replies == ['{"last":0,"base":true}']


BAD: dict[str, str | bytes] = {
    "no number": '["g","PC_0",{},5]',
    "a fraction": '[1.5,"create","PC_0",null,5]',
    "below zero": '[-1,"create","PC_0",null,5]',
    "too large a number": '[1234567890123456,"create","PC_0",null,5]',
    "a second hello": HELLO,
    "a base without stats": '["base","PC_0",null,"new",1795171685000]',
    "a base without a time": '["base","PC_0",{},"new",1795171685000]',
    "a base of the page": '["base",null,{"t":1795171685000},"new",1795171685000]',
    "half a base": '["base","PC_0"]',
    "a binary frame": b'[1,"create","PC_0",null,5]',
}


@pytest.mark.parametrize("frame", BAD.values(), ids=BAD)
def test_a_frame_that_cannot_be_used_is_refused(frame: str | bytes) -> None:
    """The next one is taken."""
    decoder = met()
    with pytest.raises(ClientError):
        decoder.receive(frame, NOW)

    assert [type(record) for record in decoder.receive(create(1), NOW)] == [Event]


def test_bases_have_the_bound_of_reports() -> None:
    """However many peer connections a client tells bases of, it holds no more than others."""
    decoder = met()
    stats = {f"x{number}": {"type": "codec", "payloadType": 1} for number in range(500)} | {"t": T}

    refused = []
    for number in range(60):
        try:
            decoder.receive(dumped(["base", f"PC_{number}", stats, "connected", T]), NOW)
        except ClientError as exc:
            refused.append(exc.reason)

    assert len(refused) > 50
    assert set(refused) == {Reason.TOO_MANY}
    assert decoder.client is not None
    assert decoder.client.stream is not None
    held = sum(len(peer.base) for peer in decoder.client.stream._connections.values())
    assert 500 < held < 22_000 / 2


def test_frames_are_those_of_rtcstats_with_a_number_before() -> None:
    """Read at once or laid by, with codes or with names: the same records as rtcstats-js' own frames give."""
    frames = [create(1), first(2, 100, 1), delta(3, 130, 2), delta(4, 160, 3)]
    plain = rtcstats.Decoder(KEY)
    decoder = met()

    for frame in frames:
        theirs, ours = plain.receive(dumped(json.loads(frame)[1:]), NOW), decoder.receive(frame, NOW)
        assert [record._replace(stats={}) if isinstance(record, Report) else record for record in ours] == [
            record._replace(stats={}) if isinstance(record, Report) else record for record in theirs
        ]
    assert isinstance(ours[0], Report)
    assert ours[0].stats["IT0"]["packetsReceived"] == 160
    assert ours[0].heard is True, "told from the text of a report that was laid by"


def test_what_was_received_is_not_taken_again() -> None:
    """By number: also from the next connection of the same client, and also what could not be used."""
    clients = Clients()
    decoder = met(clients)
    decoder.receive(create(1), NOW)
    with pytest.raises(ClientError):
        decoder.receive('[2,"g","PC_0",7,5]', NOW)
    decoder.leave(NOW)

    again = met(clients, NOW + 1)

    assert again.replies == ['{"last":2,"base":false}']
    assert [again.receive(frame, NOW + 1) for frame in (create(1), '[2,"g","PC_0",7,5]')] == [[], []]
    assert clients.repeated == 2
    assert len(again.receive(first(3, 100, 1), NOW + 1)) == 1


def test_reports_go_on_after_a_reconnect() -> None:
    """What came before the connection was lost is what the next difference is from."""
    clients = Clients()
    decoder = met(clients)
    for frame in (create(1), first(2, 100, 1)):
        decoder.receive(frame, NOW)
    decoder.leave(NOW)

    (report,) = met(clients, NOW + 30).receive(delta(3, 150, 2), NOW + 30)

    assert isinstance(report, Report)
    assert report.stats["IT0"] == {"type": "inbound-rtp", "kind": "audio", "ssrc": 5, "packetsReceived": 150}


def test_who_comes_back_late_is_asked_for_bases() -> None:
    """The numbers are still known; what its reports build on is not, since the pipeline has given them up as well."""
    clients = Clients()
    decoder = met(clients)
    decoder.receive(create(1), NOW)
    decoder.leave(NOW)
    later = NOW + acknowledged.GOES_ON + 1

    again = met(clients, later)

    assert again.replies == ['{"last":1,"base":true}']
    report, event = again.receive(base(100, 1), later)
    assert isinstance(report, Report)
    assert report.time == T / 1000 + 1
    assert event == Event(PEER, T / 1000 + 1, "connectionstatechange", {"state": "connected"})
    (report,) = again.receive(delta(2, 120, 2), later)
    assert isinstance(report, Report)
    assert report.stats["IT0"]["packetsReceived"] == 120


def test_nobody_goes_on_in_the_name_of_somebody_else() -> None:
    """The name that a client gives itself counts for its own participant alone."""
    clients = Clients()
    met(clients).receive(create(1), NOW)

    stranger = met(clients, key=ParticipantKey("room", "eve"))

    assert stranger.replies == ['{"last":0,"base":true}']


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Page loads of a participant, participants, and time: who is over the bound begins anew."""
    clients = Clients()
    for number in range(acknowledged.CLIENTS + 5):
        met(clients, name=f"load {number}")
    assert len(clients) == acknowledged.CLIENTS

    monkeypatch.setattr(acknowledged, "REMEMBERED", 3)
    for number in range(10):
        met(clients, key=ParticipantKey("room", str(number)))
    assert len(clients) == 3

    clients.sweep(NOW + acknowledged.DAY + 1)
    assert len(clients) == 3, "who is connected is not forgotten"
    met(clients, key=ParticipantKey("room", "9")).leave(NOW)
    clients.sweep(NOW + acknowledged.DAY)
    assert len(clients) == 3
    clients.sweep(NOW + acknowledged.DAY + 1)
    assert len(clients) == 2


def lost(clients: Clients, number: int, now: float = NOW) -> Decoder:
    """A client that has reported once and lost its connection."""
    decoder = met(clients, key=ParticipantKey("room", str(number)))
    for frame in (create(1), first(2, 100, 1)):
        decoder.receive(frame, now)
    decoder.leave(now)
    return decoder


def wanted(clients: Clients, number: int, now: float = NOW) -> Any:
    """Whether this client is asked for bases when it comes back, and from where it goes on."""
    (told,) = met(clients, now, key=ParticipantKey("room", str(number))).replies
    return json.loads(told)


GOES_ON, BEGINS = {"last": 2, "base": False}, {"last": 2, "base": True}


def test_what_lost_clients_hold_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was lost first sends bases; numbers are known all the same."""
    clients = Clients()
    stream = lost(clients, 0).client.stream  # type: ignore[union-attr]
    assert stream is not None
    one = stream.held
    assert one > 5
    monkeypatch.setattr(acknowledged, "HELD", 3 * one)
    for number in (1, 2, 3):
        lost(clients, number)
    lost(clients, 1)

    assert [wanted(clients, number) for number in (0, 2, 3, 1)] == [BEGINS, GOES_ON, GOES_ON, GOES_ON]


def test_lost_clients_are_let_go_of_where_memory_is_short() -> None:
    """All of them, and none that is connected."""
    clients = Clients()
    for number in range(3):
        lost(clients, number)
    here = met(clients, key=ParticipantKey("room", "9"))
    here.receive(create(1), NOW)

    clients.relieve()

    assert [wanted(clients, number) for number in range(3)] == [BEGINS] * 3
    assert here.client is not None
    assert here.client.stream is not None


def test_a_sweep_looks_at_the_oldest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is connected for a day does not keep it from those behind."""
    monkeypatch.setattr(acknowledged, "SWEPT", 2)
    clients = Clients()
    for number in range(2):
        met(clients, key=ParticipantKey("room", str(number)))
    for number in (2, 3, 4):
        lost(clients, number)
    later = NOW + acknowledged.DAY + 1
    lost(clients, 5, later)

    for left in (6, 4, 3, 3):
        clients.sweep(later)
        assert len(clients) == left
    assert wanted(clients, 5, later) == GOES_ON


# ── the running exporter


async def sent(client: ClientConnection, *frames: str) -> None:
    """Send frames, the first of which says who it is."""
    for frame in frames:
        await client.send(frame)


async def told(client: ClientConnection) -> Any:
    """What the exporter says next."""
    async with asyncio.timeout(PATIENCE):
        return json.loads(await client.recv())


def packets(exporter: Running) -> float:
    """RTP packets received, all cohorts together."""
    family = exporter.server.pipeline.store.family("rtc.inbound.packets")
    assert family is not None
    return sum(getattr(slot, "value", 0.0) for slot in family.series.values())


@with_exporter(metrics__fold_interval="5")
async def test_what_a_scrape_has_read_is_acknowledged(exporter: Running) -> None:
    """An event is counted at once, a report when it is folded: what is not is named, and other tiers do not count."""
    async with exporter.client(PATH, PROTOCOL) as client:
        await sent(client, HELLO, create(1), create(2, "PC_1"), first(3, 100, 1), first(4, 10, 1, "PC_1"))
        assert await told(client) == {"last": 0, "base": True}
        await sent(client, delta(5, 130, 2), delta(6, 160, 3), dumped([7, ":mark", None, None, T + 3000]))
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 4)
        await exporter.until(lambda: exporter.value("rtc.exporter.events.unknown") == 1)

        for tier in ("participant", "self"):
            await exporter.samples(f"?tier={tier}")
        await exporter.samples("?tier=cohort")
        assert await told(client) == {"ack": 7, "but": {"PC_0": 5}}
        assert packets(exporter) == 110

        await exporter.samples()  # nothing new, nothing told
        await sent(client, delta(8, 300, 7))
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 5)
        await exporter.samples()
        assert await told(client) == {"ack": 8, "but": {}}
        assert packets(exporter) == 310


@contextlib.contextmanager
def scraping(exporter: Running, encoding: str) -> Iterator[socket.socket]:
    """A scraper that has asked, has room for little, and has read nothing yet."""
    address = exporter.server.admin_address
    with socket.socket() as scraper:
        scraper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        scraper.connect((address.host, address.port))
        scraper.sendall(f"GET /metrics HTTP/1.1\r\nhost: here\r\naccept-encoding: {encoding}\r\n\r\n".encode())
        yield scraper


@pytest.mark.parametrize("name", ["identity", "gzip"])
def test_what_is_acknowledged_is_out_of_the_process_s_hands(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Were it killed as soon as a client is told, the scraper would still get its answer to the end."""
    monkeypatch.setattr(listener, "UNREAD", 4096)  # so that the kernel does not hold all of it anyway

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        async with exporter.client(PATH, PROTOCOL) as client:
            await sent(client, HELLO, create(1))
            assert await told(client) == {"last": 0, "base": True}
            await exporter.until(lambda: exporter.participants)
            with scraping(exporter, name) as scraper:
                waiting = asyncio.create_task(told(client))
                answer = b""
                while not waiting.done():
                    await asyncio.sleep(0)
                    if select.select([scraper], [], [], 0)[0]:
                        answer += scraper.recv(512)
                # From here on the exporter, which shares this thread, does nothing any more.
                while not answer.endswith(b"\r\n0\r\n\r\n") and select.select([scraper], [], [], 1.0)[0]:
                    answer += scraper.recv(1 << 16)

            assert answer.endswith(b"\r\n0\r\n\r\n")
            assert waiting.result() == {"ack": 1, "but": {}}

    scenario()


def test_who_stops_reading_has_read_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scraper that is cut off with its answer half sent is no reason to tell clients anything."""
    monkeypatch.setattr(listener, "UNREAD", 4096)
    monkeypatch.setattr(protocols, "UNREAD_SECONDS", 0.2)

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        async with exporter.client(PATH, PROTOCOL) as client:
            await sent(client, HELLO, create(1))
            assert await told(client) == {"last": 0, "base": True}
            await exporter.until(lambda: exporter.participants)
            with scraping(exporter, "identity"):
                await exporter.until(lambda: exporter.value("rtc.exporter.scrapes", "cut") == 1)
            assert exporter.value("rtc.exporter.scrapes", "rendered") == 0

            await exporter.samples()
            assert await told(client) == {"ack": 1, "but": {}}

    scenario()


@with_exporter()
async def test_page_loads_are_kept_apart(exporter: Running) -> None:
    """Two pages of one participant have names and numbers of their own, and are told about their own names."""
    async with exporter.client(PATH, PROTOCOL) as one, exporter.client(PATH, PROTOCOL) as two:
        for client, name in ((one, "one"), (two, "two")):
            await sent(client, dumped({"client": name}), create(1), first(2, 100, 1), delta(3, 130, 2))
            assert await told(client) == {"last": 0, "base": True}
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 4)
        await exporter.samples()

        assert [await told(one), await told(two)] == [{"ack": 3, "but": {"PC_0": 3}}] * 2
        assert packets(exporter) == 200


@with_exporter()
async def test_calls_of_a_page_are_acknowledged_as_one_stream(exporter: Running) -> None:
    """An application that says where calls begin: numbers go on from call to call, and nothing is left behind."""
    async with exporter.client(PATH, PROTOCOL) as client:
        await sent(client, HELLO, create(1), first(2, 100, 1), dumped([3, ":callStart", None, "c1", T + 2000]))
        await told(client)
        await sent(client, delta(4, 150, 7), delta(5, 160, 8))
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 3)
        exporter.wait(60)
        exporter.wait(60)
        await exporter.samples()
        assert await told(client) == {"ack": 5, "but": {"PC_0": 5}}
        await sent(client, delta(6, 200, 14))
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 4)
        await exporter.samples()
        assert await told(client) == {"ack": 6, "but": {}}
        assert {name for name, _ in exporter.participants} == {"room.c1"}


@with_exporter()
async def test_who_left_is_asked_for_bases(exporter: Running) -> None:
    """A page that comes back after it had gone: its numbers are known, what its reports build on has been let go."""
    async with exporter.client(PATH, PROTOCOL) as client:
        await sent(client, HELLO, create(1), first(2, 100, 1), delta(3, 130, 2))
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 2)
        await client.close(1001)
    await exporter.until(lambda: not exporter.participants)

    async with exporter.client(PATH, PROTOCOL) as client:
        await sent(client, HELLO)
        assert await told(client) == {"last": 3, "base": True}
        await sent(client, base(130, 2), delta(4, 150, 8))
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 4)
    assert packets(exporter) == 150


@with_exporter()
async def test_where_nobody_scrapes_counted_is_enough(exporter: Running) -> None:
    """Clients do not keep for ever what nobody will read."""
    async with exporter.client(PATH, PROTOCOL) as client:
        await sent(client, HELLO, create(1), first(2, 100, 1))
        await told(client)
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 1)
        exporter.wait(1)
        exporter.wait(UNREAD)
        await sent(client, dumped([3, ":mark", None, None, T]))
        await exporter.until(lambda: exporter.value("rtc.exporter.events.unknown") == 1)
        exporter.wait(UNREAD)

        assert [await told(client), await told(client)] == [{"ack": 2, "but": {}}, {"ack": 3, "but": {}}]


@with_exporter()
async def test_a_base_counts_nothing(exporter: Running) -> None:
    """A new exporter is told what an old one has counted: it counts what came after, and no attempt to connect."""
    async with exporter.client(PATH, PROTOCOL) as client:
        await sent(client, HELLO, base(1000, 10), base(None, 12, "PC_1"), delta(91, 1050, 17), first(92, 7, 17, "PC_1"))
        await exporter.until(lambda: exporter.accepted("rtc-exporter") == 4)

        assert packets(exporter) == 57
        found = await exporter.samples()
        assert sum(value for name, value in found.items() if name.startswith("rtc_connection_attempts_total")) == 0
        active = {name for name, value in found.items() if name.startswith("rtc_peer_connections_active") and value}
        assert [("rtc_peer_connection_state=connected" in name, found[name]) for name in active] == [(True, 2)]


@with_exporter()
async def test_repetitions_are_counted_as_such(exporter: Running) -> None:
    """An operator sees that clients send again."""
    for _ in range(2):
        async with exporter.client(PATH, PROTOCOL) as client:
            await sent(client, HELLO, create(1), first(2, 100, 1))
            await told(client)
            await exporter.until(lambda: exporter.accepted("rtc-exporter") == 1)
        exporter.wait(10)
        exporter.wait(10)

    assert packets(exporter) == 100
    assert exporter.dropped("duplicate") == 2
    assert exporter.value("rtc.exporter.clients.remembered") == 1


def test_what_otlp_sends_on_the_way_out_is_acknowledged() -> None:
    """Where the last counts go out by OTLP, they are not sent again to the next process; else they are."""

    async def ending(environ: dict[str, str]) -> list[Any]:
        async with running(environ) as exporter, exporter.client(PATH, PROTOCOL) as client:
            await sent(client, HELLO, create(1), first(2, 100, 1), delta(3, 130, 2))
            await exporter.until(lambda: exporter.accepted("rtc-exporter") == 2)
            exporter.server.stop()
            messages = []
            with contextlib.suppress(ConnectionClosed):
                while True:
                    messages.append(await told(client))
            return messages

    hello = {"last": 0, "base": True}
    assert asyncio.run(ending({})) == [hello]
    assert asyncio.run(ending({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})) == [hello, {"ack": 3, "but": {}}]


def test_reasons_are_those_of_the_sender() -> None:
    """A number that is none is a bad frame, a base without a time a bad report."""
    reasons = []
    for frame in (BAD["no number"], BAD["a base without a time"]):
        with pytest.raises(ClientError) as caught:
            met().receive(frame, NOW)
        reasons.append(caught.value.reason)

    assert reasons == [Reason.BAD_FRAME, Reason.BAD_STATS]
