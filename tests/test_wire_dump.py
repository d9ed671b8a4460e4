"""Files of rtcstats frames: rtcstats-server's, Chrome's and recordings."""

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterable

import pytest

from rtc_exporter import wire
from rtc_exporter.errors import ClientError, LimitError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, Record, Report
from rtc_exporter.wire import dump
from rtc_exporter.wire.compact import Base
from rtc_exporter.wire.decoder import Description
from tests import captures

KEY = ParticipantKey("call", "ada")
NOW = 1_795_171_690.0

HEAD = {
    "url": "/room?rtcstats-token=obfuscated", "origin": "https://app.example", "userAgent": "Mozilla/5.0 (X11)",
    "startTime": 1758602115667, "remoteAddresses": ["::1"], "clientProtocol": "rtcstats#4.0", "fileFormat": 3,
}  # fmt: skip

SERVER = "\n".join(
    (
        "RTCStatsDump",
        json.dumps(HEAD),
        '[39,null,{"reloadCount":1},1758602115670]',
        '[60,null,{"audio":false,"video":true},"60-0",2153]',
        "",
        "not JSON",
        '{"an":"object"}',
        '[39,"PC_0",null,10]',
        '["g","PC_0",{"0":{"type":5,"80":1},"t":1758602118000},100]',
        '["close",null,1001,2353]',
    )
)


def read(content: bytes | str, limits: Limits | None = None) -> tuple[list[Record], Counter[Reason]]:
    """All records of a file, and what was refused."""
    raw = content.encode() if isinstance(content, str) else content
    reader = wire.detect_file(raw[: 1 << 16])(io.BytesIO(raw), KEY, NOW, limits or Limits())
    return list(reader), reader.refused


def gist(records: Iterable[Record]) -> list[tuple[object, ...]]:
    """What records say, without times of arrival."""
    return [
        (record.key, record.name, dict(record.facts)) if isinstance(record, Event) else (record.key, record.time)
        for record in records
        if isinstance(record, Event | Report)
    ]


def test_what_a_file_lacks_is_counted() -> None:
    """A file that begins in the middle of a call has changes of reports that are not in it."""
    head = "\n".join(("RTCStatsDump", json.dumps(HEAD), "[39,null,{},1758602115670]"))
    delta = '["g","PC_0",{{"0":{{"80":{0}}},"t":17586021180{0:02}}},100]'
    records, refused = read("\n".join((head, *(delta.format(number) for number in range(3)))))

    assert refused == {Reason.NO_BASE: 3}
    assert [record.name for record in records if isinstance(record, Event)] == ["createPage", "baseless"]


def test_reports_of_a_file_wait_until_they_are_read() -> None:
    """As those of a connection do: five at once cost less than one after the other."""
    delta = '["g","PC_0",{{"0":{{"80":{0}}},"t":17586021190{0:02}}},100]'
    raw = "\n".join((SERVER, *(delta.format(number) for number in range(3)))).encode()
    reader = iter(wire.detect_file(raw)(io.BytesIO(raw), KEY, NOW, Limits()))
    base = [record.stats for record in reader if isinstance(record, Report)][-1]

    assert isinstance(base, Base)
    assert base.laid_by == 3
    assert base["0"] == {"type": "transport", "bytesSent": 2}


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())], ids=["plain", "gzip"])
def test_a_server_s_file_is_read_line_by_line(pack: object) -> None:
    """Lines that cannot be used are counted and skipped; the close code becomes the reason for leaving."""
    assert callable(pack)
    records, refused = read(pack(SERVER))

    assert records[0] == Joined(KEY, 1758602115.667, {"user_agent.original": "Mozilla/5.0 (X11)"}, is_past=True)
    assert [(record.name, record.time) for record in records if isinstance(record, Event)] == [
        ("createPage", 1758602115.670),
        ("getUserMedia", 1758602117.823),
        ("create", 1758602117.833),
    ]
    (report,) = (record for record in records if isinstance(record, Report))
    assert (report.time, report.sent) == (1758602118.0, 1758602117.933)
    assert dict(report.stats) == {"0": {"type": "transport", "bytesSent": 1}}
    assert records[-1] == Left(KEY, 1758602117.933, "page_hide")
    assert refused == {Reason.BAD_JSON: 1, Reason.BAD_FRAME: 1}


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ('["close",null,1005,0]', "closed"), ('["close",null,1000,0]', "closed"),
        ('["close",null,1001,0]', "page_hide"), ('["close",null,3001,0]', "error"),
        ('["close",null,1006,0]', "error"), ('["close",null,1011,0]', "error"), ('["close",null,"x",0]', "error"),
        ('["close",null,null,0]', "closed"), ('["close",null,', "closed"), ("", "closed"),
    ],
)  # fmt: skip
def test_the_close_code_tells_why_a_participant_left(last: str, reason: str) -> None:
    """A file without a last line ends like one that was closed without a code."""
    records, _ = read(f"RTCStatsDump\n{json.dumps(HEAD)}\n[39,null,null,{NOW * 1000}]\n{last}")

    left = records[-1]
    assert isinstance(left, Left)
    assert left.reason == reason


