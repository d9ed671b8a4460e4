"""What no client should send: only ClientError escapes, nothing private comes through, and what is sound comes back whole."""

# ruff: noqa: E501  (frames, one per line)

import gzip
import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc_exporter import wire
from rtc_exporter.errors import ClientError
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, Member, ParticipantKey, Record, Report
from rtc_exporter.w3c import EVENTS, FACTS, LEAVE_REASONS, OWN_CLOCK, STATS
from rtc_exporter.wire import acknowledged, plain, rtcstats
from rtc_exporter.wire.codes import MEMBERS, TYPES
from rtc_exporter.wire.compact import Base
from rtc_exporter.wire.decoder import Decoder, Request
from tests import captures, clients

KEY = ParticipantKey("call", "ada")
NOW = 1_795_171_690.0

#: Members that are numbers, of whatever stats type.
NUMBERS = {"ssrc", "dataChannelIdentifier", *(name for row in STATS.values() for name in row.numbers)}

#: Wrong types and values for any position of a document.
WRONG: list[Any] = [
    None, True, False, 0, -1, 1e300, -1e300, 2**63, 2**64, 0.5, "", "x" * 300, "candidate:", "NaN", [], {}, [[]], [{}],
    {"": None}, [None] * 5, {"t": {}}, {"type": []}, {"type": {}, "t": 5}, [[None, None]], "\u0000", "\U0001f600", "g", 1, 39,
]  # fmt: skip

#: Frames that are not JSON, or no document.
RAW = [
    "", " ", "null", "NaN", "[NaN]", "[Infinity]", "1e999", "[1,2,3,-1e999]", "[" * 33, "[" * 100_000, '{"a":' * 100_000,
    "[" * 33 + "]" * 33, "[" * 1000 + "]" * 1000, '"' + "x" * 1_100_000 + '"', "\ud800", '["\\ud800",null,1,2]', "{" * 50,
    '[39,null,{},99999999999999999999999999999999999999999999]', "[1,null,{},1e11", "\ufeff[1]", "[1]\n[2]", "{}\n{}",
]  # fmt: skip


def whole_report(index: int) -> dict[str, Any]:
    """A report in W3C form with one object of each type."""
    objects: dict[str, Any] = {}
    for kind, row in STATS.items():
        members: dict[str, Any] = {name: index for name in row.numbers if "." not in name}
        objects[f"{kind}-1"] = {"type": kind, "id": f"{kind}-1", "timestamp": NOW * 1000, "kind": "video", **members}
    return objects


def requests(*rows: tuple[str, str, Any]) -> list[str]:
    """Requests of a format that is an API, as frames; a body is a document, or text."""
    bodies = [body if isinstance(body, str) else json.dumps(body) for _, _, body in rows]
    return [Request(row[0], row[1], body.encode()).frame().decode() for row, body in zip(rows, bodies, strict=True)]


_GROUP = "/job/j/peerConnectionId/p"
_AT = {"connectionId": "c", "peerId": "p"}
_SERVICE = {"statsSessionId": "b1"}

