"""T6 and T8: who is let in, who is told to come back, and who is too slow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rtc_exporter.app import addresses, protocols, sockets, vigil
from rtc_exporter.app.gate import Gate
from rtc_exporter.errors import BusyError, ClientError
from rtc_exporter.limits import Limits
from tests.running import Running, closed, with_exporter

HEAD = b"POST /v1/reports/room/ann HTTP/1.1\r\nHost: x\r\n"
PAGE = '[39,null,{"reloadCount":0},1795171685556]'

FORWARDED = [
    ("10.0.0.1", [], 0, "10.0.0.1"),
    ("10.0.0.1", ["6.6.6.6"], 0, "10.0.0.1"),
    ("10.0.0.1", ["6.6.6.6"], 1, "6.6.6.6"),
    ("10.0.0.1", ["6.6.6.6, 7.7.7.7"], 1, "7.7.7.7"),
    ("10.0.0.1", ["6.6.6.6, 7.7.7.7"], 2, "6.6.6.6"),
    ("10.0.0.1", ["6.6.6.6", "7.7.7.7"], 1, "7.7.7.7"),
    ("10.0.0.1", ["6.6.6.6"], 2, "10.0.0.1"),
    ("10.0.0.1", ["6.6.6.6, <b>evil</b>"], 1, "10.0.0.1"),
    ("10.0.0.1", ["<b>evil</b>, 6.6.6.6"], 1, "6.6.6.6"),
    ("10.0.0.1", [""], 1, "10.0.0.1"),
    ("10.0.0.1", ["6.6.6.6,"], 1, "10.0.0.1"),
    ("10.0.0.1", ["6.6.6.6:4711"], 1, "6.6.6.6"),
    ("10.0.0.1", ["[2001:db8::1]:4711"], 1, "2001:db8::1"),
    ("10.0.0.1", ["2001:DB8:0::1"], 1, "2001:db8::1"),
    ("10.0.0.1", ["::ffff:6.6.6.6"], 1, "6.6.6.6"),
    ("10.0.0.1", ["fe80::1%eth0"], 1, "fe80::1"),
    ("10.0.0.1", ["unknown"], 1, "10.0.0.1"),
    ("10.0.0.1", ["6.6.6.6\r\nX: y"], 1, "10.0.0.1"),
    ("10.0.0.1", ["0x06060606"], 1, "10.0.0.1"),
]


@pytest.mark.parametrize(("peer", "lines", "hops", "address"), FORWARDED)
def test_only_entries_of_our_own_proxies_are_believed(peer: str, lines: list[str], hops: int, address: str) -> None:
    """Counted from the right; what is no address is not one."""
    assert addresses.client(peer, lines, hops) == address


GROUPS = [
    ("192.0.2.1", "192.0.2.1"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:db8:1:2::", "2001:db8:1:2::/64"),
    ("", ""),
]


@pytest.mark.parametrize(("address", "who"), GROUPS)
def test_a_customer_is_counted_once(address: str, who: str) -> None:
    """Who has an IPv6 network has 2^64 addresses."""
    assert addresses.group(address) == who


@contextlib.asynccontextmanager
async def several(exporter: Running, number: int, path: str = "/") -> AsyncIterator[None]:
    """So many WebSockets."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(number):
            await stack.enter_async_context(exporter.client(path))
        yield


CAPS = [
    ("limits__connections", "process", "/"),
    ("limits__address_connections", "address", "/"),
    ("limits__participant_connections", "participant", "/v1/rtcstats/room/ann"),
]


@pytest.mark.parametrize(("setting", "limit", "path"), CAPS)
def test_t8_over_a_cap_new_ones_are_refused_before_the_upgrade(setting: str, limit: str, path: str) -> None:
    """503 with Retry-After, counted by limit; operators notice nothing, and a free place can be had."""

    @with_exporter(**{setting: "3"})
    async def scenario(exporter: Running) -> None:
        async with several(exporter, 3, path):
            for _ in range(5):
                with pytest.raises(InvalidStatus) as refused:
                    async with exporter.client(path):
                        pass
                assert refused.value.response.status_code == 503
                assert 5 <= int(refused.value.response.headers["retry-after"]) <= 30
            assert (await exporter.http.get(exporter.admin("/-/ready"))).status_code == 200
            assert (await exporter.http.get(exporter.admin())).status_code == 200
        await exporter.until(lambda: not exporter.server.sockets.open)
        async with several(exporter, 3, path):
            pass
        assert exporter.value("rtc.exporter.connections.refused", limit) == 5
        assert exporter.dropped("too_many") == 5
        await exporter.until(lambda: not exporter.server._gate._sockets and not exporter.server._gate._arrived)

    scenario()


