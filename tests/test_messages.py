"""WebSocket messages from bytes: what is taken, what is refused, and that neither depends on how the bytes come."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc_exporter.app import messages
from rtc_exporter.app.messages import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Fault, Messages
from rtc_exporter.errors import Reason

LIMIT = 1000
MASK = b"\x01\x02\x03\x04"
Taken = list[tuple[int, bytes]]


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, mask: bytes | None = MASK, reserved: int = 0
) -> bytes:
    """A frame as a client writes it, or should not write it."""
    size = len(payload)
    head = bytes([final << 7 | reserved << 4 | opcode])
    flag = 0 if mask is None else 0x80
    if size < 126:
        head += bytes([flag | size])
    elif size < 1 << 16:
        head += bytes([flag | 126]) + struct.pack(">H", size)
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", size)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def declared(opcode: int, size: int) -> bytes:
    """The head of a frame that is said to be so long."""
    return bytes([0x80 | opcode, 0x80 | 127]) + struct.pack(">Q", size) + MASK


def read(*chunks: bytes, limit: int = LIMIT) -> tuple[Taken, Fault | None]:
    """What is taken of these chunks, and what was wrong."""
    reader = Messages(limit)
    taken: Taken = []
    try:
        for chunk in chunks:
            reader.receive(chunk, taken)
    except Fault as fault:
        return taken, fault
    return taken, None


TAKEN = [
    (b"", []),
    (frame(TEXT), [(TEXT, b"")]),
    (frame(TEXT, b"hello"), [(TEXT, b"hello")]),
    (frame(TEXT, b"hello", mask=bytes(4)), [(TEXT, b"hello")]),
    (frame(BINARY, b"\xff\x00"), [(BINARY, b"\xff\x00")]),
    *((frame(TEXT, b"x" * size), [(TEXT, b"x" * size)]) for size in (125, 126, 127, 999, 1000)),
    (frame(PING, b"x" * 125) + frame(PONG), [(PING, b"x" * 125), (PONG, b"")]),
    (frame(CLOSE, b"\x03\xe8"), [(CLOSE, b"\x03\xe8")]),
    (frame(TEXT, b"a", final=False) + frame(CONTINUATION, b"b"), [(TEXT, b"ab")]),
    (frame(BINARY, final=False) + frame(CONTINUATION, final=False) + frame(CONTINUATION), [(BINARY, b"")]),
    (
        frame(TEXT, b"a", final=False) + frame(PING, b"?") + frame(CONTINUATION, b"b") + frame(TEXT, b"c"),
        [(PING, b"?"), (TEXT, b"ab"), (TEXT, b"c")],
    ),
    (frame(TEXT, b"a" * 500, final=False) + frame(CONTINUATION, b"b" * 500), [(TEXT, b"a" * 500 + b"b" * 500)]),
    (
        frame(TEXT, b"a", final=False) + frame(CONTINUATION, b"b", final=False) * 62 + frame(CONTINUATION, b"c"),
        [(TEXT, b"a" + b"b" * 62 + b"c")],
    ),
    # What follows is not counted to the message before it.
    (frame(TEXT, b"a" * 600) + frame(TEXT, b"b" * 600), [(TEXT, b"a" * 600), (TEXT, b"b" * 600)]),
    # Not in the shortest form, which hurts nobody.
    (bytes([0x81, 0x80 | 126, 0, 1]) + bytes(4) + b"x", [(TEXT, b"x")]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), TAKEN)
def test_frames_become_messages(data: bytes, expected: Taken) -> None:
    """In one chunk, and byte by byte."""
    whole, fault = read(data)
    assert (whole, fault) == (expected, None)

    dripped, fault = read(*(data[index : index + 1] for index in range(len(data))))
    assert (dripped, fault) == (expected, None)


HALF = frame(TEXT, b"a", final=False)
REFUSED = [
    *((frame(TEXT, b"x", reserved=bits), 1002, Reason.BAD_FRAME) for bits in (1, 2, 4, 7)),
    (frame(TEXT, b"x" * 4, mask=None), 1002, Reason.BAD_FRAME),
    (frame(PING, mask=None) + bytes(4), 1002, Reason.BAD_FRAME),
    *((frame(opcode, b"x"), 1002, Reason.BAD_FRAME) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *((frame(opcode, b"x" * 126), 1002, Reason.BAD_FRAME) for opcode in (CLOSE, PING, PONG)),
    *((frame(opcode, final=False), 1002, Reason.BAD_FRAME) for opcode in (CLOSE, PING, PONG)),
    (frame(CONTINUATION, b"x"), 1002, Reason.BAD_FRAME),
    (frame(CONTINUATION, b"x", final=False), 1002, Reason.BAD_FRAME),
    (HALF + frame(TEXT, b"x"), 1002, Reason.BAD_FRAME),
    (HALF + HALF, 1002, Reason.BAD_FRAME),
    (HALF + frame(BINARY, b"x"), 1002, Reason.BAD_FRAME),
    (HALF + frame(CONTINUATION, final=False) * 64, 1008, Reason.BAD_FRAME),
    (frame(TEXT, b"x" * 1001), 1009, Reason.TOO_LARGE),
    (frame(BINARY, b"x" * 1001), 1009, Reason.TOO_LARGE),
    (HALF + frame(CONTINUATION, b"x" * 1000), 1009, Reason.TOO_LARGE),
    *((declared(TEXT, size), 1009, Reason.TOO_LARGE) for size in (1001, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 63)),
    (declared(PING, (1 << 64) - 1), 1002, Reason.BAD_FRAME),
]


@pytest.mark.parametrize(("data", "code", "reason"), REFUSED)
def test_what_breaks_the_protocol_or_a_bound_is_a_fault(data: bytes, code: int, reason: Reason) -> None:
    """What came whole before it is taken; a length is refused when it is declared, not when it has come."""
    before = frame(TEXT, b"before")

    taken, fault = read(before + data)

    assert taken == [(TEXT, b"before")]
    assert fault is not None
    assert (fault.code, fault.error.reason) == (code, reason)


def test_a_frame_is_kept_until_it_is_whole() -> None:
    """And no longer; what is half a frame is no message."""
    data = frame(TEXT, b"x" * 500)
    for end in range(len(data)):
        assert read(data[:end]) == ([], None)
    assert read(data[:7], data[7:]) == ([(TEXT, b"x" * 500)], None)


def test_text_is_utf_8() -> None:
    """1007: overlong forms, halves of characters and surrogates are not."""
    assert messages.text("né 😀".encode()) == "né 😀"
    for payload in (b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"):
        with pytest.raises(Fault) as refused:
            messages.text(payload)
        assert (refused.value.code, refused.value.error.reason) == (1007, Reason.BAD_ENCODING)


def test_a_close_frame_has_a_code_or_none() -> None:
    """1005 stands for none, and half a code is a fault."""
    assert messages.close_code(b"") == 1005
    assert messages.close_code(b"\x03\xe9gone") == 1001
    with pytest.raises(Fault) as refused:
        messages.close_code(b"\x03")
    assert (refused.value.code, refused.value.error.reason) == (1002, Reason.BAD_FRAME)


def test_frames_of_ours_are_short_and_not_masked() -> None:
    """A reason that is too long is cut."""
    assert messages.frame(PONG, b"hi") == b"\x8a\x02hi"
    assert messages.frame(TEXT, b"x" * 126) == b"\x81\x7e\x00\x7e" + b"x" * 126
    assert messages.frame(TEXT, b"x" * 65_536) == b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + b"x" * 65_536
    assert messages.close_frame(1000) == b"\x88\x02\x03\xe8"
    assert messages.close_frame(1008, "x" * 200) == b"\x88\x7d\x03\xf0" + b"x" * 123


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, Taken]:
    """Messages cut into fragments, with control frames between those; and what they shall become."""
    data, expected = b"", Taken()
    for _ in range(draw(st.integers(0, 6))):
        opcode = draw(st.sampled_from((TEXT, BINARY, PING, PONG)))
        mask = draw(st.binary(min_size=4, max_size=4))
        if opcode in (PING, PONG):
            payload = draw(st.binary(max_size=125))
            data += frame(opcode, payload, mask=mask)
        else:
            parts = draw(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
            for index, part in enumerate(parts):
                data += frame(opcode if not index else CONTINUATION, part, final=index == len(parts) - 1, mask=mask)
                if index < len(parts) - 1 and draw(st.booleans()):
                    data += frame(PING, b"?", mask=mask)
                    expected.append((PING, b"?"))
            payload = b"".join(parts)
        expected.append((opcode, payload))
    return data, expected


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The bytes in chunks."""
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(ends)]