#: Sound frames of each format that is a stream.
FRAMES: dict[str, list[str]] = {
    "rtcstats": [frame.text for frame in captures.frames("healthy-cr.p1.frames")[:60]],
    "json": [
        json.dumps(
            {
                "session": "s", "participant": "p", "app": {"name": "a", "version": "1"}, "user_agent": "UA", "seq": n,
                "time": NOW * 1000, "peer_connection": "a", "stats": whole_report(n),
                "reports": [{"peer_connection": "b", "time": 5, "stats": list(whole_report(n).values())}],
                "events": [{"name": "getUserMedia", "time": 5, **dict.fromkeys(FACTS, n)}],
            }
        )
        for n in range(20)
    ],
    "rtcstats-legacy": clients.frames("healthy-legacy-ff.p1")[:60],
    "jitsi": clients.frames("healthy-jitsi-cr.p1")[:60],
    "jitsi-service": [json.dumps({**_SERVICE, "type": "stats-entry", "data": "{}"})] * 20,
    "observertc": clients.frames("healthy-monitor-cr.p1"),
    "peermetrics": requests(
        ("POST", "/initialize", {"conferenceId": "c", "userId": "u", "apiKey": "k"}),
        ("POST", "/sessions", {"platform": {"browser": {"name": "Chrome"}}, "appVersion": "1"}),
        ("POST", "/events/get-user-media", {"eventName": "getUserMedia", "data": {"constraints": {"audio": True}}}),
        ("POST", "/connection", {"eventName": "addConnection", "peerId": "p", "delta": 5}),
        ("POST", "/connection", {**_AT, "eventName": "onconnectionstatechange", "data": {"connectionState": "failed"}}),
        ("PUT", "/tracks", {**_AT, "event": "mute", "trackId": "t", "data": {"kind": "audio"}}),
        *(("POST", "/stats", {**_AT, "data": row["data"]}) for row in clients.parsed()[2:8]),
        ("POST", "/events/browser", {"eventName": "tabFocus", "focus": True}),
    ),
    "pushgateway": requests(
        *(
            ("POST", _GROUP, f'inbound_rtp_packetsLost{{id="I",kind="audio",mid="0"}} {n}\noutbound_rtp_active{{}} 1\n')
            for n in range(20)
        ),
        ("DELETE", _GROUP, ""),
    ),
}  # fmt: skip
#: Numbered by the hundred, so that a number that is cut short or bent is not always a repetition.
FRAMES["rtc-exporter"] = [
    '["base","PC_7",{"0":{"type":1,"14":5},"t":1760000001000.25},"connected",1760000001000]',
    *(f"[{number}00,{text[1:]}" for number, text in enumerate(FRAMES["rtcstats"], 1)),
]


def acquainted() -> Decoder:
    """A decoder of numbered frames that has been told who speaks."""
    decoder = acknowledged.Decoder(KEY)
    decoder.receive('{"client":"c"}', NOW)
    return decoder


STREAMS = {form.name: form for form in wire.FORMATS if form.stream is not None}
DECODERS: dict[str, Callable[[], Decoder]] = {
    name: lambda form=form: form.decoder(KEY, claimed=not form.names_itself) for name, form in STREAMS.items()
} | {"rtc-exporter": acquainted}
#: Formats whose frames are JSON and nothing else.
DOCUMENTS = sorted(DECODERS.keys() - {"peermetrics", "pushgateway"})


def sound(record: Record) -> None:
    """A record is what the model says it is."""
    assert 0 <= record.time < 4_102_444_801
    match record:
        case Event():
            assert record.name in EVENTS
            for fact, value in record.facts.items():
                assert type(value) is FACTS[fact], (fact, value)
                assert not isinstance(value, str) or len(value) <= 128
        case Report():
            for members in (*record.stats.values(), *record.removed.values()):
                assert members["type"] in STATS
                for name, member in members.items():
                    assert type(member) in (int, float, str, bool), (name, member)
                    is_number = type(member) in (int, float)
                    assert name in ("type", "timestamp") or is_number == (name in NUMBERS), (name, member)
                    assert not isinstance(member, str) or len(member) <= 256
        case Left():
            assert record.reason in LEAVE_REASONS
        case Joined():
            assert all(0 < len(value) <= 256 for value in record.attributes.values())


def feed(decoder: Decoder, frame: str | bytes) -> list[Record]:
    """Send a frame that may be garbage."""
    try:
        records = decoder.receive(frame, NOW)
    except ClientError:
        return []
    for record in records:
        sound(record)
    return records


