"""Bars on one time axis: which quality class when, and which issue from when to when."""

from collections.abc import Sequence
from typing import NamedTuple

from rtc_exporter.draw.axes import Span, clock, length
from rtc_exporter.draw.plot import times
from rtc_exporter.draw.svg import Markup, join, share, tag

#: Class -> how high its bar stands: the worse, the higher, so that it takes no colours to see.
RISES = {"good": 0.25, "fair": 0.5, "poor": 0.75, "bad": 1.0, "unclassified": 0.1}
#: Pixels: the bar of classes, the times below, and a row of issues: words above, bar below.
HEIGHT, BELOW, ROW, WORDS, BAR = 36, 18, 30, 14, 10
#: Severity -> how thick its bar is, so that it takes no colours to see.
THICK = {"info": 4, "warning": 7, "critical": BAR}
#: A bar is at least so wide that it is seen.
LEAST = 0.004


class Stretch(NamedTuple):
    """Time of one quality class."""

    begin: float
    end: float
    quality: str


class Bar(NamedTuple):
    """One stretch of an issue: ``mark`` is its severity, ``link`` the id of what says more."""

    begin: float
    end: float
    mark: str
    label: str
    link: str = ""


class Row(NamedTuple):
    """A line of bars under its own words."""

    label: str
    bars: Sequence[Bar]


def classes(title: str, stretches: Sequence[Stretch], span: Span) -> Markup:
    """Which class when."""
    drawn = []
    for stretch in stretches:
        left, right = span.place(stretch.begin), span.place(stretch.end)
        high = HEIGHT * RISES[stretch.quality]
        label = f"{stretch.quality}, {clock(stretch.begin)} to {clock(stretch.end)}"
        drawn.append(
            tag(
                "rect", tag("title", label), x=share(left), y=float(HEIGHT - high), width=share(right - left),
                height=float(high), class_=f"class-{stretch.quality}",
            )
        )  # fmt: skip
    base = tag("line", x1="0", x2="100%", y1=HEIGHT - 0.5, y2=HEIGHT - 0.5, class_="axis")
    return tag(
        "svg", tag("title", title), *drawn, base, times(span, HEIGHT), width="100%", height=HEIGHT + BELOW, role="img",
        class_="bars", aria_label=f"{title}: {told(stretches)}",
    )  # fmt: skip


def told(stretches: Sequence[Stretch]) -> str:
    """The same in words."""
    parts = [f"{one.quality} from {clock(one.begin)} for {length(one.end - one.begin)}" for one in stretches]
    return ", ".join(parts) or "nothing could be judged"


def issues(title: str, rows: Sequence[Row], span: Span) -> Markup:
    """Which issue from when to when, a row each; a bar leads to what is said of it."""
    drawn = []
    for number, row in enumerate(rows):
        y = number * ROW
        drawn.append(tag("text", row.label, x="0", y=y + WORDS - 3, class_="words"))
        drawn.append(tag("rect", x="0", y=y + WORDS, width="100%", height=BAR, class_="track"))
        drawn += [_bar(bar, y + WORDS, span) for bar in row.bars]
    bottom = len(rows) * ROW
    return tag(
        "svg", tag("title", title), *drawn, times(span, bottom), width="100%", height=bottom + BELOW, role="group",
        class_="bars", aria_label=title,
    )  # fmt: skip


def _bar(bar: Bar, y: float, span: Span) -> Markup:
    left, right = span.place(bar.begin), span.place(bar.end)
    wide = max(right - left, LEAST)
    label = f"{bar.label}, {clock(bar.begin)} to {clock(bar.end)}"
    drawn = tag(
        "rect", tag("title", label), x=share(min(left, 1 - LEAST)), y=y + (BAR - THICK[bar.mark]) / 2,
        width=share(wide), height=THICK[bar.mark],
        class_=f"issue {bar.mark}",
    )  # fmt: skip
    return tag("a", drawn, href=f"#{bar.link}", aria_label=label) if bar.link else join((drawn,))