CHROME = "\n".join(
    (
        "RTCStatsDump",
        '{"fileFormat":3}',
        '["create",null,{},"https://app.example/room",1795171685556]',
        '["getUserMedia","18-0",{"audio":true,"video":""},"getUserMedia-18-7-1","https://app.example/room",-500]',
        '["getUserMediaOnFailure","18-0",{"error":"NotFoundError","error_message":"none of ada"},"x-18-7-1",10.5]',
        '["create","18-4",{"iceTransportPolicy":"relay"},"https://app.example/room",10]',
        '["oniceconnectionstatechange","undefined-undefined","\\"connected\\"",0]',
        '["connectionstatechange","18-4","\\"connected\\"",10]',
        '["transceiverAdded","18-4",{"kind":"audio"},0]',
        '["getStats","18-4",{"T01":{"id":"T01","type":"transport","timestamp":1795171686000,"bytesSent":1},"I1":{"id":"I1","type":"inbound-rtp","timestamp":1795171686000,"kind":"audio","packetsReceived":5}},10]',
        '["getStats","18-4",{"T01":{"id":"T01","type":"transport","timestamp":1795171687000,"bytesSent":2}},1000]',
    )
)


def test_chrome_s_file_has_whole_reports() -> None:
    """What the second report does not hold is gone; states are quoted; ``<renderer>-0`` is the page."""
    records, refused = read(gzip.compress(CHROME.encode()))

    assert refused == {}
    assert gist(records)[:5] == [
        ((*KEY, ""), "createPage", {}),
        ((*KEY, ""), "getUserMedia", {"audio": True, "video": True, "call": "getUserMedia-18-7-1"}),
        ((*KEY, ""), "getUserMediaOnFailure", {"error": "NotFoundError", "call": "x-18-7-1"}),
        ((*KEY, "18-4"), "create", {"relay_only": True}),
        ((*KEY, "18-4"), "connectionstatechange", {"state": "connected"}),
    ]
    first, second = (record for record in records if isinstance(record, Report))
    assert sorted(first.stats) == ["I1", "T01"]
    assert dict(second.stats) == {"T01": {"type": "transport", "bytesSent": 2}}
    assert second.time == 1795171687.0
    assert dict(second.removed) == {
        "I1": {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 5, "timestamp": 1795171686.0}
    }


@pytest.mark.parametrize("name", captures.names())
def test_a_recorded_file_says_what_its_frames_say(name: str) -> None:
    """The server's file and the recording of the same connection give the same events and reports."""
    packed = (captures.DATA / f"{name.replace('.frames', '.rtcstats-dump')}.gz").read_bytes()
    recorded = (captures.DATA / f"{name}.jsonl.gz").read_bytes()

    of_file, refused = read(packed)
    of_recording, refused_too = read(recorded)

    assert (refused, refused_too) == ({}, {})
    assert gist(of_file) == gist(of_recording)
    assert len(gist(of_file)) == len(captures.frames(name))
    for records in (of_file, of_recording):
        assert isinstance(records[0], Joined)
        assert isinstance(records[-1], Left)
        assert records[0].attributes["user_agent.original"].startswith("Mozilla/5.0")
    assert of_file[-1].key == KEY