def positions(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from positions(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from positions(value[index], (*path, index))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The document with something else in one place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def test_every_format_is_tried() -> None:
    """A format that is new has sound frames here, and each of them is sound."""
    assert FRAMES.keys() == DECODERS.keys()
    for name, frames in FRAMES.items():
        decoder = DECODERS[name]()
        for frame in frames:
            for record in decoder.receive(frame, NOW):
                sound(record)


@pytest.mark.parametrize("name", DECODERS)
def test_raw_garbage_is_refused(name: str) -> None:
    """What is no JSON, or too deep, or too large."""
    decoder = DECODERS[name]()
    for raw in RAW:
        assert feed(decoder, raw) == []
        assert feed(decoder, raw.encode("utf-8", "surrogatepass")[: 1 << 20]) == []
    assert feed(decoder, b"\xff\xfe[1]") == []


@pytest.mark.parametrize("name", DECODERS)
def test_frames_that_are_cut_or_bent_are_refused_or_understood(name: str) -> None:
    """Thousands of truncations and flipped bytes of real frames."""
    rng = random.Random(20260801)
    decoder = DECODERS[name]()
    for _ in range(2500):
        frame = bytearray(rng.choice(FRAMES[name]).encode()[:6000])
        if rng.random() < 0.3:
            del frame[rng.randrange(len(frame)) :]
        else:
            for _ in range(rng.choice((1, 1, 3, 10))):
                frame[rng.randrange(len(frame))] = rng.choice(b'0123456789",:[]{}-.ntge\\ \x00\xff')
        feed(decoder, bytes(frame))


@pytest.mark.parametrize("name", DECODERS)
def test_a_wrong_value_in_any_place_is_refused_or_dropped(name: str) -> None:
    """Every place of every kind of frame is given a value of another type; sound frames in between still work."""
    rng = random.Random(4711)
    decoder = DECODERS[name]()
    for frame in FRAMES[name][: 40 if name in DOCUMENTS else 14 : 2]:
        head, _, body = ("", "", frame) if name in DOCUMENTS else frame.partition("\n")
        head = f"{head}\n" if head else ""
        document = json.loads(body) if name != "pushgateway" else body.splitlines()
        places = list(positions(document))
        for place in places if len(places) < 60 else rng.sample(places, 60):
            for wrong in rng.sample(WRONG, 4):
                bent = replaced(document, place, wrong)
                feed(decoder, head + (json.dumps(bent) if name != "pushgateway" else _lines(bent)))
        feed(decoder, frame)


JSON: TypeAlias = dict[str, Any] | list[Any] | str | float | bool | None


def random_json(rng: random.Random, depth: int = 0) -> JSON:
    """A random document that prefers the words and codes of the formats."""
    words = (
        "g",
        "PC_0",
        "type",
        "t",
        "stats",
        "events",
        "name",
        "time",
        "id",
        "timestamp",
        "reports",
        "close",
        "11",
        "96",
        "0",
    )
    kind = rng.randrange(7 if depth < 5 else 4)
    if kind == 0:
        return rng.choice(words)
    if kind == 1:
        return rng.choice((0, 1, 5, -1, 39, 61, 10**12, 2.5, 2**64))
    if kind == 2:
        return rng.choice((None, True, False))
    if kind == 3:
        return rng.choice(("inbound-rtp", "connected", "NotAllowedError: x", "candidate:1 1 udp 1 1.2.3.4 5 typ host"))
    if kind == 4:
        return [random_json(rng, depth + 1) for _ in range(rng.randrange(6))]
    return {rng.choice(words): random_json(rng, depth + 1) for _ in range(rng.randrange(6))}


def _lines(bent: Any) -> str:
    return "\n".join(map(str, bent)) if isinstance(bent, list) else str(bent)


def random_frame(rng: random.Random, name: str) -> str:
    """A frame of a format's own words with anything in their places."""
    row: list[JSON] = [rng.choice(("getstats", "create", "identity", "addTrack", "close", random_json(rng, 4)))]
    row += [rng.choice((None, "PC_0", random_json(rng, 4))), random_json(rng), rng.choice((NOW * 1000, None, -1))]
    match name:
        case "rtcstats-legacy":
            return json.dumps(row)
        case "jitsi" | "jitsi-service":
            kind = rng.choice(("identity", "stats-entry", "keepalive", "close", random_json(rng, 4)))
            data = rng.choice((json.dumps([*row, rng.randrange(9)]), [*row, 5], random_json(rng)))
            return json.dumps(
                {"statsSessionId": rng.choice(("a", "b", random_json(rng, 4))), "type": kind, "data": data}
            )
        case "observertc":
            arrays = ("peerConnections", "clientEvents", "clientIssues", "clientMetaItems", "extensionStats", "sample")
            items = [[{"peerConnectionId": "p", "type": "congestion", "payload": random_json(rng),
                       rng.choice(("inboundRtps", "iceCandidatePairs")): random_json(rng)}], random_json(rng)]  # fmt: skip
            return json.dumps({"callId": "c", **{array: rng.choice(items) for array in rng.sample(arrays, 3)}})
        case "peermetrics":
            path = rng.choice(("/initialize", "/sessions", "/connection", "/stats", "/tracks", "/events/browser"))
            names = (
                "eventName",
                "data",
                "peerId",
                "connectionId",
                "event",
                "token",
                "delta",
                "conferenceId",
                "platform",
            )
            return f"{rng.choice(('POST', 'PUT'))} {path}\n" + json.dumps({n: random_json(rng) for n in names})
    lines = (
        f'{rng.choice(("inbound_rtp_jitter", "x"))}{{id="{random_json(rng, 4)}"}} {random_json(rng, 4)}'
        for _ in range(3)
    )
    return f"POST {_GROUP}\n" + "\n".join(lines)


@pytest.mark.parametrize("name", DECODERS)
def test_random_documents_are_refused_or_understood(name: str) -> None:
    """Documents of the formats' own words in random order."""
    rng = random.Random(1)
    decoder = DECODERS[name]()
    for _ in range(3000):
        if name not in ("rtcstats", "json"):
            feed(decoder, random_frame(rng, name))
        elif name == "rtcstats":
            method = rng.choice(("g", 1, *range(2, 82), ":userRating", random_json(rng, 4)))
            peer = rng.choice((None, "PC_0", "PC_1", random_json(rng, 4)))
            value = random_json(rng)
            if rng.random() < 0.3:
                value = {str(n): random_json(rng, 3) for n in range(4)} | {"t": rng.choice((5, NOW * 1000, None, "x"))}
            feed(decoder, json.dumps([method, peer, value, random_json(rng, 3), rng.choice((0, 5, NOW * 1000, None))]))
        else:
            marks = ("stats", "events", "reports", "peer_connection", "time", "app", "session", "left", "seq")
            feed(decoder, json.dumps({mark: random_json(rng) for mark in rng.sample(marks, 4)}))


def test_files_that_are_cut_or_bent_are_refused_or_read() -> None:
    """Dumps, recordings and internals, packed and unpacked."""
    rng = random.Random(99)
    small = captures.DATA / "gumnotfound-cr.p1.rtcstats-dump.gz"
    internals = json.loads(gzip.decompress((captures.DATA / "healthy-cr.p1.webrtc-internals.json.gz").read_bytes()))
    connection = internals["PeerConnections"]["6-1"]
    connection["stats"] = dict(list(connection["stats"].items())[:40])
    files = [
        small.read_bytes(),
        gzip.decompress(small.read_bytes()),
        gzip.decompress((captures.DATA / "gumnotfound-cr.p1.frames.jsonl.gz").read_bytes()),
        json.dumps(internals).encode(),
    ]
    places = list(positions(internals))
    for _ in range(400):
        bent = bytearray(rng.choice(files))
        if rng.random() < 0.3:
            del bent[rng.randrange(len(bent)) :]
        for _ in range(rng.choice((1, 5))):
            if bent:
                bent[rng.randrange(len(bent))] = rng.randrange(256)
        read(bytes(bent))
    for _ in range(150):
        read(json.dumps(replaced(internals, rng.choice(places), rng.choice(WRONG))).encode())


def read(content: bytes) -> list[Record]:
    """Read a file that may be garbage."""
    records: list[Record] = []
    try:
        reader = wire.detect_file(content[: 1 << 16])
        reader.describe(content[: 1 << 16])
        for record in reader(io.BytesIO(content), KEY, NOW, Limits(dump_bytes_unpacked=1 << 22)):
            sound(record)
            records.append(record)
    except ClientError:
        pass
    return records


# ── what is sound comes back whole ────────────────────────────────────────────────────────────────


class Encoder:
    """What the client does to a report (see ``compact`` for the way back)."""

    CODES = {name: str(code) for code, name in MEMBERS.items()}
    KINDS = {name: code for code, name in TYPES.items() if isinstance(code, int)}

    def __init__(self) -> None:
        self.before: dict[str, dict[str, Any]] = {}
        #: All ids are known from the start, so that a reference has a target or none.
        self.ids = {id: str(number) for number, id in enumerate(_kinds)}
        self.sent: set[str] = set()

    def encode(self, report: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """One delta, through JSON text."""
        changed: dict[str, Any] = {}
        for id, stats in report.items():
            old = self.before.get(id, {})
            changed[id] = {
                name: _change(old.get(name), value) for name, value in stats.items() if old.get(name) != value
            }
        stamps = [stats["timestamp"] for stats in changed.values() if "timestamp" in stats]
        delta: dict[str, Any] = {"t": max(stamps)} if stamps else {}
        for id, stats in changed.items():
            if stats.get("timestamp") == delta.get("t"):
                stats.pop("timestamp", None)
            if stats or id not in self.sent:
                delta[self.ids[id]] = {
                    self._name(name): self._value(name, value)
                    for name, value in stats.items()
                    if not self._dangles(name, value)
                }
                self.sent.add(id)
        for id in self.before.keys() - report.keys():
            delta[self.ids[id]] = None
            self.sent.discard(id)
        self.before = report
        decoded: dict[str, Any] = json.loads(json.dumps(delta))
        return decoded

    def _dangles(self, name: str, value: Any) -> bool:
        return name.endswith("Id") and value not in self.ids

    def _name(self, name: str) -> str:
        return "t" if name == "timestamp" else self.CODES.get(name, name)

    def _value(self, name: str, value: Any) -> Any:
        if name == "type":
            return self.KINDS.get(value, value)
        return self.ids.get(value, value) if name.endswith("Id") and isinstance(value, str) else value


def _change(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: value for key, value in new.items() if old.get(key) != value}
    return new


_numbers = st.integers(0, 2**53) | st.floats(0, 1e12, allow_nan=False)
_objects = st.fixed_dictionaries(
    {},
    optional={
        "packetsReceived": _numbers, "jitter": _numbers, "psnrMeasurements": _numbers, "kind": st.sampled_from(("audio", "video")),
        "active": st.booleans(), "mid": st.text(max_size=3), "codecId": st.sampled_from(("A", "B", "C", "X")),
        "qualityLimitationDurations": st.fixed_dictionaries({"none": _numbers}, optional={"cpu": _numbers}),
    },
)  # fmt: skip
_kinds = {
    "A": "inbound-rtp",
    "B": "outbound-rtp",
    "C": "remote-inbound-rtp",
    "D": "candidate-pair",
    "E": "compute-pressure",
}
_reports = st.lists(
    st.dictionaries(st.sampled_from(sorted(_kinds)), st.tuples(_objects, st.sampled_from((0, 0, 0, 50))), min_size=1),
    min_size=1,
    max_size=12,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(_reports)
def test_what_the_client_encodes_is_decoded(reports: list[dict[str, tuple[dict[str, Any], int]]]) -> None:
    """Every report comes back as it was, but for members that disappear: the format has no word for that."""
    encoder, base = Encoder(), Base()
    expected: dict[str, dict[str, Any]] = {}
    for number, content in enumerate(reports, 1):
        report = {
            id: {"type": _kinds[id], "timestamp": 1000 * number - age}
            | {name: value for name, value in members.items() if id == "B" or not isinstance(value, dict)}
            for id, (members, age) in content.items()
        }
        gone = expected.keys() - report.keys()
        delta = encoder.encode(report)
        removed = base.merge(delta)

        assert {encoder.ids[id] for id in gone} == set(removed)
        for id in gone:
            assert {name: value for name, value in removed[encoder.ids[id]].items() if name != "timestamp"} == {
                name: value for name, value in expected.pop(id).items() if name != "timestamp"
            }
        for id, stats in report.items():
            before = expected.get(id, {})
            expected[id] = before | _flat(stats, encoder.ids)
            if _kinds[id] in OWN_CLOCK and encoder.ids[id] not in delta and before:
                # Nothing but the time has changed, or nothing at all: the format does not tell, and we say nothing.
                expected[id]["timestamp"] = before["timestamp"]
        assert base.time is not None
        assert {id: {"timestamp": base.time, **base.stats[encoder.ids[id]]} for id in expected} == expected
        assert len(base.stats) == len(expected)
        assert all(("timestamp" in members) or members["type"] not in OWN_CLOCK for members in base.stats.values())


def _flat(stats: dict[str, Any], ids: dict[str, str]) -> dict[str, Member]:
    flat: dict[str, Member] = {"timestamp": stats["timestamp"] / 1000}
    for name, value in stats.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": part for key, part in value.items()}
        elif name.endswith("Id"):
            flat |= {name: ids[value]} if value in ids else {}
        elif name != "timestamp":
            flat[name] = value
    return flat


# ── privacy ───────────────────────────────────────────────────────────────────────────────────────

C = "canary"
CANDIDATE = f"candidate:{C} 1 udp 2122262783 {C}.local 36538 typ relay raddr {C} rport 9 ufrag {C}"
RTC_CONFIGURATION = {
    "iceServers": [{"urls": f"turn:{C}.example:3478?transport=udp", "username": C, "credential": C}],
    "certificates": [{"fingerprints": [{"value": C}]}], "iceTransportPolicy": C,
}  # fmt: skip
PRIVATE_MEMBERS = (
    "address", "ip", "relatedAddress", "url", "usernameFragment", "foundation", "label", "sdpFmtpLine", "fingerprint",
    "base64Certificate", "issuerCertificateId", "iceLocalUsernameFragment", "googTimingFrameInfo", "canary",
    "134", "138", "141", "143", "140", "115", "9", "163", "165", "122", "66", "67", "ada",
)  # fmt: skip
STATS_OBJECT = {"type": "local-candidate", "timestamp": NOW * 1000, **dict.fromkeys(PRIVATE_MEMBERS, C)}

PRIVATE: list[list[Any]] = [
    [39, None, {"hardwareConcurrency": 8, "userAgentData": {"brands": [{"brand": f"https://{C}", "version": C}], "platform": f"{C}@x"}, "screen": {"width": C}, "reloadCount": C}, f"https://{C}", NOW * 1000],
    [60, None, {"audio": {"deviceId": {"exact": C}}, "video": {C: C}}, f"{C} 1", 0],
    [61, None, [["audio", "mic-1", f"{C} BRIO", "stream-1"], [f"{C} kind", C, C]], "60-0", 0],
    [65, None, f"{C}: Permission denied by {C}", "60-1", 0],
    [65, None, f"NotAllowedError: {C}", "60-1", 0],
    [65, None, {"error": C, "error_message": C}, "60-1", 0],
    [66, None, [{"deviceId": C, "kind": "audioinput", "label": C, "groupId": C}], 0],
    [39, "PC_0", RTC_CONFIGURATION, f"https://{C}", 0],
    [38, "PC_0", RTC_CONFIGURATION, 0],
    [40, "PC_0", {"optional": [{"rtcStatsClientId": C}]}, 0],
    [30, "PC_0", ["audio", "mic-1", C, C], 0],
    [30, "PC_0", ["audio", f"{C} in the place of an id", C, C], 0],
    [31, "PC_0", None, C, 0],
    [32, "PC_0", [["audio", "mic-1", C], {"streams": [C], "sendEncodings": [{"rid": C}]}], 0],
    [35, "PC_0", [C, {"protocol": C}], 0],
    [28, "PC_0", [1, C], 0],
    [3, "PC_0", {"type": "offer", "sdp": f"v=0\r\no=- 1 2 IN IP4 {C}\r\n"}, "2-0", 0],
    [6, "PC_0", {"type": C, "sdp": C}, f"https://{C}", 0],
    [8, "PC_0", {"type": "offer", "sdp": C}, "8-0", 0],
    [13, "PC_0", f"InvalidStateError: {C}", "4-0", 0],
    [20, "PC_0", {"candidate": CANDIDATE, "usernameFragment": C, "url": f"turn:{C}", "relayProtocol": C, "address": C}, {"rtcstatsLocation": {"city": C}}, 0],
    [10, "PC_0", {"candidate": CANDIDATE, "sdpMid": C}, "10-0", 0],
    [21, "PC_0", {"address": C, "hostCandidate": C, "url": f"turn:{C}?transport={C}", "errorCode": 401, "errorText": C}, 0],
    [21, "PC_0", {"errorCode": C, "url": C}, 0],
    [25, "PC_0", C, 0],
    [26, "PC_0", {"state": C}, 0],
    [22, "PC_0", ["audio", "recv-1", C, C], 0],
    [74, "PC_0", f"{C} track", 0],
    [50, "PC_0", [{"encodings": [{"rid": C}]}], C, 0],
    [51, "PC_0", [["audio", "mic-1", C], ["video", "cam-1", C]], C, 0],
    [41, "PC_0", [{"mimeType": C}], C, 0],
    ["MediaStreamTrack.enabled", None, C, f"{C}/1", 0],
    ["MediaStreamTrack.contentHint", None, C, "mic-1", 0],
    [":userRating", None, {"stars": 4, "comment": C, "issue": f"{C} says so", "email": f"{C}@x"}, 0],
    [f":{C}", None, {C: C}, C, 0],
    [C, "PC_0", C, 0],
    ["websocket", None, {"connectionTime": 33, "url": C}, 0],
    ["g", "PC_0", {"0": {**STATS_OBJECT, "type": 7}, "1": {"type": C, C: C}, "2": {C: C}, "t": NOW * 1000}, 0],
    [70, None, [C], "mic-1", f"{C} 1", 0],
    [71, None, [{"deviceId": C}], "mic-1", None, 0],
]  # fmt: skip


def _all_text(records: list[Record]) -> str:
    rows = [
        {**record._asdict(), "stats": dict(record.stats)} if isinstance(record, Report) else record
        for record in records
    ]
    return repr(rows)


def test_nothing_private_leaves_the_parser() -> None:
    """SDP, addresses, labels, user names, credentials, URLs and free text stay behind, whatever way they come."""
    decoder: Decoder = rtcstats.Decoder(KEY)
    for row in PRIVATE:
        assert C not in _all_text(decoder.receive(json.dumps(row), NOW)), row

    lines = "\n".join(("RTCStatsDump", "{}", *(json.dumps(row) for row in PRIVATE)))
    whole = ["getStats", "PC_1", {"A": {"id": "A", **STATS_OBJECT}}, 0]
    assert C not in _all_text(read(f"{lines}\n{json.dumps(whole)}".encode()))


def test_nothing_private_leaves_the_other_parsers() -> None:
    """The same for webrtc-internals and for plain JSON."""
    log = [
        {"type": name, "value": value if isinstance(value, str) else json.dumps(value), "timestamp": NOW * 1000}
        for method, peer, value, *_ in PRIVATE
        if peer is not None and method != "g"
        for name in [rtcstats.METHODS.get(method, str(method))]
    ]
    log.append({"type": "setLocalDescription", "value": f"type: {C}, sdp: {C}", "timestamp": NOW * 1000})
    media = [{"request_type": "getUserMedia", "audio": C, "url": C, "rid": f"{C}/", "timestamp": NOW * 1000},
             {"request_type": "getUserMedia", "error": C, "error_message": C, "timestamp": NOW * 1000},
             {"request_type": "getUserMedia", "audio_track_info": C, "timestamp": NOW * 1000}]  # fmt: skip
    series = {
        f"I1-{name}": {"statsType": "local-candidate", "values": json.dumps([value])}
        for name, value in STATS_OBJECT.items()
    }
    dump = {
        "UserAgent": "UA", "getUserMedia": media,
        "PeerConnections": {"5-1": {"url": C, "rtcConfiguration": json.dumps(RTC_CONFIGURATION), "updateLog": log, "stats": series}},
    }  # fmt: skip
    records = read(json.dumps(dump).encode())
    assert len(records) > 20
    assert C not in _all_text(records)

    facts: dict[str, Any] = dict.fromkeys(FACTS, f"{C} {C}")
    document = {
        "stats": [{"id": "A", **STATS_OBJECT}], "comment": C,
        "events": [{"name": name, "comment": C, "sdp": C, **facts} for name in (*sorted(EVENTS), C)],
    }  # fmt: skip
    records = plain.Decoder(KEY).receive(json.dumps(document), NOW)
    assert len(records) == len(EVENTS) + 2
    assert C not in _all_text(records)


def test_nothing_private_leaves_the_parsers_of_other_clients() -> None:
    """The same for the old clients and Jitsi, for samples, for peermetrics and for what is pushed."""
    rows = [
        [rtcstats.METHODS.get(method, str(method)), peer, value, NOW * 1000]
        for method, peer, value, *_ in PRIVATE
        if method != "g"
    ]
    rows += [["addTrack", "PC_0", f"audio:t1 stream:{C} canary"], ["onaddstream", "PC_0", f"{C} audio:{C}"],
             ["logs", None, [{"text": C}]], ["userfeedback", None, {"score": 2, "comment": C, "issue": f"{C}!"}],
             ["addTransceiver", "PC_0", f"video {C}"], ["identity", None, {"displayName": C, "config": {C: C}}],
             ["publicIP", None, [C]], ["tags", None, {C: C}]]  # fmt: skip
    rows = [[*row[:3], NOW * 1000] for row in rows]
    rows.append(["getstats", "PC_0", {"A": STATS_OBJECT, "timestamp": NOW * 1000}, NOW * 1000])
    for name in ("rtcstats-legacy", "jitsi"):
        decoder = STREAMS[name].decoder(KEY)
        records = [record for row in rows for record in decoder.receive(json.dumps(row), NOW)]
        assert len(records) > 20
        assert C not in _all_text(records), name

    types = (
        "PEER_CONNECTION_STATE_CHANGED",
        "ICE_CANDIDATE",
        "ICE_CANDIDATE_ERROR",
        "MEDIA_TRACK_ADDED",
        "userRating",
        C,
    )
    payload = {
        "peerConnectionId": "pc",
        **dict.fromkeys(("connectionState", "candidate", "url", "kind", "score", "ua"), C),
    }
    metas = ("USER_AGENT_DATA", "BROWSER", "OPERATION_SYSTEM", "MEDIA_DEVICE", "LOCAL_SDP", "MEDIA_CONSTRAINT")
    sample = {
        "callId": "c", "attachments": {C: C}, "score": 5, "scoreReasons": {C: C}, "extensionStats": [{"type": C, "payload": C}],
        "peerConnections": [{"peerConnectionId": "pc", "attachments": C, "iceCandidates": [{"id": "A", **STATS_OBJECT}]}],
        "clientEvents": [{"type": type, "payload": payload} for type in types],
        "clientIssues": [{"type": f"{C} said", "payload": {**payload, "message": C}}],
        "clientMetaItems": [{"type": type, "payload": {"name": f"{C}@x", "label": C, "browser": {"name": f"{C}@x"}}} for type in metas],
    }  # fmt: skip
    records = STREAMS["observertc"].decoder(KEY).receive(json.dumps(sample), NOW)
    assert len(records) > 6
    assert C not in _all_text(records)

    stream = {"id": "I", "type": "inbound-rtp", "timestamp": NOW * 1000, **dict.fromkeys(PRIVATE_MEMBERS, C)}
    pair = {"id": "P", "timestamp": NOW * 1000, "localCandidateId": "L", "local": STATS_OBJECT, "url": C}
    asked = requests(
        ("POST", "/initialize", {"conferenceName": C, "userName": C, "conferenceId": "c", "userId": "u"}),
        ("POST", "/sessions", {"platform": {"ua": C, "browser": {"name": f"{C}@x"}}, "devices": [{"label": C}], "meta": {C: C}}),
        ("POST", "/stats", {**_AT, "data": {"audio": {"inbound": [stream]}, "connection": pair}}),
        ("POST", "/connection", {**_AT, "eventName": "onicecandidateerror", "data": {"address": C, "url": f"turn:{C}", "errorText": C}}),
        ("POST", "/events/get-user-media", {"data": {"error": {"name": C, "message": C}}}),
        ("POST", "/events/browser", {"eventName": "custom", "data": C}),
    )  # fmt: skip
    decoder = STREAMS["peermetrics"].decoder(KEY)
    records = [record for frame in asked for record in decoder.receive(frame, NOW)]
    assert len(records) > 4
    assert C not in _all_text(records)

    labels = ",".join(f'{name}="{C}"' for name in ("pageUrl", "title", *PRIVATE_MEMBERS) if name.isalpha())
    (frame,) = requests(
        ("POST", _GROUP, f'inbound_rtp_jitter{{{labels},id="I",mid="0"}} 1\nlocal_candidate_port{{{labels},id="L"}} 1')
    )
    (report,) = STREAMS["pushgateway"].decoder(KEY).receive(frame, NOW)
    assert C not in _all_text([report])


def test_no_refusal_repeats_what_the_client_sent() -> None:
    """The text of an error is ours alone."""
    for name, make in DECODERS.items():
        if name in ("peermetrics", "pushgateway"):
            rows = [
                (f"POST {path}\n" + body) for path in (f"/{C}", "/stats", _GROUP) for body in (f'{{"token":"{C}"}}', C)
            ]
            for frame in rows:
                with pytest.raises(ClientError) as refusal:
                    make().receive(frame, NOW)
                assert C not in str(refusal.value), name
            continue
        for frame in (f'["{C}"', f'["{C}",5,5,"{C}"]', f'{{"stats":"{C}"}}', f'{{"time":"{C}","left":true}}', f'"{C}"'):
            with pytest.raises(ClientError) as refusal:
                make().receive(frame, NOW)
            assert C not in str(refusal.value), name
