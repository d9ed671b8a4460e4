"""
Traces as text: the span tree of each session, readable in a terminal, an issue and a mail.

    session lab-1: 2026-11-20 10:15:00 UTC, 75.1 s, 17 spans, trace 4bf92f3577b34da6a3ce929d0e0e4736
        +0.000 s  └─ rtc.session  0.000 s
        +0.012 s     └─ rtc.participant alice  1.204 s  outcome=connected
        +0.034 s        ├─ rtc.get_user_media  0.310 s  capture.audio=True  capture.video=True
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from rtc_exporter.model import Member
from rtc_exporter.span import Span

#: On every span, or said by the tree itself.
UNSAID = frozenset((
    "session.id", "rtc.participant.id", "rtc.peer_connection.id", "rtc.sampling.reason", "rtc.app.name", "rtc.issue",
))  # fmt: skip
#: What a reader looks for, and should not have to look for at the end of a line.
FIRST = (
    "rtc.outcome", "error.type", "rtc.quality", "rtc.severity", "rtc.side", "rtc.cause", "rtc.media.kind",
    "rtc.media.direction", "rtc.worst", "rtc.threshold", "rtc.ice.candidate.type", "rtc.ice.remote_candidate.type",
    "rtc.ice.transport",
)  # fmt: skip
_RANK = {name: place for place, name in enumerate(FIRST)}
#: Not worth a word where they are 0.
USUAL = frozenset(("rtc.part", "rtc.participant.join", "rtc.client.clock_offset", "rtc.freezes", "rtc.freeze.time"))
#: Characters of a line's attributes; a back end shows them all.
LONGEST = 160


def render(spans: Sequence[Span]) -> Iterator[str]:
    """The lines of all traces, one tree for each; spans without their parent come at the top of their trace."""
    traces: dict[bytes, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    for trace, members in traces.items():
        yield from map(clean, _trace(trace, members))
        yield ""


def clean(line: str) -> str:
    """A line without what a terminal might obey: names in it are what a client made up."""
    return line if line.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in line)


def _trace(trace: bytes, members: Sequence[Span]) -> Iterator[str]:
    ids = {span.span_id for span in members}
    children: dict[bytes, list[Span]] = {}
    for span in members:
        children.setdefault(span.parent_id if span.parent_id in ids else b"", []).append(span)
    begin = min(span.start for span in members)
    end = max(span.end for span in members)
    when = datetime.fromtimestamp(begin, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    session = next((str(span.attributes["session.id"]) for span in members if "session.id" in span.attributes), "?")
    yield f"session {session}: {when}, {duration(end - begin)}, {len(members)} spans, trace {trace.hex()}"
    yield from _branches(children, b"", begin, "")


def _branches(children: dict[bytes, list[Span]], parent: bytes, begin: float, indent: str) -> Iterator[str]:
    below = sorted(children.get(parent, ()), key=lambda span: (span.start, span.end, span.name))
    for number, span in enumerate(below):
        is_last = number == len(below) - 1
        stem, bough = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        yield _line(span, begin, indent + stem)
        for event in span.events:
            told = "".join(f" {name}={_value(value)}" for name, value in event.attributes.items())
            yield f"{'+' + duration(event.time - begin):>12}  {indent}{bough}   · {event.name}{told}"
        yield from _branches(children, span.span_id, begin, indent + bough)


def _line(span: Span, begin: float, stem: str) -> str:
    who = span.attributes.get("rtc.participant.id") if span.name == "rtc.participant" else None
    peer = span.attributes.get("rtc.peer_connection.id")
    name = span.name + "".join(f" {word}" for word in (who, peer) if word is not None)
    failed = f"  ERROR {span.error}" if span.error is not None else ""
    told = "  ".join(_told(span.attributes.items()))
    told = told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"
    when, length = f"+{duration(span.start - begin)}", duration(span.end - span.start)
    return f"{when:>12}  {stem}{name}  {length}{failed}  {told}".rstrip()


def _told(attributes: Iterable[tuple[str, Member]]) -> Iterator[str]:
    for name, value in sorted(attributes, key=lambda pair: _RANK.get(pair[0], len(FIRST))):
        if name not in UNSAID and not name.endswith((".p50", ".p95")) and not (name in USUAL and not value):
            yield f"{name.removeprefix('rtc.')}={_value(value)}"


def _value(value: Member) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """A length of time as people write it, to the millisecond where that matters."""
    if seconds < 10:
        return f"{seconds:.3f} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours} h {minutes:02d} min {rest:02d} s" if hours else f"{minutes} min {rest:02d} s"
