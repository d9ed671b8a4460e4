"""Files of plain JSON documents: read like what is sent, and of one participant."""

import gzip
import io
import json

import pytest

from rtc_exporter import wire
from rtc_exporter.errors import FrameError, Reason
from rtc_exporter.model import Event, Joined, Left, ParticipantKey, Record, Report
from rtc_exporter.wire.decoder import Description
from rtc_exporter.wire.documents import Reader

KEY = ParticipantKey("s", "p")
T = 1_700_000_000.0


def document(second: int, **more: object) -> dict[str, object]:
    """What is sent each second."""
    stats = [{"id": "a", "type": "inbound-rtp", "kind": "audio", "timestamp": (T + second) * 1000, "ssrc": 1}]
    return {"time": (T + second) * 1000, "stats": stats, **more}


def read(content: bytes) -> tuple[list[Record], dict[Reason, int]]:
    """The records of a file, and what was refused."""
    found = wire.detect_file(content[: 1 << 16])
    assert found is Reader
    reader = found(io.BytesIO(content), KEY, T)
    return list(reader), dict(reader.refused)


def lines(*documents: object) -> bytes:
    """A file."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in documents)


@pytest.mark.parametrize("packed", [False, True])
def test_documents_are_read_in_order(packed: bool) -> None:
    """Reports, events and who the client is; it has left when the file ends."""
    told = [
        document(0, session="x", participant="y", user_agent="Agent/1"), document(1),
        {"time": (T + 2) * 1000, "events": [{"name": "networkchange", "type": "wifi"}]},
    ]  # fmt: skip
    content = lines(*told)
    records, refused = read(gzip.compress(content) if packed else content)

    assert [type(record) for record in records] == [Joined, Report, Report, Event, Left]
    assert {record.key[:2] for record in records} == {KEY}
    assert [round(getattr(record, "sent", 0) or record.time, 3) - T for record in records] == [0, 0, 1, 2, 2]
    assert refused == {}


def test_who_says_goodbye_leaves_once() -> None:
    """The document's own word counts."""
    records, _ = read(lines(document(0), document(1, left=True)))

    assert [record.reason for record in records if isinstance(record, Left)] == ["left"]


def test_a_line_that_cannot_be_used_is_skipped_and_counted() -> None:
    """And so is what is of somebody else."""
    broken = b'{"stats": [\n[]\n'
    content = lines(document(0, session="x", participant="y")) + broken + lines(
        document(1, session="x", participant="z"), document(2, session="x", participant="y"), document(3)
    )  # fmt: skip
    records, refused = read(content)

    assert [record.time - T for record in records if isinstance(record, Report)] == [0, 2, 3]
    assert refused == {Reason.BAD_JSON: 1, Reason.BAD_IDENTITY: 1}


def test_the_first_document_says_whose_it_is() -> None:
    """As far as it says so in letters."""
    assert Reader.describe(lines(document(0, session="x", participant="y", user_agent="A/1"))) == Description(
        session="x", participant="y", user_agent="A/1", started=T
    )
    assert Reader.describe(lines(document(0, session="x\n", participant=7))) == Description(started=T)


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"foo": 1}\n', b"[]\n", b"7\n"])
def test_other_files_are_not_taken_for_these(content: bytes) -> None:
    """What has no member of a document is none."""
    with pytest.raises(FrameError, match="no known format"):
        wire.detect_file(content)
    assert wire.detect_file(b'{"PeerConnections": {}, "getUserMedia": []}') is not Reader
