"""
The formats that are understood, and how each is recognised.

``FORMATS`` is the table: the shell picks a decoder or a reader from it, and the documentation prints it.  To add a
format, write a module with a ``Decoder`` or a ``Reader`` and add a row.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rtc_exporter.errors import FrameError, Reason
from rtc_exporter.limits import Limits
from rtc_exporter.model import ParticipantKey
from rtc_exporter.wire import (
    acknowledged,
    documents,
    dump,
    internals,
    jitsi,
    legacy,
    observertc,
    peermetrics,
    plain,
    pushgateway,
    rtcstats,
)
from rtc_exporter.wire.browsers import SPELLINGS
from rtc_exporter.wire.decoder import DEFAULTS, Decoder, Description, Reader, Request, items, mapping, parse
from rtc_exporter.wire.files import beginning, json_line

__all__ = [
    "FORMATS", "SPELLINGS", "Decoder", "Description", "Format", "Reader", "Request", "by_name", "choose", "detect_file",
    "name_of", "sniff",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """One format: a stream has a decoder, a file has readers."""

    #: The value of the ``format`` label.
    name: str
    #: The WebSocket subprotocols that announce it, as a regular expression; "" for none.
    subprotocol: str
    #: How it comes: websocket, post, api (requests with a method and a path), file.
    media: str
    #: What a client is pointed at; where any path is taken, one that says more than "/".
    address: str
    help: str
    stream: type[Decoder] | None = None
    readers: tuple[type[Reader], ...] = ()
    #: Whether the payload may say whose it is.
    names_itself: bool = False
    #: Whom the body of a POST, or a request, names.
    named: Callable[[bytes, Limits], ParticipantKey | None] | None = None
    #: Where a request has its token, if not in the head.
    credential: Callable[[bytes, Limits], str] | None = None
    #: Whether the URL names the stream, so that a client that comes back is known by it.
    names_stream: bool = False
    #: The WebSocket close code of its own with which its clients leave for good.
    left_with: int = 1000
    #: Whether its clients take part in sessions.
    of_people: bool = True

    @property
    def decoder(self) -> type[Decoder]:
        """What decodes a stream of it."""
        if self.stream is None:
            raise FrameError(Reason.UNKNOWN_FORMAT, f"{self.name} is not a stream")
        return self.stream


FORMATS: tuple[Format, ...] = (
    Format(
        "rtcstats", r"rtcstats#\d+\.\d+", "websocket", "/v1/rtcstats/SESSION/PARTICIPANT",
        "rtcstats-js 1.x and 2.x.",
        stream=rtcstats.Decoder,
    ),
    Format(
        "rtc-exporter", r"rtc-exporter\.v1", "websocket", "/v1/rtc-exporter/SESSION/PARTICIPANT",
        "Our own client for browsers, clients/js: numbered, acknowledged, sent again.",
        stream=acknowledged.Decoder,
    ),
    Format(
        "rtcstats-legacy", r"2\.0", "websocket", "/",
        "rtcstats up to 5.x, and @jitsi/rtcstats 5 and 6.",
        stream=legacy.Decoder, names_itself=True,
    ),
    Format(
        "jitsi", r"\d\.\d(_STANDARD|_LEGACY)?", "websocket", "/",
        "@jitsi/rtcstats 7 to 9.",
        stream=jitsi.Decoder, names_itself=True, names_stream=True, left_with=3001,
    ),
    Format(
        "jitsi-service", r"\d\.\d_(JVB|JICOFO|JIGASI|JIBRI)", "websocket", "/",
        "Jitsi's services; connections are counted, and what they send is left there.",
        stream=jitsi.Service, names_itself=True, of_people=False,
    ),
    Format(
        "observertc", r"clientsample", "websocket, post", "/v1/observertc",
        "ClientSample of ObserveRTC's client-monitor-js, as JSON.",
        stream=observertc.Decoder, names_itself=True, named=observertc.named,
    ),
    Format(
        "peermetrics", "", "api", "/v1/peermetrics",
        "The API of peermetrics' sdk-js 2.x.",
        stream=peermetrics.Decoder, names_itself=True, named=peermetrics.named, credential=peermetrics.credential,
    ),
    Format(
        "pushgateway", "", "api", "/",
        "What the extension webrtc-internals-exporter pushes.",
        stream=pushgateway.Decoder, names_itself=True, named=pushgateway.named,
    ),
    Format(
        "json", "", "websocket, post, file", "/v1/reports/SESSION/PARTICIPANT",
        "Plain JSON: getStats() reports as they are, for native applications and agents.",
        stream=plain.Decoder, readers=(documents.Reader,), names_itself=True, named=plain.named,
    ),
    Format(
        "dump", "", "file", "/v1/dumps/SESSION/PARTICIPANT",
        "RTCStatsDump files of rtcstats-server and of Chrome, and recordings of rtcstats frames.",
        readers=(dump.Reader, dump.RecordingReader),
    ),
    Format(
        "internals", "", "file", "/v1/dumps/SESSION/PARTICIPANT",
        "What chrome://webrtc-internals saves.",
        readers=(internals.Reader,),
    ),
)  # fmt: skip

_BY_NAME = {form.name: form for form in FORMATS}


def by_name(name: str) -> Format:
    """The format of a label."""
    return _BY_NAME[name]


def choose(subprotocols: Sequence[str]) -> Format | None:
    """The format that a WebSocket announces with the subprotocol it offers first; None: its first frame tells."""
    offered = subprotocols[0] if subprotocols else ""
    return next((form for form in FORMATS if form.subprotocol and re.fullmatch(form.subprotocol, offered)), None)


def sniff(first_frame: str | bytes, limits: Limits = DEFAULTS) -> Format:
    """The format of a stream without a known subprotocol."""
    document = parse(first_frame, limits)
    row = items(document)
    first = mapping(row[0] if row and isinstance(row[0], dict) else document)
    if len(row) >= 4 and (type(row[0]) is int or row[0] == "g"):
        return _BY_NAME["rtcstats"]
    if len(row) >= 4 and isinstance(row[0], str):
        return _BY_NAME["rtcstats-legacy"]
    if "statsSessionId" in first:
        return _BY_NAME["jitsi"]
    if observertc.MARKS & first.keys() or observertc.MARKS & mapping(first.get("sample")).keys():
        return _BY_NAME["observertc"]
    if plain.MARKS & first.keys():
        return _BY_NAME["json"]
    raise FrameError(Reason.UNKNOWN_FORMAT, "the first frame is of no known format")


def detect_file(head: bytes) -> type[Reader]:
    """The reader for a file that begins like this (64 kB are plenty), gzipped or not."""
    start = beginning(head)
    first = start.split(b"\n", 1)[0].strip()
    if first == dump.MAGIC:
        return dump.Reader
    if "connected_at" in json_line(first):
        return dump.RecordingReader
    if documents.is_document(first):
        return documents.Reader
    if start.lstrip().startswith(b"{") and any(mark in start for mark in (b'"PeerConnections"', b'"getUserMedia"')):
        return internals.Reader
    raise FrameError(Reason.UNKNOWN_FORMAT, "a file of no known format")


def name_of(reader: type[Reader]) -> str:
    """The name of a reader's format."""
    return reader.name
