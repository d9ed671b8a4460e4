"""User agents become few and plain names."""

import pytest

from rtc_exporter import useragent

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko)"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT}"
AGENTS = [
    (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Chrome/141.0.0.0 Safari/537.36", ("Chrome", "141", "Linux")),
    (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} HeadlessChrome/140.0.0.0 Safari/537.36", ("Chrome", "140", "Linux")),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
        ("Edge", "141", "Windows"),
    ),
    (
        f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Chrome/141.0.0.0 Mobile Safari/537.36",
        ("Chrome", "141", "Android"),
    ),
    (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", ("Safari", "17", "iOS")),
    (f"{IPHONE} CriOS/141.0 Mobile/15E148 Safari/604.1", ("Chrome iOS", "141", "iOS")),
    (f"{IPHONE} FxiOS/130.0 Mobile/15E148 Safari/605.1.15", ("Firefox iOS", "130", "iOS")),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15",
        ("Safari", "17", "macOS"),
    ),
    ("Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0", ("Firefox", "130", "Android")),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", ("Firefox", "153", "Linux")),
]


@pytest.mark.parametrize(("agent", "names"), AGENTS)
def test_browsers_are_named_by_engine_and_system(agent: str, names: tuple[str, str, str]) -> None:
    """The mobile variant of a browser is told by its system; on iOS the engine is another, and so is the name."""
    keys = ("user_agent.name", "user_agent.version", "user_agent.os.name")

    assert useragent.parse(agent) == dict(zip(keys, names, strict=True))


@pytest.mark.parametrize("agent", ["", "Python/3.11 websockets/17.4", "\x00\xff" * 50])
def test_what_is_no_browser_has_no_attributes(agent: str) -> None:
    """Absent is absent, and not a browser called Other."""
    assert useragent.parse(agent) == {}


def test_the_regular_expressions_see_a_bounded_text() -> None:
    """A header of any length costs what one of 512 characters costs, and is remembered under those."""
    long = AGENTS[0][0].ljust(useragent.LENGTH, "x")

    assert useragent.parse(long + "y" * 10_000_000) == useragent.parse(long)


def test_callers_cannot_change_what_is_remembered() -> None:
    """Each caller gets a dict of its own."""
    useragent.parse(AGENTS[0][0])["user_agent.name"] = "x"

    assert useragent.parse(AGENTS[0][0])["user_agent.name"] == "Chrome"
