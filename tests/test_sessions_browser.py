"""The pages of sessions in a real Chromium: nothing that the policy forbids, nothing that axe finds, and they move."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.chromium import Chromium, Page
from tests.pages import until
from tests.replayed import play, start
from tests.running import Running, running

NAMES = ("degraded-cr.p1.frames", "degraded-cr.p2.frames")
ROOM = "lab-degraded-0705d0"
#: What is wrong for somebody, and not only untidy.
SERIOUS = ("serious", "critical")


def look_at(browser: Chromium, look: Callable[[Running, Page], Awaitable[None]]) -> None:
    """Play a call; look at its pages when it is over, and see that the browser complained of nothing."""

    async def test() -> None:
        async with running(start=start(NAMES)) as exporter, browser.page() as page:
            await play(exporter, NAMES)
            await page.errors()
            await look(exporter, page)
            assert await page.errors() == []

    asyncio.run(test())


@pytest.mark.parametrize("path", ["/sessions?state=all", f"/sessions/{ROOM}", f"/sessions/{ROOM}/p2", "/sessions/none"])
@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 360)])
def test_nothing_is_in_anybodys_way(browser: Chromium, path: str, scheme: str, width: int) -> None:
    """In light and dark, wide and on a phone: axe finds nothing serious, and no page is wider than its window."""

    async def look(exporter: Running, page: Page) -> None:
        status = await page.open(exporter.admin(path), scheme, width)
        assert status == (404 if path.endswith("none") else 200)
        assert [found for found in await page.axe() if found[1] in SERIOUS] == []
        assert await page.run("return document.documentElement.scrollWidth <= innerWidth")
        # Chromium tells of a 404 as of an error; that it is one is right.
        if status == 404:
            await page.errors()

    look_at(browser, look)


def test_a_list_leads_to_a_participant_by_keys(browser: Chromium) -> None:
    """From the list to the session to the participant, without a mouse."""

    async def look(exporter: Running, page: Page) -> None:
        await page.open(exporter.admin("/sessions?state=all"))
        for selector in ("td a", "h3 a"):
            await page.run(f"document.querySelector('main {selector}').focus()")
            before = await page.where()
            await page.press("Enter")

            async def moved(before: str = before) -> bool:
                return await page.where() != before

            await until(moved)
        assert f"/sessions/{ROOM}/p" in await page.where()
        assert await page.run("return document.querySelectorAll('main svg.plot').length") > 5

    look_at(browser, look)


def test_a_text_is_copied(browser: Chromium) -> None:
    """The button appears with the script, and copies."""

    async def look(exporter: Running, page: Page) -> None:
        await page.open(exporter.admin(f"/sessions/{ROOM}"))
        await page.run("document.querySelector('button[data-copy]').focus()")
        await page.press("Enter")

        async def copied() -> bool:
            return bool(await page.run("return document.querySelector('button[data-copy]').textContent === 'Copied'"))

        await until(copied)
        assert await page.run("return document.getElementById('ticket').value.includes('Trouble with the network')")

    look_at(browser, look)


def test_values_move_while_somebody_looks(browser: Chromium) -> None:
    """The list of a call that goes on: another participant comes, and is there without a reload; paused, it stays."""

    async def test() -> None:
        async with running(start=start(NAMES)) as exporter, browser.page() as page:
            await page.errors()
            for name in ("ann", "bob"):
                params = {"session": "room", "participant": name}
                await exporter.http.post(exporter.ingest("/v1/reports"), params=params, json=REPORT)
                if name == "ann":
                    await page.open(exporter.admin("/sessions"))
                    await page.run("window.stayed = true")
                    assert "1: ann" in await page.run("return document.body.textContent")

            async def moved() -> bool:
                return "2: ann, bob" in await page.run("return document.body.textContent")

            await until(moved)
            assert await page.run("return window.stayed")
            await page.run("document.getElementById('pause').click()")
            assert await page.run("return document.getElementById('pause').textContent") == "Go on"
            assert await page.errors() == []

    asyncio.run(test())


REPORT = {
    "peerConnectionId": "pc", "timestamp": 1_795_171_640_000,
    "stats": {"a": {"id": "a", "type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": 1,
                    "timestamp": 1_795_171_640_000}},
}  # fmt: skip