def test_a_file_tells_whose_it_is() -> None:
    """Claims in the head, the token of a recorded URL, the user agent and the start."""
    recording = {
        "url": "/call/x?a=1&rtcstats-token=abc.def.ghi#x", "headers": {"user-agent": "UA"}, "connected_at": NOW,
    }  # fmt: skip
    named = {**HEAD, "authData": {"conference": "room", "user": "ada"}}
    start = 1758602115.667
    # fmt: off
    table: list[tuple[bytes, Description]] = [
        (SERVER.encode(), Description(user_agent="Mozilla/5.0 (X11)", started=start)),
        (gzip.compress(SERVER.encode()), Description(user_agent="Mozilla/5.0 (X11)", started=start)),
        (f"RTCStatsDump\n{json.dumps(named)}\n".encode(), Description("room", "ada", "", "Mozilla/5.0 (X11)", start)),
        (CHROME.encode(), Description()),
        (b"RTCStatsDump", Description()),
        (json.dumps(recording).encode(), Description(token="abc.def.ghi", user_agent="UA", started=NOW)),
        (b'{"connected_at":true,"url":5,"headers":[]}\n', Description()),
    ]
    # fmt: on
    for head, expected in table:
        assert wire.detect_file(head).describe(head) == expected


def test_a_damaged_gzip_file_gives_what_comes_before() -> None:
    """A file that is cut off or broken in the middle is read up to there, and counted."""
    lines = [f'[27,"PC_0",null,{n}]' for n in range(20_000)]
    packed = gzip.compress("\n".join(("RTCStatsDump", json.dumps(HEAD), *lines)).encode())

    records, refused = read(packed[: len(packed) // 2])
    assert 1000 < len(records) < 20_000
    assert refused[Reason.BAD_ENCODING] == 1
    assert isinstance(records[-1], Left)

    broken = bytearray(packed)
    broken[len(broken) // 2] ^= 0xFF
    _, refused = read(bytes(broken))
    assert refused[Reason.BAD_ENCODING] == 1


def test_a_gzip_file_of_several_members_is_one_file() -> None:
    """Appending to a gzip file makes another member of it."""
    first, second = SERVER[:300].encode(), SERVER[300:].encode()

    assert gist(read(gzip.compress(first) + gzip.compress(second))[0]) == gist(read(SERVER)[0])


def test_unpacking_is_limited() -> None:
    """A small file that unpacks to a large one stops at the limit."""
    bomb = gzip.compress(b"RTCStatsDump\n{}\n" + b"x" * (1 << 22))

    with pytest.raises(LimitError) as refusal:
        read(bomb, Limits(dump_bytes_unpacked=1 << 20))
    assert refusal.value.reason is Reason.TOO_LARGE


def test_a_line_that_is_too_long_is_skipped() -> None:
    """It costs no more memory than the limit, and the lines around it are read."""
    long = '[27,"PC_0","' + "x" * 300_000 + '",1]'
    content = f'RTCStatsDump\n{json.dumps(HEAD)}\n[27,"PC_0",null,1]\n{long}\n{long}\n[27,"PC_0",null,1]'

    records, refused = read(content, Limits(frame_bytes=100_000))

    assert len(gist(records)) == 2
    assert refused == {Reason.TOO_LARGE: 2}


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", Reason.UNKNOWN_FORMAT), (b"\x1f\x8bbroken", Reason.BAD_ENCODING), (b"PNG", Reason.UNKNOWN_FORMAT),
        (b'{"path":"x","fileFormat":2}\n', Reason.UNKNOWN_FORMAT), (b'["a",null,{},5]', Reason.UNKNOWN_FORMAT),
    ],
)  # fmt: skip
def test_an_unknown_file_is_refused(head: bytes, reason: Reason) -> None:
    """A file that is none of ours is named as such."""
    with pytest.raises(ClientError) as refusal:
        wire.detect_file(head)
    assert refusal.value.reason is reason


def test_a_reader_given_the_wrong_file_says_so() -> None:
    """The first line is what makes it a dump or a recording."""
    for reader in (dump.Reader, dump.RecordingReader):
        with pytest.raises(ClientError) as refusal:
            list(reader(io.BytesIO(b"{}\n"), KEY, NOW))
        assert refusal.value.reason is Reason.BAD_DUMP


def test_a_recording_counts_what_it_cannot_use() -> None:
    """Frames of the server are passed over; broken lines and frames are counted."""
    rows = (
        '{"connected_at":1795171690.0,"url":"/"}', '{"t":1,"dir":"s2c","text":"hello"}', "broken", "",
        '{"t":2,"dir":"c2s","text":"[39,null,{},5]"}', '{"t":"x","dir":"c2s","text":"[1]"}',
        '{"t":3,"dir":"close","code":1001,"reason":""}',
    )  # fmt: skip

    records, refused = read("\n".join(rows))

    assert [record.time for record in records] == [NOW, NOW + 2, NOW + 3]
    assert records[-1] == Left(KEY, NOW + 3, "page_hide")
    assert refused == {Reason.BAD_JSON: 1, Reason.BAD_FRAME: 1}
