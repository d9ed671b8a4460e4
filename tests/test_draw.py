"""Pictures of calls: what is drawn, and that it is well-formed, escaped and described."""

from xml.etree import ElementTree

import pytest

from rtc_exporter.draw import axes, bars, plot, style, svg
from rtc_exporter.draw.axes import NEAR, Span

#: 2026-11-20 10:15:00 UTC, and a minute later.
SPAN = Span(1_795_169_700.0, 1_795_169_760.0)


def parsed(markup: str) -> ElementTree.Element:
    """The picture, as something that reads XML sees it."""
    return ElementTree.fromstring(f"<root>{markup}</root>")  # our own


# ── elements


def test_words_are_escaped_and_markup_is_not() -> None:
    """In content and in attributes, once."""
    inner = svg.tag("b", "a<b>&\"'")

    assert inner == "<b>a&lt;b&gt;&amp;&quot;&#x27;</b>"
    assert svg.tag("i", inner, "<", title='"><script>') == f'<i title="&quot;&gt;&lt;script&gt;">{inner}&lt;</i>'


@pytest.mark.parametrize("letter", ["\x00", "\x08", "\x1b", "\x7f", "\x9b", "\N{RIGHT-TO-LEFT OVERRIDE}"])
def test_what_is_no_letter_is_replaced(letter: str) -> None:
    """Control characters and those that turn what follows."""
    assert svg.text(f"a{letter}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_attributes() -> None:
    """Names with hyphens, flags, numbers, and what is left out."""
    assert svg.tag("p", class_="x", aria_label="y", hidden=True, id=None, draggable=False, x=1.0, y=0.125) == (
        '<p class="x" aria-label="y" hidden x="1" y="0.12"></p>'
    )
    assert svg.tag("meta", charset="utf-8") == '<meta charset="utf-8">'


# ── axes


@pytest.mark.parametrize(
    ("value", "unit", "want"),
    [
        (0.0, "1", "0 %"), (0.0123, "1", "1.2 %"), (0.12, "1", "12 %"), (1.0, "1", "100 %"),
        (0.0455, "s", "46 ms"), (1.25, "s", "1.2 s"), (0.0, "By/s", "0"), (12_500.0, "By/s", "100 kbit/s"),
        (250_000.0, "By/s", "2.0 Mbit/s"), (0.5, "1/s", "0.5 a second"), (17.0, "", "17"), (3.0, "{state}", "3"),
    ],
)  # fmt: skip
def test_values_are_written_as_people_write_them(value: float, unit: str, want: str) -> None:
    """With their unit beside them."""
    assert axes.written(value, unit).replace(NEAR, " ") == want


@pytest.mark.parametrize(
    ("seconds", "want"),
    [(0.0, "0 s"), (3.4, "3.4 s"), (3.0, "3 s"), (59.4, "59 s"), (60, "1 min"), (61.2, "1 min 1 s"), (3600, "1 h"),
     (7800, "2 h 10 min"), (59.7, "1 min"), (3599.8, "1 h")],
)  # fmt: skip
def test_lengths(seconds: float, want: str) -> None:
    """Rounded to what anybody would say."""
    assert axes.length(seconds).replace(NEAR, " ") == want


def test_times_of_day() -> None:
    """In UTC, at midnight too."""
    assert axes.clock(SPAN.begin) == "10:15:00"
    assert axes.clock(1_795_219_199.6) == "00:00:00"


@pytest.mark.parametrize(
    ("values", "unit", "least", "want"),
    [([], "1", 0.0, 1.0), ([0.0], "s", 0.1, 0.1), ([0.41], "1", 0.05, 0.5), ([0.12], "1", 0.0, 0.2),
     ([61.0], "", 30.0, 100.0), ([4.2], "", 4.5, 5.0), ([3.0], "", 3.0, 4.0), ([110_000.0], "By/s", 0.0, 125_000.0)],
)  # fmt: skip
def test_an_axis_ends_at_a_round_number(values: list[float], unit: str, least: float, want: float) -> None:
    """Not below the largest value, in the unit that is written."""
    assert axes.top(values, unit, least) == pytest.approx(want)


@pytest.mark.parametrize("length", [0.4, 3.0, 60.0, 75.0, 3600.0, 86_400.0, 400_000.0])
def test_a_time_axis_has_few_marks(length: float) -> None:
    """Within the span, as many as a phone has room for."""
    span = Span(SPAN.begin + 0.3, SPAN.begin + 0.3 + length)

    assert len(span.marks()) <= axes.MARKS + 1
    assert all(span.begin <= mark <= span.end for mark in span.marks())


def test_places_stay_in_the_picture() -> None:
    """Also those of times before and after it, and in a span without a length."""
    assert [SPAN.place(SPAN.begin + seconds) for seconds in (-9, 0, 30, 60, 99)] == [0, 0, 0.5, 1, 1]
    assert Span(5.0, 5.0).place(5.0) == 0.0


# ── pictures


def lines() -> list[plot.Line]:
    """Two signals; the first pauses for half a minute."""
    first = [(SPAN.begin + second, 0.01 * second) for second in (0, 5, 10, 45, 50)]
    return [plot.Line("here", first), plot.Line("out", [(SPAN.begin + 20, 0.3)])]


def test_a_plot() -> None:
    """Lines with gaps where nothing was measured, bands where something was wrong, and all of it in words."""
    marked = [plot.Band(SPAN.begin + 30, SPAN.begin + 45, "critical", "loss, critical")]
    root = parsed(plot.plot("Packets lost", "1", lines(), SPAN, marked))
    picture = root.find("figure/svg")
    assert picture is not None
    paths = [path.get("d", "") for path in root.iter("path")]
    bands = [rect for rect in root.iter("rect") if "band" in str(rect.get("class"))]

    assert picture.get("role") == "img"
    assert str(picture.get("aria-label")).replace(NEAR, " ") == (
        "Packets lost. here: 0 % to 50 %, highest at 10:15:50. out: 30 % to 30 %, highest at 10:15:20. "
        "Marked: loss, critical from 10:15:30 to 10:15:45."
    )
    assert paths == ["M0 109h1L83.33 98.2L166.67 87.4M750 11.8h1L833.33 1", "M333.33 44.2h1"]
    assert [(rect.get("x"), rect.get("width"), rect.get("class")) for rect in bands] == [
        ("50%", "25%", "band critical")
    ]
    assert [key.text or key[0].tail for key in root.iter("span")] == ["here", "out"]


def test_a_plot_of_nothing() -> None:
    """Has an axis and says so."""
    root = parsed(plot.plot("Jitter", "s", [plot.Line("", [])], SPAN))

    assert "Nothing was measured." in str(root.find("figure/svg").get("aria-label"))  # type: ignore[union-attr]
    assert not list(root.iter("path"))


def test_classes() -> None:
    """The worse, the higher; and in words."""
    stretches = [
        bars.Stretch(SPAN.begin, SPAN.begin + 15, "good"), bars.Stretch(SPAN.begin + 15, SPAN.begin + 60, "bad"),
    ]  # fmt: skip
    root = parsed(bars.classes("Quality over time", stretches, SPAN))
    drawn = [(rect.get("class"), rect.get("x"), rect.get("width"), rect.get("height")) for rect in root.iter("rect")]

    assert drawn == [("class-good", "0%", "25%", "9"), ("class-bad", "25%", "75%", "36")]
    assert str(root[0].get("aria-label")).replace(NEAR, " ") == (
        "Quality over time: good from 10:15:00 for 15 s, bad from 10:15:15 for 45 s"
    )


def test_issues() -> None:
    """A row for each, a bar that leads to what is said of it, wide enough to be seen and to be hit by keys."""
    row = bars.Row("loss · network", [
        bars.Bar(SPAN.begin + 30, SPAN.begin + 30, "warning", "packets were lost, warning", "issue-1"),
        bars.Bar(SPAN.begin + 60, SPAN.begin + 60, "info", "the path changed, info"),
    ])  # fmt: skip
    root = parsed(bars.issues("Issues over time", [row], SPAN))
    (link,) = root.iter("a")
    widths = [rect.get("width") for rect in root.iter("rect") if "issue" in str(rect.get("class"))]

    assert (link.get("href"), link.get("aria-label")) == (
        "#issue-1", "packets were lost, warning, 10:15:30 to 10:15:30",
    )  # fmt: skip
    assert widths == ["0.4%", "0.4%"]
    assert next(text.text for text in root.iter("text")) == "loss · network"


def test_colours_are_there_in_light_and_dark() -> None:
    """Each that is used is given for both."""
    light, dark = style.STYLE.split("@media(prefers-color-scheme:dark)")
    used = {part.partition(")")[0] for part in style.STYLE.split("var(")[1:]}

    assert all(f"{name}:#" in light and f"{name}:#" in dark for name in used)


@pytest.mark.parametrize("theme", [0, 1])
def test_colours_can_be_told_from_the_background(theme: int) -> None:
    """A contrast of 4.5 for what is read (WCAG 2.2, 1.4.3): all but rules and cards."""
    block = style.STYLE.split("@media(prefers-color-scheme:dark)")[theme]
    colours = {
        part.partition(":")[0]: part.partition(":")[2].partition("}")[0].strip()
        for part in block.replace("\n", "").replace("{", ";").split(";")
        if part.startswith("--")
    }
    for name, colour in colours.items():
        if name not in ("--back", "--rule", "--card"):
            assert contrast(colour, colours["--back"]) >= 4.5, name
            assert name.startswith("--line") or contrast(colour, colours["--card"]) >= 4.0, name


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# ── what happened


def test_what_happened_is_marked_at_its_time_and_told() -> None:
    """A line and a point where it happened, with words; beside the picture nothing changes."""
    lines = [plot.Line("", [(SPAN.begin, 1.0), (SPAN.end, 2.0)])]
    drawn = parsed(plot.plot("Loss", "", lines, SPAN, marks=[plot.Mark(SPAN.begin + 30, "page <hidden>")]))
    (mark,) = drawn.findall(".//g[@class='happened']")

    assert [title.text for title in mark.findall("title")] == ["page <hidden>, 10:15:30"]
    assert [line.get("x1") for line in mark.findall("line")] == ["50%"]
    assert parsed(plot.plot("Loss", "", lines, SPAN)).findall(".//g[@class='happened']") == []
