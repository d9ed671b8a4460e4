"""
Files of rtcstats frames, one JSON array per line.

- ``Reader``: RTCStatsDump files.  Line 1 is the word, line 2 an object about the connection, then frames;
  rtcstats-server appends the WebSocket's close code.  Chrome writes the same file from chrome://webrtc-internals,
  with every report in full and without a word about the connection.
- ``RecordingReader``: frames with the time of their arrival, as a proxy in between records them.  Line 1 is
  ``{"url", "headers", "connected_at"}``, then ``{"t", "dir": "c2s", "text"}``, at the end ``{"t", "dir": "close",
  "code"}``.
"""

from collections.abc import Iterator
from typing import ClassVar

from rtc_exporter.errors import ClientError, FrameError, Reason
from rtc_exporter.model import Joined, Left, Record
from rtc_exporter.wire.decoder import (
    DEFAULTS,
    NUMBERS,
    Description,
    is_time,
    items,
    leave_reason,
    mapping,
    milliseconds,
    parse,
    text,
)
from rtc_exporter.wire.files import File, Idle, beginning, json_line, lines
from rtc_exporter.wire.rtcstats import Decoder

#: First line of an RTCStatsDump file.
MAGIC = b"RTCStatsDump"


class Reader(File):
    """Reads an RTCStatsDump file."""

    name: ClassVar[str] = "dump"

    def __iter__(self) -> Iterator[Record]:
        rows = lines(self._stream, self._limits, self.refused)
        if next(rows, b"") != MAGIC:
            raise FrameError(Reason.BAD_DUMP, "the first line is not RTCStatsDump")
        told = json_line(next(rows, b""))
        start = milliseconds(told["startTime"]) if is_time(told.get("startTime")) else self._now
        decoder = Decoder(self._key, limits=self._limits)
        decoder.whole = "clientProtocol" not in told
        agent = text(told.get("userAgent"), self._limits.text_length)
        yield Joined(self._key, start, {"user_agent.original": agent} if agent else {}, is_past=True)

        last, code = start, None
        idle = Idle()
        for line in rows:
            idle.read(line)
            if not line.strip():
                continue
            if line.startswith(_CLOSE):
                code = self._close_code(line)
                continue
            try:
                for record in decoder.receive(_frame(line), last):
                    yield record
                    idle.end()
            except ClientError as refusal:
                self.refused[refusal.reason] += 1
            last = last if decoder.time is None else decoder.time / 1000
        yield Left(self._key, last, leave_reason(code))
        # Frames that were taken unread have been read by now.
        self.refused.update(refusal.reason for refusal in decoder.refused)

    def _close_code(self, line: bytes) -> object:
        try:
            row = items(parse(line, self._limits))
        except ClientError as refusal:
            self.refused[refusal.reason] += 1
            return None
        return row[2] if len(row) > 2 else None

    @staticmethod
    def describe(head: bytes) -> Description:
        """What the second line says; its URL has lost its token, and older files hold claims instead."""
        told = json_line((*beginning(head).split(b"\n", 2), b"", b"")[1])
        claims = mapping(told.get("authData")) or mapping(told.get("rtcStats"))
        start = told.get("startTime")
        return Description(
            session=text(claims.get("conference"), DEFAULTS.id_length) or "",
            participant=text(claims.get("user"), DEFAULTS.id_length) or "",
            token=_token(told.get("url")),
            user_agent=text(told.get("userAgent"), DEFAULTS.text_length) or "",
            started=milliseconds(start) if is_time(start) else None,
        )


def _frame(line: bytes) -> str | bytes:
    """A report as the decoder takes it unread, which it does with text alone."""
    try:
        return line.decode() if line.startswith(b'["g",') else line
    except UnicodeDecodeError:
        return line


#: How the server's own last line begins; a client's ``close`` is about a peer connection.
_CLOSE = b'["close",null,'


class RecordingReader(File):
    """Reads the recording of a WebSocket."""

    name: ClassVar[str] = "dump"

    def __iter__(self) -> Iterator[Record]:
        rows = lines(self._stream, self._limits, self.refused)
        told = json_line(next(rows, b""))
        if "connected_at" not in told:
            raise FrameError(Reason.BAD_DUMP, "the first line does not tell the connection")
        start = _seconds(told["connected_at"], self._now)
        agent = text(mapping(told.get("headers")).get("user-agent"), self._limits.text_length)
        decoder = Decoder(self._key, limits=self._limits)
        yield Joined(self._key, start, {"user_agent.original": agent} if agent else {}, is_past=True)

        now, reason = start, "closed"
        idle = Idle()
        for line in rows:
            idle.read(line)
            row = json_line(line)
            now = start + _seconds(row.get("t"), now - start)
            frame, direction = row.get("text"), row.get("dir")
            if direction == "c2s" and isinstance(frame, str):
                try:
                    for record in decoder.receive(frame, now):
                        yield record
                        idle.end()
                except ClientError as refusal:
                    self.refused[refusal.reason] += 1
            elif direction in ("close", "server-close"):
                reason = leave_reason(row.get("code"))
            elif not row and line.strip():
                self.refused[Reason.BAD_JSON] += 1
        yield Left(self._key, now, reason)
        # Frames that were taken unread have been read by now.
        self.refused.update(refusal.reason for refusal in decoder.refused)

    @staticmethod
    def describe(head: bytes) -> Description:
        """What the first line says; the token in the URL is for the shell to read."""
        told = json_line(beginning(head).split(b"\n", 1)[0])
        agent = text(mapping(told.get("headers")).get("user-agent"), DEFAULTS.text_length)
        start = _seconds(told.get("connected_at"), -1.0)
        return Description(token=_token(told.get("url")), user_agent=agent or "", started=start if start >= 0 else None)


def _seconds(value: object, default: float) -> float:
    """A time that the recorder wrote in seconds."""
    return float(value) if type(value) in NUMBERS and is_time(value * 1000) else default  # type: ignore[arg-type, operator]


def _token(url: object) -> str:
    """The token in the query of a recorded URL; rtcstats-server writes the word instead."""
    if not isinstance(url, str):
        return ""
    query = url.partition("?")[2].partition("#")[0]
    token = next((part.partition("=")[2] for part in query.split("&") if part.startswith("rtcstats-token=")), "")
    return "" if token == "obfuscated" else token[:4096]
