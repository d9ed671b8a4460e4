"""Traces as text."""

import pytest

from rtc_exporter.span import Span, SpanEvent
from rtc_exporter.tree import LONGEST, clean, duration, render

TRACE = bytes(range(16))
ROOT, JOIN, SETUP = b"rrrrrrrr", b"jjjjjjjj", b"ssssssss"
BEGIN = 1_795_169_700.0


def span(name: str, ident: bytes, parent: bytes, start: float, end: float, **more: object) -> Span:
    """A span of session ``s``, ``start`` and ``end`` in seconds from its beginning; ``_`` stands for ``.``."""
    attributes = {"session.id": "s", "rtc.participant.id": "ann", **more}
    return Span(name, TRACE, ident, parent, BEGIN + start, BEGIN + end, attributes)  # type: ignore[arg-type]


def test_a_trace_is_a_tree() -> None:
    """Times from the first span on, what matters first, errors in capitals, events below their span."""
    told = {
        "rtc.peer_connection.id": "PC_0", "rtc.ice.candidates.host": 2, "rtc.outcome": "ice_failed",
        "rtc.jitter.p50": 0.1, "rtc.part": 0, "rtc.worst": 0.123456,
    }  # fmt: skip
    mute = SpanEvent("rtc.mute", BEGIN + 2, {"rtc.media.kind": "audio"})
    setup = span("rtc.peer_connection.setup", SETUP, JOIN, 0.5, 15.5, **told)
    setup = setup._replace(error="ICE found no path", events=(mute,))
    spans = [
        span("rtc.session", ROOT, b"", 0, 0),
        setup,
        span("rtc.participant", JOIN, ROOT, 0.25, 15.5, **{"rtc.outcome": "ice_failed"}),
    ]

    assert list(render(spans)) == [
        "session s: 2026-11-20 10:15:00 UTC, 15.5 s, 3 spans, trace 000102030405060708090a0b0c0d0e0f",
        "    +0.000 s  └─ rtc.session  0.000 s",
        "    +0.250 s     └─ rtc.participant ann  15.2 s  outcome=ice_failed",
        "    +0.500 s        └─ rtc.peer_connection.setup PC_0  15.0 s  ERROR ICE found no path  outcome=ice_failed  "
        "worst=0.1235  ice.candidates.host=2",
        "    +2.000 s              · rtc.mute rtc.media.kind=audio",
        "",
    ]


def test_a_span_without_its_parent_is_shown_all_the_same() -> None:
    """At the top."""
    lines = list(render([span("rtc.negotiation", SETUP, JOIN, 0, 1)]))

    assert lines[1] == "    +0.000 s  └─ rtc.negotiation  1.000 s"


def test_what_a_client_made_up_does_not_drive_the_terminal() -> None:
    """Escape sequences, line ends, marks of direction, halves of characters; and no line is endless."""
    evil = "a\x1b[2J\n\u202e\ud800b"
    lines = list(
        render([span("rtc.negotiation", SETUP, b"", 0, 1, **{"rtc.peer_connection.id": evil, "rtc.cause": "x" * 9999})])
    )

    assert lines[1].startswith("    +0.000 s  └─ rtc.negotiation a\ufffd[2J\ufffd\ufffd\ufffdb  1.000 s  cause=xxx")
    assert len(lines) == 3
    assert len(lines[1]) < 70 + LONGEST
    assert "\n".join(lines).encode()


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("ü ─ …", "ü ─ …"), ("\t\x00\x7f\x9b", "\ufffd" * 4)])
def test_clean(text: str, expected: str) -> None:
    """What can be printed stays."""
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, "0.000 s"), (9.9994, "9.999 s"), (12.34, "12.3 s"), (125.0, "2 min 05 s"), (28_805.0, "8 h 00 min 05 s")],
)
def test_durations(seconds: float, expected: str) -> None:
    """To the millisecond where that matters."""
    assert duration(seconds) == expected
