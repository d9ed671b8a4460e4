"""
The threats that no other file is about, by the number that they have in the list that the limits were made from.

T6, T8: ``test_gate``.  T10: ``test_tenants``.  T15, T16, T17: ``test_tokens``.  T20: ``test_smuggling``.  What needs a
process of its own, or time: ``tests/hostile``.
"""

import ast
import gzip
import json
import tracemalloc
from pathlib import Path

import pytest

from rtc_exporter.app import bodies
from rtc_exporter.config import Config
from rtc_exporter.errors import ClientError, ConfigError, LimitError, Reason
from rtc_exporter.labels import RULES, Capped, Closed, Labels
from rtc_exporter.limits import Limits
from rtc_exporter.live import ENDED
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, PeerConnectionKey
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.tracing import TraceSettings
from rtc_exporter.wire import plain, rtcstats
from rtc_exporter.wire.decoder import parse
from rtc_exporter.wire.stats import W3C
from tests.running import Running, closed, with_exporter

KEY = ParticipantKey("room", "mallory")
NOW = 1_795_171_686.0
PAGE = '[39,null,{"reloadCount":0},1795171685556]'


def test_t1_no_attribute_grows_with_what_clients_say() -> None:
    """Ten thousand values for each: closed ones have their set, capped ones their cap, and the excess is counted."""
    for attribute, rule in RULES.items():
        labels = Labels()
        values = {labels.admit(attribute, f"made-up-{n}", NOW) for n in range(10_000)}
        match rule:
            case Closed():
                assert len(values) == 1, attribute
            case Capped():
                assert len(values) <= rule.limit + 1, attribute
                assert len(values) == 1 or labels.limited[attribute] == 10_000 - rule.limit, attribute


def test_t1_who_comes_and_goes_between_two_scrapes_is_not_kept_for_ever() -> None:
    """Their last values wait to be scraped, those of some."""
    pipeline = Pipeline(PipelineSettings(participants_limit=10), NOW)
    for n in range(ENDED * 3):
        key = ParticipantKey("room", str(n))
        pipeline.feed(Joined(key, NOW, {}), NOW)
        pipeline.feed(Left(key, NOW, "left"), NOW)

    family = pipeline.store.family("rtc.participant.info")
    assert family is not None
    assert len(family.series) == ENDED


