"""
The clients of others, unmodified from npm, in a real Chromium: calls over loopback against an exporter that runs.

rtcstats-js itself is in no registry that the tests can reach; its recorded calls are in ``tests.test_facts``, and its
frames over our own transport in ``tests.test_browser``.
"""

import asyncio
import signal
from collections import Counter

import pytest

from tests.chromium import HERE, Chromium, Page, bundle
from tests.pages import Exporter, counted, until
from tests.peers import packages
from tests.running import Running, running

#: A folder that a package of Jitsi imports as Node.js does not allow any more.
FOLDER = "@jitsi/js-utils/browser-detection=@jitsi/js-utils/browser-detection/index.js"


@pytest.fixture(scope="module")
def clients(browser: Chromium, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a page gets them from."""
    entry = tmp_path_factory.mktemp("clients") / "clients.js"
    entry.write_bytes((HERE / "browser" / "clients.js").read_bytes())
    (entry.parent / "node_modules").symlink_to(packages())
    bundle(entry, browser.folder / "bundle.js", "--target=es2022", "--define:global=globalThis", f"--alias:{FOLDER}")
    return "/bundle.js"


#: What a page does first, and what it does once there is a call, by client; and the name of its format.
CLIENTS = {
    # The library of 2017 takes a browser without webkitGetUserMedia for Safari, and only then asks in today's way.
    "legacy": (
        "delete Navigator.prototype.webkitGetUserMedia; globalThis.client = await startLegacy(url);",
        "",
        "rtcstats-legacy",
    ),
    "jitsi": ("globalThis.client = startJitsi(url);", "", "jitsi"),
    "monitor": ("globalThis.client = startMonitor(url);", "client.add(call.a); client.add(call.b);", "observertc"),
}
NOT_YET = "await new Promise((done) => setTimeout(done, 1500));"


async def start(page: Page, clients: str, url: str, name: str) -> None:
    """Begin a call that a client watches."""
    first, then, _ = CLIENTS[name]
    await page.run(f"""
        const {{startLegacy, startJitsi, startMonitor}} = await import('{clients}');
        const {{Call}} = await import('/call.js');
        const url = '{url}';
        {first}
        globalThis.call = new Call();
        {then}
        await call.start();
        {NOT_YET}""")


@pytest.mark.parametrize("name", CLIENTS)
def test_counters_equal_what_the_page_counted(browser: Chromium, clients: str, name: str) -> None:
    """To the last packet, whatever the client calls things, and however it writes what changed."""

    async def test() -> None:
        async with running(metrics__fold_interval="0") as exporter, browser.page() as page:
            await start(page, clients, exporter.ingest("", "ws"), name)
            sums = await page.run("return call.quiet()")

            async def equal() -> bool:
                return counted(await exporter.samples()) == Counter(sums)

            try:
                await until(equal)
            except TimeoutError:
                assert counted(await exporter.samples()) == Counter(sums)
            assert sums["inbound-rtp video framesDecoded"] > 10
            assert exporter.value("rtc.exporter.connections.opened", CLIENTS[name][2]) == 1
            assert exporter.participants == {("room", "alice")}
            refused = exporter.server.intake.tallies[CLIENTS[name][2]].refused
            assert refused.total() == 0
            assert await page.errors() == []

    asyncio.run(test())


def test_the_library_of_2017_tells_chromium_s_events_alone(browser: Chromium, clients: str) -> None:
    """It asks for statistics with a callback, which Chromium refuses today: what it tells is taken all the same."""

    async def test() -> None:
        async with running() as exporter, browser.page() as page:
            await page.run("globalThis.addEventListener('error', (event) => event.preventDefault());")
            await page.run(f"""
                const {{startLegacy}} = await import('{clients}');
                const {{Call}} = await import('/call.js');
                globalThis.client = await startLegacy('{exporter.ingest("", "ws")}');
                globalThis.call = new Call();
                await call.start();""")
            await exporter.until(lambda: exporter.participants == {("room", "alice")})
            await until(lambda: _attempts(exporter))

            assert exporter.accepted("rtcstats-legacy") == 0
            await page.errors()

    asyncio.run(test())


async def _attempts(exporter: Running) -> bool:
    found = await exporter.samples()
    attempts = "rtc_connection_attempts_total rtc_outcome=connected"
    return sum(value for name, value in found.items() if name.startswith(attempts)) == 2


def test_jitsi_goes_on_after_a_lost_connection(browser: Chromium, clients: str) -> None:
    """It comes back by itself and is told which entry was the last: nothing is lost or counted twice."""

    async def test() -> None:
        async with running(metrics__fold_interval="0") as exporter, browser.page() as page:
            await page.run("Math.random = () => 0;")  # it waits for a second, and for up to ten more by chance
            await start(page, clients, exporter.ingest("", "ws"), "jitsi")
            for lost in list(exporter.server.sockets.open):
                lost.transport.abort()
            await exporter.until(lambda: exporter.value("rtc.exporter.connections.opened", "jitsi") == 2)
            sums = await page.run("return call.quiet()")

            async def equal() -> bool:
                return counted(await exporter.samples()) == Counter(sums)

            await until(equal)
            assert exporter.participants == {("room", "alice")}

    asyncio.run(test())


@pytest.mark.parametrize("name", ["legacy", "monitor"])
def test_a_client_that_does_not_come_back_is_not_made_up_for(browser: Chromium, clients: str, name: str) -> None:
    """What it told before the connection was lost is counted; what it would have told after is not, nor guessed."""

    async def test() -> None:
        async with running(metrics__fold_interval="0") as exporter, browser.page() as page:
            await start(page, clients, exporter.ingest("", "ws"), name)
            before = await until(lambda: _some(exporter))
            for lost in list(exporter.server.sockets.open):
                lost.transport.abort()
            await exporter.until(lambda: not exporter.server.sockets.open)
            kept = counted(await exporter.samples())
            await page.run(NOT_YET)

            assert before <= kept == counted(await exporter.samples())
            assert exporter.value("rtc.exporter.connections.opened", CLIENTS[name][2]) == 1
            sums = await page.run("return call.quiet()")
            assert kept < Counter(sums)

    asyncio.run(test())


async def _some(exporter: Running) -> Counter[str] | None:
    found = counted(await exporter.samples())
    return found if found["inbound-rtp video framesDecoded"] else None


def test_a_restart_loses_the_clients_that_do_not_come_back(browser: Chromium, clients: str) -> None:
    """
    The exporter is killed during a call: what a scrape had read is all that is left of a client without a reconnect.

    Nothing of it is counted a second time, and the next exporter hears nothing.
    """

    async def test() -> None:
        exporter = Exporter()
        await exporter.start()
        try:
            async with browser.page() as page:
                await start(page, clients, exporter.url(), "legacy")
                before = await until(lambda: _scrape_with(exporter))
                exporter.end(signal.SIGKILL)
                await exporter.start()
                await page.run(NOT_YET)
                after = await exporter.scrape()
                sums = await page.run("return call.quiet()")

                assert counted(after) == Counter()
                assert sum(value for name, value in after.items() if name.startswith("rtc_exporter_connections")) == 0
                assert Counter() < counted(before) < Counter(sums)
        finally:
            exporter.end(signal.SIGKILL)

    asyncio.run(test())


async def _scrape_with(exporter: Exporter) -> dict[str, float]:
    found = await exporter.scrape()
    return found if counted(found)["inbound-rtp video framesDecoded"] else {}
