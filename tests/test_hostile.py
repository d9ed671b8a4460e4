"""Clients that mean harm: nobody else notices, nothing grows without bound, and everything refused is counted."""

import asyncio
import gzip
import json
from io import BytesIO

import jwt
import pytest

from rtc_exporter import auth
from rtc_exporter.app import bodies, sockets
from rtc_exporter.config import Config
from rtc_exporter.errors import AuthError, ClientError, FrameError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import NOTHING, ParticipantKey, PeerConnectionKey, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.wire import dump, plain, rtcstats
from rtc_exporter.wire.decoder import parse
from tests.running import Running, closed, with_exporter

KEY = ParticipantKey("room", "mallory")
SECRET = "0123456789abcdef0123456789abcdef"
NOW = 1_795_171_686.0
PAGE = '[39,null,{"reloadCount":0},1795171685556]'
UPGRADE = (
    "GET /v1/rtcstats/room/mallory HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: rtcstats#5.0\r\n"
)


# ── WebSockets


@pytest.mark.parametrize("name", ["User-Agent", "Authorization", "Origin"])
def test_a_header_that_comes_twice_is_no_fault_of_ours(name: str) -> None:
    """A client writes the headers that it likes: the connection is taken or refused, and no error is logged."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        address = exporter.server.ingest_address
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(f"{UPGRADE}{name}: one\r\n{name}: two\r\n\r\n".encode())
        status = await reader.readline()
        writer.close()

        assert status.split()[1] in (b"101", b"400")
        assert exporter.value("rtc.exporter.errors.internal") == 0

    scenario()


@with_exporter()
async def test_a_connection_that_is_gone_leaves_nothing_behind(exporter: Running) -> None:
    """Who only names itself in its documents, or has left before it closes, is forgotten like everybody else."""
    told = {"session": "room", "participant": "mallory", "events": [{"name": "mute"}]}
    for path in ("/", "/v1/json/room/mallory"):
        for left in (False, True):
            async with exporter.client(path, ()) as client:
                await client.send(json.dumps(told | {"left": left}))
                await exporter.until(lambda: exporter.value("rtc.exporter.connections", "json") == 1)
            await exporter.until(lambda: exporter.value("rtc.exporter.connections", "json") == 0)

    assert not exporter.server.intake._newest


def test_who_never_says_what_it_speaks_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As too slow, when it is closed."""
    monkeypatch.setattr(sockets, "FIRST_FRAME", 0.01)

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/", ()) as client:
            assert (await closed(client))[0] == 1008
        assert exporter.dropped("too_slow") == 1

    scenario()


def test_who_pings_before_its_first_frame_is_not_closed_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for the first frame ends with it, even if the client was slowed down meanwhile."""
    monkeypatch.setattr(sockets, "FIRST_FRAME", 1.0)

    @with_exporter(limits__frames_per_second="1000", limits__frames_burst="5")
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/v1/rtcstats/room/ann", ()) as client:
            for n in range(20):
                await client.ping(str(n))
            await client.send(PAGE)
            await exporter.until(lambda: exporter.participants)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.2):
                    await client.recv()

    scenario()


@with_exporter(limits__bytes_per_second="1000000", limits__bytes_burst="300000")
async def test_large_frames_are_read_more_slowly_than_small_ones(exporter: Running) -> None:
    """A frame costs by its size as well, or one client's large frames would be all that is read."""
    loop = asyncio.get_running_loop()
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        await client.send(PAGE)
        began = loop.time()
        for n in range(1, 5):
            await client.send(f'["x","PC_0","{"x" * 160_000}",{n}]')
        await exporter.until(lambda: exporter.value("rtc.exporter.events.unknown") == 4)

        assert loop.time() - began > 0.1


@pytest.mark.parametrize("code", [1001, 1011])
def test_frames_read_only_when_their_client_has_gone_are_counted_too(code: int) -> None:
    """A report whose ends look right is taken unread, and garbage in it is found at the last fold."""

    @with_exporter(ingest__resume="1")
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/v1/rtcstats/room/mallory") as client:
            await client.send(PAGE)
            await client.send('["g","PC_0",{"IT0":{"type":1,"14":1},"t":1795171685000},1]')
            await client.send('["g","PC_0",{"IT0":{"14":garb]age},"t":1795171686000},1]')
            await exporter.until(lambda: exporter.accepted() == 2)
            await client.close(code)
        await exporter.until(lambda: exporter.value("rtc.exporter.connections", "rtcstats") == 0)
        exporter.wait(2)

        assert not exporter.participants
        assert exporter.dropped("bad_json") == 1

    scenario()


# ── bodies