BOMBS = {
    "arrays in arrays": "[" * 100_000 + "]" * 100_000,
    "objects in objects": '{"a":' * 5000 + "1" + "}" * 5000,
    "a hundred levels": "[" * 100 + "]" * 100,
    "empty arrays": "[" + "[]," * 340_000 + "[]]",
    "empty objects": "[" + "{}," * 340_000 + "{}]",
    "numbers": "[" + "1," * 500_000 + "1]",
    "keys": "{" + ",".join(f'"{n}":1' for n in range(90_000)) + "}",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("is_bytes", [False, True])
def test_t4_a_document_that_costs_more_than_its_bytes_is_not_parsed(name: str, is_bytes: bool) -> None:
    """Counted before: nothing of it is ever in memory."""
    text = BOMBS[name]
    tracemalloc.start()
    try:
        with pytest.raises(ClientError):
            parse(text.encode() if is_bytes else text, Limits())
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < max(2 * len(text), 1 << 20)


def test_t4_what_is_large_and_honest_is_parsed() -> None:
    """A report of 1,200 objects with 25 members each, in the names of the W3C."""
    stats = {str(n): {f"memberOfTheStandard{k}": k * 1000 for k in range(25)} for n in range(1200)}

    assert parse(json.dumps(stats), Limits()) == stats


@with_exporter()
async def test_t5_compression_is_not_agreed_on(exporter: Running) -> None:
    """Whatever is offered; who compresses all the same is closed with 1002."""
    reply = await exporter.raw(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame\r\n\r\n"
    )
    assert reply.startswith(b"HTTP/1.1 101")
    assert b"extensions" not in reply.lower()
    async with exporter.client() as client:
        client.transport.write(b"\xc1\x85abcdhello")
        assert (await closed(client))[0] == 1002


def test_t5_a_bomb_of_gzip_stops_at_the_limit() -> None:
    """A thousand to one: no more is unpacked than a body may have."""
    bomb = gzip.compress(b"\0" * (64 << 20), 9)
    tracemalloc.start()
    try:
        with pytest.raises(LimitError):
            bodies.unpack(bomb, 1 << 20)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < 8 << 20


@with_exporter()
async def test_t9_what_is_sent_again_is_counted_once(exporter: Running) -> None:
    """A frame of a WebSocket by its time, a document by its number and time."""
    report = '["g","PC_0",{"IT0":{"type":1,"ssrc":1,"kind":"audio","14":%d},"t":%d},1]'
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        await client.send(PAGE)
        for n in (1, 2, 2, 1, 2, 3):
            await client.send(report % (100 * n, 1_795_171_685_000 + 1000 * n))
        await exporter.until(lambda: exporter.accepted() == 3)
    document = {"seq": 1, "time": 1_795_171_686_000, "events": [{"name": "mute", "kind": "audio"}]}
    for _ in range(3):
        response = await exporter.http.post(exporter.ingest("/v1/reports/room/bob"), content=json.dumps(document))
        assert response.status_code == 202
    samples = await exporter.samples()

    assert sum(value for name, value in samples.items() if name.startswith("rtc_track_events_total")) == 1
    assert exporter.dropped("duplicate") + exporter.dropped("out_of_order") == 3


TRACEPARENTS = [
    "00-00000000000000000000000000000000-0000000000000000-01", "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "x" * 10_000,
    "00-" + "A" * 32 + "-" + "b" * 16 + "-01", "ff-" + "a" * 32 + "-" + "b" * 16 + "-01", "",
]  # fmt: skip


def test_t11_clients_decide_neither_ids_nor_sampling() -> None:
    """A thousand of them with one foreign trace and its flag set: nothing is kept that would not be,
    in no such trace."""
    pipeline = Pipeline(PipelineSettings(traces=TraceSettings(ratio=0.0)), NOW)
    for n in range(1000):
        key = ParticipantKey(f"room-{n}", "ann")
        pipeline.feed(Joined(key, NOW, {"traceparent": TRACEPARENTS[n % len(TRACEPARENTS)]}), NOW)
        pipeline.feed(Event(PeerConnectionKey(*key, ""), NOW, "mute", {}), NOW)
    pipeline.shutdown(NOW + 60)
    # The marker of a session leaves whatever is sampled: who comes later may hang on it.
    assert {span.name for span in pipeline.take_spans()} == {"rtc.session"}

    pipeline = Pipeline(PipelineSettings(traces=TraceSettings()), NOW)
    pipeline.feed(Joined(KEY, NOW, {"traceparent": TRACEPARENTS[1]}), NOW)
    pipeline.shutdown(NOW + 60)
    spans = pipeline.take_spans()
    assert spans
    assert not any(span.trace_id.hex() == "a" * 32 or span.parent_id.hex() == "b" * 16 for span in spans)


#: Who may open files and connections: all of them before or beside what clients say.
MAY_OPEN = {
    "keys", "sources", "config", "webconfig", "geo", "otel", "docs", "importer", "player", "useragent", "logs",
    "app.memory", "app.notify", "app.listener", "app.process", "app.senders", "app.watch", "app.server", "app.guard",
    "conventions", "cli", "engine", "coverage", "explain", "doctor", "doctor.clients", "doctor.patient",
    "shards.child",
}  # fmt: skip
OPENS = {
    "open", "urlopen", "create_connection", "open_connection", "getaddrinfo", "gethostbyname", "connect", "system",
    "Popen",
    "run", "create_subprocess_exec", "create_subprocess_shell", "read_text", "write_text", "read_bytes", "write_bytes",
    "mkdir", "unlink", "rename", "request", "eval", "exec", "__import__", "import_module", "loads_pickle",
}  # fmt: skip
#: Calls of these names that are none of that: our own methods, our own modules, and the engine that the settings name.
OURS = {
    ("app.ingest", "request"), ("app.parts", "import_module"), ("app.gate", "open"), ("app.sockets", "open"),
    ("app.cluster", "import_module"), ("app.jetstream", "connect"), ("app.landing", "connect"),
    ("shards.landing", "connect"),
}  # fmt: skip


def test_t13_no_code_that_clients_reach_opens_anything() -> None:
    """No file is named and no connection made by what somebody sends, since nothing of that kind is called there."""
    package = Path(__file__).parent.parent / "rtc_exporter"
    found = set()
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name in MAY_OPEN:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                is_ours = isinstance(node.func, ast.Attribute) and called in ("open", "run", "request")
                if called in OPENS and not is_ours and (name, called) not in OURS:
                    found.add(f"{name} calls {called}")

    assert found == set()


@with_exporter()
async def test_t13_ids_that_look_like_paths_are_names(exporter: Running) -> None:
    """They are labels and nothing else."""
    for who in ("..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd", "file:%2F%2F%2Fx", "..", "C:%5Cx"):
        await exporter.http.post(exporter.ingest(f"/v1/reports/{who}/{who}"), content='{"app":{"name":"x"}}')

    assert ("../../etc/passwd", "../../etc/passwd") in exporter.participants
    assert exporter.value("rtc.exporter.errors.internal") == 0


@with_exporter()
async def test_t13_a_line_break_in_a_path_is_read_as_any_other_sign(exporter: Running) -> None:
    """What is no name is blamed on the sender, and counted: it is no path that is not there."""
    response = await exporter.http.post(exporter.ingest("/v1/reports/a%0Ab/a%0Ab"), content='{"app":{"name":"x"}}')

    assert (response.status_code, response.json()["error"]) == (400, "bad_identity")
    assert exporter.dropped("bad_identity") == 1


OPERATORS = (
    "/metrics",
    "//metrics",
    "/metrics/",
    "/%6detrics",
    "/-/ready",
    "/-/healthy",
    "/",
    "/debug",
    "/config",
    "/openapi.json",
)


@with_exporter()
async def test_t19_clients_find_nothing_of_what_operators_have(exporter: Running) -> None:
    """On their own listener it is not there, by any method."""
    for path in OPERATORS:
        for method in ("GET", "HEAD", "POST", "OPTIONS", "PUT"):
            response = await exporter.http.request(method, exporter.ingest(path))
            assert response.status_code in (404, 405), (method, path)
    assert (await exporter.http.get(exporter.admin())).status_code == 200


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "127.0.0.1:1"])
def test_t19_both_on_one_port_refuse_the_start(listen: str) -> None:
    """They never share one."""
    with pytest.raises(ConfigError, match="must differ"):
        Config.load({"ingest.listen": listen, "admin.listen": listen}, {})


