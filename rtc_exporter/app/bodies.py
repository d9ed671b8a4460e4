"""
Bodies of requests: read within bounds, unpacked within bounds.

What is wrong raises ``ClientError``; ``UnsupportedError`` is the one case that has a status of its own.
"""

import zlib
from collections.abc import AsyncIterator, Callable
from io import BytesIO

from multipart import (  # type: ignore[import-untyped]  # it has annotations, but no py.typed
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from starlette.requests import Request

from rtc_exporter.errors import FrameError, LimitError, Reason

JSON = ("application/json", "text/plain", "")
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines")
#: Encodings of text that are turned into UTF-8; everything else is refused.
CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "utf-16")
GZIP = 16 + zlib.MAX_WBITS
#: Members of a gzip body.  Clients send one; what follows is copied for each.
MEMBERS = 64


class UnsupportedError(FrameError):
    """A media type, an encoding or a charset that is not taken."""

    status = 415


async def chunks(request: Request, limit: int, hold: Callable[[int], None]) -> AsyncIterator[bytes]:
    """The body as it comes, up to ``limit`` bytes; ``hold`` is told how many are kept."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise LimitError(Reason.TOO_LARGE, f"a body has at most {limit} bytes")
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise LimitError(Reason.TOO_LARGE, f"a body has at most {limit} bytes")
        if chunk:
            hold(len(chunk))
            yield chunk


async def text(request: Request, limit: int, hold: Callable[[int], None]) -> tuple[bytes, bool]:
    """A body of JSON in UTF-8, and whether it is one document on each line."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    is_json = kind in JSON or kind.endswith("+json")
    if not is_json and kind not in LINES:
        raise UnsupportedError(Reason.BAD_ENCODING, "wanted application/json or application/x-ndjson")
    charset = options.get("charset", "utf-8").lower()
    if charset not in CHARSETS:
        raise UnsupportedError(Reason.BAD_ENCODING, "wanted UTF-8")
    body = await content(request, limit, hold)
    if charset not in ("utf-8", "utf8"):
        try:
            body = body.decode(charset).encode()
        except UnicodeError:
            raise FrameError(Reason.BAD_ENCODING, "not the charset that the header names") from None
    return body, not is_json


async def content(request: Request, limit: int, hold: Callable[[int], None]) -> bytes:
    """A body of whatever type, unpacked."""
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedError(Reason.BAD_ENCODING, "wanted gzip, or no content encoding")
    body = b"".join([chunk async for chunk in chunks(request, limit, hold)])
    if encoding == "gzip":
        body = unpack(body, limit)
        hold(len(body))
    return body


def unpack(body: bytes, limit: int) -> bytes:
    """Undo gzip; stops as soon as there is more than ``limit``."""
    parts: list[bytes] = []
    room = limit + 1
    while body and room > 0:
        if len(parts) >= MEMBERS:
            raise FrameError(Reason.BAD_ENCODING, f"gzip of more than {MEMBERS} pieces")
        stream = zlib.decompressobj(GZIP)
        try:
            part = stream.decompress(body, room)
        except zlib.error:
            raise FrameError(Reason.BAD_ENCODING, "not gzip") from None
        parts.append(part)
        room -= len(part)
        if not stream.eof and room > 0:
            raise FrameError(Reason.BAD_ENCODING, "gzip that ends too early")
        body = stream.unused_data
    if room <= 0:
        raise LimitError(Reason.TOO_LARGE, f"a body unpacks to at most {limit} bytes")
    return b"".join(parts)


async def file(request: Request, limit: int, hold: Callable[[int], None]) -> BytesIO:
    """A dump file: the body itself, or the first part of a form."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    result = BytesIO()
    if kind != "multipart/form-data":
        async for chunk in chunks(request, limit, hold):
            result.write(chunk)
        result.seek(0)
        return result
    parts = 0
    try:
        with PushMultipartParser(options.get("boundary", ""), max_segment_count=8, strict=True) as parser:
            async for chunk in chunks(request, limit, hold):
                for event in parser.parse(chunk):
                    if isinstance(event, MultipartSegment):
                        parts += 1
                    elif event and parts == 1:
                        result.write(event)
    except MultipartError:
        raise FrameError(Reason.BAD_ENCODING, "not a form as its header describes it") from None
    if not parts:
        raise FrameError(Reason.BAD_ENCODING, "a form without a file")
    result.seek(0)
    return result