@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
def test_a_body_of_very_many_lines_is_refused(media: str) -> None:
    """Each line costs, and is answered for: kilobytes that unpack to a million lines are not read."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        headers = {"content-type": media, "content-encoding": "gzip"}
        body = gzip.compress(b"0\n" * 1_000_000)

        response = await exporter.http.post(exporter.ingest("/v1/reports"), content=body, headers=headers)

        assert response.status_code == 413
        assert exporter.dropped("too_large") == 1
        assert exporter.dropped("bad_frame") == 0

    scenario()


MANY = [
    [{"app": {"name": "x"}}] * (plain.TOLD + 1),
    {"events": [{"name": "x"}] * (plain.TOLD + 1)},
    {"reports": [{"stats": []}] * (plain.TOLD + 1)},
    [{"events": [{"name": "x"}] * (plain.TOLD // 2)}] * 3,
]


@pytest.mark.parametrize("document", MANY)
def test_a_body_of_very_many_things_is_refused(document: object) -> None:
    """Documents, reports and events together, since each of them costs more than its bytes."""
    with pytest.raises(LimitError) as refused:
        plain.Decoder(KEY, limits=Limits()).receive(json.dumps(document).encode(), NOW)

    assert refused.value.reason is Reason.TOO_LARGE


def test_gzip_of_very_many_pieces_is_refused() -> None:
    """Each is small, but what follows is copied for each: four megabytes kept everybody waiting for 33 s."""
    pieces = gzip.compress(b"x") * (bodies.MEMBERS + 1)

    with pytest.raises(ClientError) as refused:
        bodies.unpack(pieces, 1 << 20)

    assert refused.value.reason is Reason.BAD_ENCODING
    assert bodies.unpack(gzip.compress(b"x") * bodies.MEMBERS, 1 << 20) == b"x" * bodies.MEMBERS


GARBAGE = [
    (dump.Reader, b'RTCStatsDump\n{"clientProtocol":"5.0"}\n[39,null,{},1795171685556]\n', b"0\n"),
    (dump.Reader, b'RTCStatsDump\n{"clientProtocol":"5.0"}\n[39,null,{},1795171685556]\n', b"\n"),
    (dump.RecordingReader, b'{"connected_at":1795171685.5}\n', b"0\n"),
    (dump.RecordingReader, b'{"connected_at":1795171685.5}\n', b'{"dir":"s2c"}\n'),
]


@pytest.mark.parametrize(("reader", "head", "line"), GARBAGE)
def test_a_file_of_nothing_but_garbage_is_given_up(
    reader: type[dump.Reader] | type[dump.RecordingReader], head: bytes, line: bytes
) -> None:
    """Between two records everybody waits: six kilobytes of gzip kept everybody waiting for 7 s."""
    with pytest.raises(FrameError) as refused:
        list(reader(BytesIO(head + line * 1_000_000), KEY, NOW))

    assert refused.value.reason is Reason.BAD_DUMP


def test_a_file_of_one_endless_line_is_given_up() -> None:
    """A quarter of a megabyte of gzip kept everybody waiting for 1.3 s."""
    content = b'RTCStatsDump\n{"clientProtocol":"5.0"}\n' + b"x" * (16 << 20)

    with pytest.raises(FrameError) as refused:
        list(dump.Reader(BytesIO(content), KEY, NOW))

    assert refused.value.reason is Reason.BAD_DUMP


def test_a_dump_of_very_many_gzip_pieces_is_cut() -> None:
    """What comes before is taken, and the rest is counted, as of any damaged file."""
    whole = dump.Reader(BytesIO(gzip.compress(b"RTCStatsDump\n{}\n") + gzip.compress(b"") * 100_000), KEY, NOW)

    assert len(list(whole)) == 2
    assert whole.refused[Reason.BAD_ENCODING] == 1


# ── what is kept


@pytest.mark.parametrize("bomb", ["[" + "[]," * 300_000 + "[]]", "{" + '"a":{},' * 100_000 + '"b":{}}'])
def test_a_frame_of_very_many_objects_is_not_parsed(bomb: str) -> None:
    """A megabyte of empty arrays takes thirty megabytes and a fifth of a second; no real frame has a tenth of them."""
    with pytest.raises(LimitError) as refused:
        parse(bomb, Limits())

    assert refused.value.reason is Reason.TOO_LARGE


def test_frames_laid_by_are_few_bytes() -> None:
    """Of 64 peer connections and eight frames each, all of a megabyte, there would be half a gigabyte."""
    decoder = rtcstats.Decoder(KEY)
    decoder.receive(PAGE, NOW)
    decoder.receive('["g","PC_0",{"IT0":{"type":1,"14":1},"t":1795171685000},1]', NOW)
    frame = '["g","PC_0",{"IT0":{"14":2,"x":"%s"},"t":1795171686000},1]'
    decoder.receive(frame % ("x" * rtcstats.LONGEST_LAID_BY), NOW)
    base = decoder._connections["PC_0"].base

    assert not base._laid_by
    decoder.receive(frame % "x", NOW)
    assert base._laid_by


def test_what_dropped_reports_remove_is_bounded() -> None:
    """Reports that all tell the same time are dropped, and what they remove is kept to be counted: up to a point."""
    limits = Limits(stats=100)
    pipeline = Pipeline(PipelineSettings(limits=limits), NOW)
    key = PeerConnectionKey(*KEY, "PC_0")
    for n in range(1000):
        gone = {f"IT{n}": {"type": "inbound-rtp", "packetsReceived": 1}} if n else NOTHING
        pipeline.feed(Report(key, NOW, NOW, {}, gone), NOW)  # type: ignore[arg-type]

    connection = pipeline.sessions.participants[KEY].peer_connections["PC_0"]
    assert 50 <= len(connection.removed) <= 100


# ── tokens


def test_a_token_that_ends_beyond_all_time_is_refused() -> None:
    """JSON has integers of any length, and no clock has."""
    config = Config.load({"ingest.token_secret": SECRET}, {})
    token = jwt.encode({"exp": 10**400}, SECRET)

    with pytest.raises(AuthError):
        auth.verify(token, config, NOW)