@with_exporter(limits__address_connections="2", ingest__trusted_hops="1")
async def test_t8_behind_a_proxy_addresses_are_those_of_clients(exporter: Running) -> None:
    """All connections come from the proxy, and are told apart by what it says it saw."""

    async def upgrade(forwarded: str) -> tuple[bytes, asyncio.StreamWriter]:
        address = exporter.server.ingest_address
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Forwarded-For: " + forwarded.encode() + b"\r\n\r\n"
        )
        return (await reader.readline()).split()[1], writer

    sent = ["6.6.6.6", "x, 6.6.6.6", "7.7.7.7, 6.6.6.6", "7.7.7.7", "6.6.6.6, 7.7.7.7", "7.7.7.7"]
    answers = [await upgrade(forwarded) for forwarded in sent]

    assert [status for status, _ in answers] == [b"101", b"101", b"503", b"101", b"101", b"503"]
    for _, writer in answers:
        writer.close()


def test_t8_connections_that_say_nothing_have_a_bound_of_their_own() -> None:
    """So many of one address and of all, each for five seconds; the rest is not even answered."""
    refused: list[ClientError] = []
    noted: list[str] = []
    gate = Gate(Limits(connections=100, address_connections=2), 0, refused.append, noted.append)

    assert [gate.arrive("192.0.2.1") for _ in range(6)] == [True, True, True, True, False, False]
    assert sum(gate.arrive(f"2001:db8:0:{n:x}::1") for n in range(1000)) == 164 - 4
    assert noted.count("address") == 2
    assert noted.count("process") == 840
    assert len(refused) == 842
    for _ in range(4):
        gate.depart("192.0.2.1")
    assert gate.arrive("192.0.2.1")


def test_t8_bodies_have_a_bound_of_their_own() -> None:
    """In number for one address, in bytes for all; both come free."""
    noted: list[str] = []
    gate = Gate(Limits(address_posts=1, bodies_bytes=100), 0, lambda error: None, noted.append)

    with gate.request("192.0.2.1"), gate.body() as hold:
        hold(60)
        with pytest.raises(BusyError), gate.request("192.0.2.1"):
            pass
        with gate.request("192.0.2.2"), pytest.raises(BusyError), gate.body() as more:
            more(41)
        with gate.body() as other:
            other(40)
    with gate.request("192.0.2.1"), gate.body() as hold:
        hold(100)

    assert noted == ["requests", "bodies"]
    assert gate.bodies.taken == 0


def test_t8_files_of_one_address_leave_room_for_others() -> None:
    """Half of the places are the most that one address has; each is given back."""
    noted: list[str] = []
    gate = Gate(Limits(), 0, lambda error: None, noted.append)
    with contextlib.ExitStack() as held:
        held.enter_context(gate.upload("192.0.2.1"))
        held.enter_context(gate.upload("192.0.2.1"))
        with pytest.raises(BusyError, match="files"):
            held.enter_context(gate.upload("192.0.2.1"))
        held.enter_context(gate.upload("192.0.2.2"))
        held.enter_context(gate.upload("192.0.2.3"))
        with pytest.raises(BusyError, match="files"):
            held.enter_context(gate.upload("192.0.2.4"))

    with gate.upload("192.0.2.1"), gate.upload("192.0.2.1"):
        assert noted == ["uploads", "uploads"]