PLACES = st.lists(st.integers(0, 2000), max_size=20)


@given(streams(), PLACES)
def test_how_the_bytes_are_cut_does_not_matter(stream: tuple[bytes, Taken], places: list[int]) -> None:
    """TCP knows no frames: any split of a stream gives the same messages."""
    data, expected = stream

    assert read(*cut(data, places)) == (expected, None)


FRAMES = st.tuples(
    st.integers(0, 15), st.binary(max_size=130), st.booleans(), st.sampled_from((MASK, MASK, MASK, None)),
    st.sampled_from((0, 0, 0, 0, 0, 0, 0, 1)),
).map(lambda row: frame(row[0], row[1], final=row[2], mask=row[3], reserved=row[4]))  # fmt: skip


@given(st.one_of(st.binary(max_size=300), st.lists(FRAMES, max_size=8).map(b"".join)), PLACES)
def test_garbage_is_a_fault_or_nothing(data: bytes, places: list[int]) -> None:
    """Whatever comes, no other exception is raised, and messages and fault are the same however it is cut."""
    taken, fault = read(data, limit=200)
    cut_taken, cut_fault = read(*cut(data, places), limit=200)

    assert cut_taken == taken
    assert (cut_fault and (cut_fault.code, cut_fault.error.reason)) == (fault and (fault.code, fault.error.reason))
    assert all(len(payload) <= (125 if opcode >= CLOSE else 200) for opcode, payload in taken)
