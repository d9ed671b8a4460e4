"""One or more lines over time, with the stretches marked in which something was wrong."""

from collections.abc import Sequence
from typing import NamedTuple

from rtc_exporter.draw.axes import Span, clock, top, written
from rtc_exporter.draw.svg import Markup, join, number, share, tag

#: Pixels: the lines, and the times below them.
HEIGHT, BELOW = 110, 18
#: Samples further apart are not joined: nobody knows what was between.
GAP = 15.0
#: Resolution across, of coordinates that are stretched to the width.
ACROSS = 1000.0


class Line(NamedTuple):
    """One signal: what it is, and its samples in order of time."""

    label: str
    points: Sequence[tuple[float, float]]


class Mark(NamedTuple):
    """Something that happened at once; ``label`` says it in words."""

    time: float
    label: str


class Band(NamedTuple):
    """A stretch in which something was wrong; ``mark`` is a severity, and ``label`` says it in words."""

    begin: float
    end: float
    mark: str
    label: str


def plot(
    title: str, unit: str, lines: Sequence[Line], span: Span, bands: Sequence[Band] = (), least: float = 0.0,
    marks: Sequence[Mark] = (),
) -> Markup:  # fmt: skip
    """A picture of lines; ``least`` is the least value that the axis reaches."""
    known = [line for line in lines if line.points]
    values = [value for line in known for _, value in line.points]
    highest = top(values, unit, least)
    drawn = [
        tag("path", d=_path(line, span, highest), class_=f"line line-{place}", vector_effect="non-scaling-stroke")
        for place, line in enumerate(known)
    ]
    area = tag(
        "svg", *drawn, x="0", y="0", width="100%", height=HEIGHT, viewBox=f"0 0 {ACROSS:g} {HEIGHT}",
        preserveAspectRatio="none",
    )  # fmt: skip
    grid = [
        join((
            tag("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"),
            tag("text", written(value, unit), x="8", y=y + (11 if y < HEIGHT / 2 else -4), class_="value"),
        ))
        for value, y in ((highest, 0.5), (highest / 2, HEIGHT / 2))
    ]  # fmt: skip
    base = tag("line", x1="0", x2="100%", y1=HEIGHT - 0.5, y2=HEIGHT - 0.5, class_="axis")
    picture = tag(
        "svg", tag("title", title), tag("desc", described(known, unit, bands)), *(_band(band, span) for band in bands),
        *grid, base, area, *(_mark(mark, span) for mark in marks), times(span, HEIGHT), width="100%",
        height=HEIGHT + BELOW, role="img", class_="plot", aria_label=f"{title}. {described(known, unit, bands)}",
    )  # fmt: skip
    legend = [
        tag("span", _sample(place), line.label, class_="key")
        for place, line in enumerate(known)
        if len(lines) > 1 and line.label
    ]
    return tag("figure", tag("figcaption", tag("b", title), *legend), picture, class_="chart")


def described(lines: Sequence[Line], unit: str, bands: Sequence[Band] = ()) -> str:
    """What a picture shows, for who cannot see it."""
    parts = []
    for line in lines:
        low, high = min(value for _, value in line.points), max(line.points, key=lambda point: point[1])
        name = f"{line.label}: " if line.label else ""
        parts.append(f"{name}{written(low, unit)} to {written(high[1], unit)}, highest at {clock(high[0])}.")
    if bands:
        marked = ", ".join(f"{band.label} from {clock(band.begin)} to {clock(band.end)}" for band in bands)
        parts.append(f"Marked: {marked}.")
    return " ".join(parts) or "Nothing was measured."


def times(span: Span, y: float) -> Markup:
    """Times of day below a picture that is ``y`` high."""
    drawn = []
    for mark in span.marks():
        place = span.place(mark)
        anchor = "start" if place < 0.08 else "end" if place > 0.92 else "middle"
        drawn.append(tag("line", x1=share(place), x2=share(place), y1=y, y2=y + 4, class_="axis"))
        drawn.append(tag("text", clock(mark), x=share(place), y=y + 15, text_anchor=anchor, class_="time"))
    return join(drawn)


def _path(line: Line, span: Span, highest: float) -> str:
    steps, last = [], None
    for time, value in line.points:
        x, y = span.place(time) * ACROSS, HEIGHT - 1 - min(value / highest, 1.0) * (HEIGHT - 2)
        joined = last is not None and time - last <= GAP
        # A sample alone is a short stroke, or it would not be seen.
        steps.append(f"{'L' if joined else 'M'}{number(x)} {number(y)}" + ("" if joined else "h1"))
        last = time
    return "".join(steps)


def _band(band: Band, span: Span) -> Markup:
    left, right = span.place(band.begin), span.place(band.end)
    label = f"{band.label}, {clock(band.begin)} to {clock(band.end)}"
    return tag(
        "rect", tag("title", label), x=share(left), y="0", width=share(max(right - left, 0.003)), height=HEIGHT,
        class_=f"band {band.mark}",
    )  # fmt: skip


def _mark(mark: Mark, span: Span) -> Markup:
    """A small triangle on the upper edge, and a line down from it."""
    place, label = share(span.place(mark.time)), f"{mark.label}, {clock(mark.time)}"
    return tag(
        "g", tag("title", label), tag("line", x1=place, x2=place, y1="0", y2=HEIGHT, class_="mark"),
        tag("circle", cx=place, cy="3", r="3", class_="mark-head"), class_="happened",
    )  # fmt: skip


def _sample(place: int) -> Markup:
    stroke = tag("line", x1="0", x2="18", y1="5", y2="5", class_=f"line line-{place}")
    return tag("svg", stroke, width="18", height="10", aria_hidden="true")