# ── T22: what one client may make us hold


def reports(number: int, pc: str = "PC_0", first: int = 0) -> str:
    """A report of so many objects that are new."""
    return json.dumps(["g", pc, {str(first + n): {"type": 1, "14": n} for n in range(number)} | {"t": NOW * 1000}, 1])


def test_t22_members_are_those_of_a_table() -> None:
    """However many a report names, an object has no more than there are names."""
    names = {*W3C.numbers.values(), *W3C.words.values(), *W3C.flags.values()}
    names |= {name for record in W3C.records.values() for name in record.values()}
    decoder = rtcstats.Decoder(KEY)
    decoder.receive(PAGE, NOW)
    decoder.receive(
        json.dumps(["g", "PC_0", {"a": {"type": 1, **{f"x{n}": n for n in range(10_000)}}, "t": 1}, 1]), NOW
    )

    assert len(names) <= 160
    assert len(decoder._connections["PC_0"].base.stats["a"]) <= 2


def test_t22_all_peer_connections_of_a_client_share_one_bound() -> None:
    """Over it the report that is too much is given up whole, and the room is there for others again."""
    limits = Limits(members=5000)
    decoder = rtcstats.Decoder(KEY, limits=limits)
    decoder.receive(PAGE, NOW)
    refused = 0
    for n in range(60):
        try:
            decoder.receive(reports(100, f"PC_{n}"), NOW)
        except LimitError:
            refused += 1

    held = sum(len(each.base.stats) for each in decoder._connections.values())
    assert 0 < held * 10 <= 5000
    assert refused + held // 100 == 60
    assert decoder._room.taken == held * 10
    for n in range(60):
        decoder.receive(f'["close","PC_{n}",null,1]', NOW)
    assert decoder._room.taken == 0