@with_exporter(limits__address_posts="2")
async def test_t8_who_posts_much_at_once_is_told_to_come_back(exporter: Running) -> None:
    """503, while others go on; and a body that never ends is refused with 408."""
    address = exporter.server.ingest_address
    head = HEAD + b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    slow = [await asyncio.open_connection(address.host, address.port) for _ in range(2)]
    for _, writer in slow:
        writer.write(head)
    await exporter.until(lambda: exporter.server._gate._requests.total() == 2)
    response = await exporter.http.post(exporter.ingest("/v1/reports/room/ann"), content="{}")

    assert (response.status_code, response.headers["retry-after"]) == (503, "10")
    assert exporter.value("rtc.exporter.connections.refused", "requests") == 1
    for _, writer in slow:
        writer.close()
    await exporter.until(lambda: not exporter.server._gate._requests)
    assert exporter.server._gate.bodies.taken == 0


# ── who is slow

UPGRADE = (
    b"GET /v1/rtcstats/room/ann HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: rtcstats#5.0\r\n\r\n"
)
SLOW = {
    "nothing": (b"", b"HTTP/1.1 408"),
    "half a head": (HEAD, b"HTTP/1.1 408"),
    "half a body": (HEAD + b"Content-Length: 100\r\n\r\n{", b"HTTP/1.1 408"),
    "half a chunked body": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"HTTP/1.1 408"),
    "no frame": (UPGRADE, b"\x88\x0f\x03\xf0no frame came"),
    "half a frame": (UPGRADE + b"", b"\x88\x0f\x03\xf0no frame came"),
}


@pytest.mark.parametrize("name", SLOW)
def test_t6_who_does_not_go_on_is_closed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Told so, counted, and gone; head, body and first frame have a time each."""
    monkeypatch.setattr(protocols, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(protocols, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(sockets, "FIRST_FRAME", 0.05)
    sent, answer = SLOW[name]

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        address = exporter.server.ingest_address
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(sent)
        if name == "half a frame":
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x81\xfe\x01\x00abcd{")
        async with asyncio.timeout(5):
            reply = await reader.read()
        writer.close()

        assert answer[:14] in reply
        assert exporter.dropped("too_slow") == 1
        await exporter.until(lambda: not exporter.server._gate._arrived)

    scenario()


def test_t6_a_frame_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte now and then keeps nobody waiting for ever; whole frames in many pieces do no harm."""
    monkeypatch.setattr(vigil, "REST", -1.0)

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/v1/rtcstats/room/ann") as honest:
            await honest.send(PAGE)
            async with exporter.client("/v1/rtcstats/room/eve") as client:
                await client.send(PAGE)
                client.transport.write(b"\x81\xfe\x01\x00abcd{")
                await exporter.until(lambda: any(each._messages.is_waiting for each in exporter.server.sockets.open))
                for _ in range(2):
                    exporter.server.sockets.tick()
                assert (await closed(client))[0] == 1008
            assert exporter.dropped("too_slow") == 1
            await honest.send('[36,"PC_0",null,1]')

    scenario()


def test_t7_who_had_stored_events_keeps_all_of_them() -> None:
    """Five thousand frames at once are read late, and every one is counted."""

    @with_exporter(limits__frames_per_second="20000")
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/v1/rtcstats/room/ann") as client:
            await client.send(PAGE)
            for n in range(5000):
                await client.send(f'["nobody-knows-{n}",null,null,1]')
            await exporter.until(lambda: exporter.value("rtc.exporter.events.unknown") == 5000)

    scenario()


@with_exporter(limits__frames_per_second="100", limits__frames_burst="20")
async def test_t7_control_frames_count_as_frames(exporter: Running) -> None:
    """Pings are answered as fast as frames are read, and no faster."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        await client.send(PAGE)
        began = asyncio.get_running_loop().time()
        for n in range(40):
            waiter = await client.ping(f"{n}")
        await waiter

        assert asyncio.get_running_loop().time() - began > 0.15


@with_exporter()
async def test_t7_a_flood_of_tiny_frames_is_taken_in_batches(exporter: Running) -> None:
    """Forty thousand pings in one piece: a thousand are taken, the rest waits as the bytes that it is."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        await client.send(PAGE)
        await exporter.until(lambda: exporter.participants)
        client.transport.write(b"\x89\x80abcd" * 40_000)
        (socket,) = exporter.server.sockets.open
        await exporter.until(lambda: socket._is_paused)

        assert len(socket._waiting) <= 256
        with contextlib.suppress(ConnectionClosed):
            await client.close()