def test_t22_members_that_come_later_count_as_well() -> None:
    """Objects of one member each that grow to fifty."""
    decoder = rtcstats.Decoder(KEY, limits=Limits(members=30_000))
    decoder.receive(PAGE, NOW)
    decoder.receive(reports(1000), NOW)
    numbers = [name for name in W3C.numbers if not name.isdigit()][:50]
    grown = {str(n): dict.fromkeys(numbers, 1.5) for n in range(700)} | {"t": NOW * 1000 + 1000}

    with pytest.raises(LimitError):
        decoder.receive(json.dumps(["g", "PC_0", grown, 1]), NOW)
    assert decoder._room.taken == 0


def test_t22_whole_reports_are_bounded_as_well() -> None:
    """Plain JSON, of one participant or of several: what is too much is dropped and told of, the rest is taken."""
    for claimed, most in ((True, 2000), (False, 8000)):
        decoder = plain.Decoder(KEY, claimed=claimed, limits=Limits(members=2000))
        taken = 0
        for n in range(40):
            stats = [{"id": str(k), "type": "inbound-rtp", "timestamp": NOW * 1000, "ssrc": k} for k in range(50)]
            document = {"session": "s", "participant": f"p{n}", "peer_connection": f"PC_{n}", "stats": stats}
            taken += len(decoder.receive(json.dumps(document), NOW))

        assert decoder._room.taken <= most
        assert taken + len(decoder.refused) == 40
        assert {error.reason for error in decoder.refused} == {Reason.TOO_MANY}


@with_exporter()
async def test_t22_what_is_given_back_is_counted_first(exporter: Running) -> None:
    """The end of a peer connection frees its room, and the reports since the last fold are still read."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        await client.send(PAGE)
        await client.send('[39,"PC_0",{},1]')
        report = '["g","PC_0",{"IT0":{%s"14":%d},"t":%d},1]'
        for n in range(4):
            first = '"type":1,"ssrc":1,"kind":"audio",' if not n else ""
            await client.send(report % (first, 100 * (n + 1), 1_795_171_685_000 + 1000 * n))
        await client.send('[36,"PC_0",null,1]')
        await exporter.until(
            lambda: exporter.server.pipeline.status().peer_connections == 0 and exporter.accepted() == 4
        )
        samples = await exporter.samples()

    assert sum(value for name, value in samples.items() if name.startswith("rtc_inbound_packets_total")) == 400


@with_exporter(limits__stats="50", limits__frames_per_second="10000")
async def test_t22_who_asks_for_more_again_and_again_is_closed(exporter: Running) -> None:
    """One id more with each frame: refused and counted, then 1008; frames in between that are well do not help."""
    async with exporter.client("/v1/rtcstats/room/mallory") as client:
        await client.send(PAGE)
        await client.send(reports(50))
        for n in range(100):
            await client.send(reports(1, first=1000 + n))
            await client.send('["x",null,null,1]')

        assert (await closed(client))[0] == 1008
    assert exporter.dropped("too_many") == 100


@with_exporter(limits__peer_connections="3")
async def test_t22_peer_connections_of_one_client_have_a_bound(exporter: Running) -> None:
    """The fourth is refused and counted; the three go on."""
    async with exporter.client("/v1/rtcstats/room/mallory") as client:
        await client.send(PAGE)
        for n in range(6):
            await client.send(f'[39,"PC_{n}",{{}},1]')
        await exporter.until(lambda: exporter.dropped("too_many") == 3)
        (participant,) = exporter.server.pipeline.sessions.participants.values()

        assert set(participant.peer_connections) == {"PC_0", "PC_1", "PC_2"}
