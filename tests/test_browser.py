"""
Real pages in a real Chromium call themselves over loopback, with fake camera and microphone, and tell the exporter.

What the exporter has counted at the end is what the page's own getStats says, to the last packet: whatever happened to
the connection, or to the exporter, on the way.
"""

import asyncio
import json
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from rtc_exporter.wire.codes import MEMBERS
from tests.chromium import CLIENT, HERE, Chromium, Page, bundle
from tests.pages import Exporter, counted, until
from tests.peers import packages, peer
from tests.running import Running, running

PROTOCOL = "rtc-exporter.v1"
#: Bytes of the whole client, minified.
SMALL = 6000
#: A call and our client, which comes back at once where it would wait for up to ten seconds.
BEGIN = """
    const {Call} = await import('/call.js');
    const {createReporter, createTrace} = await import('/client/index.js');
    globalThis.problems = [];
    globalThis.call = new Call();
    globalThis.ratings = 0;
    globalThis.rate = () => setInterval(() => { ratings++; trace(':userRating', null, {stars: 4}); }, 70);
    globalThis.trace = createTrace({spread: 100, onerror: (reason) => problems.push(String(reason))});
"""
REPORTED = """
    globalThis.reporters = [call.a, call.b].map((pc) => createReporter(pc, {trace, interval: 200}));
"""
#: Media stops, the last report is told, and the page says what it has counted.
END = """
    if (globalThis.rating) clearInterval(rating);
    const sums = await call.quiet();
    await Promise.all(reporters.map((one) => one.close()));
    return sums;
"""


async def acknowledged(page: Page) -> Any:
    """Whether the client keeps nothing any more; then what it says of itself."""
    status = await page.run("return trace.status()")
    return status if status["connected"] and status["pending"] == 0 else None


def rated(found: Mapping[str, float]) -> float:
    """How many ratings were counted: an event each."""
    return sum(value for name, value in found.items() if name.startswith("rtc_feedback_rating_count"))


async def scraped(exporter: Running, page: Page) -> dict[str, float]:
    """The last scrape of a call: everything has come, and the client has been told so."""

    async def told() -> dict[str, float]:
        found = await exporter.samples()
        return found if await acknowledged(page) else {}

    found: dict[str, float] = await until(told)
    return found


# ── the package


def test_the_client_is_small(tmp_path: Path) -> None:
    """A page pays six kilobytes for it, minified, everything included."""
    made = bundle(CLIENT / "index.js", tmp_path / "client.js", "--minify", "--target=es2022")

    assert made.stat().st_size < SMALL


def test_the_client_has_no_dependencies() -> None:
    """It is Apache-2.0 like the rest, and brings nothing along."""
    package = json.loads((CLIENT / "package.json").read_text())

    assert package["license"] == "Apache-2.0"
    assert not {"dependencies", "peerDependencies", "optionalDependencies"} & package.keys()


def test_the_types_of_the_client_are_right() -> None:
    """A typed page compiles against index.d.ts under strict rules, and its mistakes do not."""
    options = ("--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom")
    tsc = packages() / "typescript" / "bin" / "tsc"
    command = [peer("node"), str(tsc), *options, str(HERE / "browser" / "usage.ts")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.stdout == ""


def test_the_types_name_what_the_client_exports() -> None:
    """What index.d.ts declares is what index.js exports."""
    declared = set(re.findall(r"^export function (\w+)", (CLIENT / "index.d.ts").read_text(), re.M))
    exported = set(re.findall(r"\w+", " ".join(re.findall(r"\{(.+?)\}", (CLIENT / "index.js").read_text()))))

    assert declared == exported


# ── what is counted


async def start(page: Page, url: str, how: str = REPORTED) -> None:
    """Begin a call that is reported to ``url``."""
    await page.run(f"{BEGIN} trace.connect('{url}'); {how} await call.start();")


def test_counters_equal_what_the_page_counted(browser: Chromium) -> None:
    """A call without any library: createReporter tells, and every packet, byte and frame is counted once."""

    async def test() -> None:
        async with running() as exporter, browser.page() as page:
            await start(page, exporter.ingest("/v1/rtc-exporter/room/alice", "ws"))
            await page.run("await new Promise((done) => setTimeout(done, 1500))")
            sums = await page.run(END)
            found = await scraped(exporter, page)

            assert counted(found) == Counter(sums)
            assert sums["inbound-rtp video framesDecoded"] > 10
            assert exporter.participants == {("room", "alice")}
            attempts = "rtc_connection_attempts_total rtc_outcome=connected user_agent_name=Chrome"
            assert sum(value for name, value in found.items() if name.startswith(attempts)) == 2
            assert await page.run("return problems") == []
            assert await page.errors() == []

    asyncio.run(test())


def test_frames_of_rtcstats_are_taken_by_the_same_trace(browser: Chromium) -> None:
    """createTrace in the place of rtcstats-js' own: compact ids, codes and deltas arrive as they were made."""
    codes = json.dumps({name: str(code) for code, name in MEMBERS.items()})
    how = f"""
        const {{watch}} = await import('/rtcstats-like.js');
        globalThis.watched = [call.a, call.b].map((pc, n) => watch(trace, pc, `PC_${{n}}`, {codes}));
    """

    async def test() -> None:
        async with running() as exporter, browser.page() as page:
            await start(page, exporter.ingest("/v1/rtc-exporter/room/alice", "ws"), how)
            sums = await page.run("""
                const report = () => Promise.all(watched.map((one) => one.report()));
                for (let n = 0; n < 8; n++) { await report(); await new Promise((done) => setTimeout(done, 150)); }
                const sums = await call.quiet();
                await report();
                ['PC_0', 'PC_1'].forEach((peer) => trace('close', peer));
                return sums;""")

            assert counted(await scraped(exporter, page)) == Counter(sums)
            assert exporter.value("rtc.exporter.reports.dropped", "bad_stats") == 0

    asyncio.run(test())


def test_who_comes_late_is_counted_whole(browser: Chromium) -> None:
    """A reporter for a call that is under way: all that it counted since its beginning counts, no attempt does."""
    late = f"{REPORTED} globalThis.reporters = reporters;"

    async def test() -> None:
        async with running() as exporter, browser.page() as page:
            url = exporter.ingest("/v1/rtc-exporter/room/alice", "ws")
            await page.run(f"{BEGIN} await call.start(); trace.connect('{url}'); {late}")
            sums = await page.run(END)
            found = await scraped(exporter, page)

            assert counted(found) == Counter(sums)
            assert sum(value for name, value in found.items() if name.startswith("rtc_connection_attempts_total")) == 0

    asyncio.run(test())


def test_a_lost_connection_loses_and_repeats_nothing(browser: Chromium) -> None:
    """The connection breaks three times during a call: the same participant goes on, and the counters are right."""

    async def test() -> None:
        async with running() as exporter, browser.page() as page:
            await start(page, exporter.ingest("/v1/rtc-exporter/room/alice", "ws"))
            await page.run("globalThis.rating = rate()")
            for opened in (1, 2, 3):
                await exporter.until(lambda: exporter.server.sockets.open)
                await page.run("await new Promise((done) => setTimeout(done, 600))")
                for lost in list(exporter.server.sockets.open):
                    lost.transport.abort()
                await exporter.until(partial(_opened, exporter, opened + 1))
            sums = await page.run(END)
            found = await scraped(exporter, page)

            assert counted(found) == Counter(sums)
            assert rated(found) == await page.run("return ratings")
            assert sum(value for name, value in found.items() if name.startswith("rtc_participant_joins_total")) == 1
            assert exporter.dropped("out_of_order") == 0

    asyncio.run(test())


def _opened(exporter: Running, times: int) -> bool:
    return exporter.value("rtc.exporter.connections.opened", "rtc-exporter") == times


# ── the exporter goes away


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_a_restart_of_the_exporter_loses_and_repeats_nothing(browser: Chromium, how: signal.Signals) -> None:
    """
    What scrapes have read of two exporters, one after the other, is what the page has counted.

    The first goes while the call runs, some seconds after it was scraped.  Killed, what it has counted since is counted
    again by the second, and what was scraped is not; stopped, it waits for one more scrape, which has everything.
    """

    async def test() -> None:
        exporter = Exporter()
        await exporter.start()
        try:
            async with browser.page() as page:
                await start(page, exporter.url("/v1/rtc-exporter/room/alice"))
                await page.run("globalThis.rating = rate()")
                await until(lambda: _scrape_with(exporter, "inbound-rtp video framesDecoded"))
                # A scrape reads what is counted, and there are reports that are not counted yet.
                sent = await page.run("await new Promise((done) => setTimeout(done, 1500)); return trace.status().sent")
                before = await exporter.scrape()
                await until(lambda: page.run(f"return trace.status().acked >= {sent}"))
                # It goes on, is counted, and nobody reads it, unless it is left the time to be scraped once more.
                await until(lambda: page.run(f"return trace.status().sent > {sent} + 150"))
                if how is signal.SIGTERM:
                    before = await exporter.stop()
                exporter.end(how)
                await until(lambda: page.run("return !trace.status().connected"))
                await page.run("await new Promise((done) => setTimeout(done, 700))")
                await exporter.start()
                await until(lambda: page.run("return trace.status().connected"))
                await page.run("await new Promise((done) => setTimeout(done, 700))")
                sums = await page.run(END)
                after = await until(lambda: _scrape_of_all(exporter, page))

                assert counted(before) + counted(after) == Counter(sums)
                assert rated(before) + rated(after) == await page.run("return ratings")
                assert all(counted(after)[name] for name in sums), "the second has counted something of each"
                assert await page.run("return problems") == []
        finally:
            exporter.end(signal.SIGKILL)

    asyncio.run(test())


async def _scrape_with(exporter: Exporter, name: str) -> dict[str, float]:
    found = await exporter.scrape()
    return found if counted(found)[name] else {}


async def _scrape_of_all(exporter: Exporter, page: Page) -> dict[str, float]:
    found = await exporter.scrape()
    return found if await acknowledged(page) else {}


# ── the page


def test_nothing_private_leaves_the_page(browser: Chromium) -> None:
    """No SDP, no address, no ufrag, no device label and no device id is in what goes over the wire."""
    frames: list[str] = []

    async def listen(connection: ServerConnection) -> None:
        async for frame in connection:
            frames.append(str(frame))
            if len(frames) == 1:
                await connection.send('{"last":0,"base":true}')

    codes = json.dumps({name: str(code) for code, name in MEMBERS.items()})

    async def test() -> None:
        async with (
            serve(listen, "127.0.0.1", 0, subprotocols=[Subprotocol(PROTOCOL)]) as server,
            browser.page() as page,
        ):
            port = server.sockets[0].getsockname()[1]
            await start(
                page,
                f"ws://127.0.0.1:{port}/",
                f"""
                const {{watch}} = await import('/rtcstats-like.js');
                const {{wrapGetUserMedia}} = await import('/client/index.js');
                wrapGetUserMedia(trace);
                globalThis.watched = watch(trace, call.a, 'PC_7', {codes});
                {REPORTED}""",
            )
            private = await page.run("""
                trace('navigator.mediaDevices.enumerateDevices', null, await navigator.mediaDevices.enumerateDevices());
                trace('navigator.mediaDevices.getUserMediaOnSuccess', null,
                    call.stream.getTracks().map(({kind, id, label}) => [kind, id, label, call.stream.id]), '60-0');
                trace('createDataChannel', 'PC_7', ['alice and bob', {}]);
                trace('createOfferOnFailure', 'PC_7', 'InvalidStateError: alice did it', '2-0');
                trace('futureEvent', 'PC_7', 'alice');
                await watched.report();
                await new Promise((done) => setTimeout(done, 500));
                const values = ['alice', 'turn.example'];
                for (const stats of (await call.a.getStats()).values()) {
                    for (const name of ['address', 'ip', 'usernameFragment', 'iceLocalUsernameFragment', 'fingerprint',
                                        'base64Certificate']) values.push(stats[name]);
                }
                const devices = await navigator.mediaDevices.enumerateDevices();
                for (const {label, deviceId} of devices) values.push(label, deviceId);
                values.push(...call.a.localDescription.sdp.split(/\\r\\n/).filter((line) => line.length > 5));
                await Promise.all(reporters.map((one) => one.close()));
                return [...new Set(values.filter((value) => value && value.length > 3 && value !== 'default'))];""")
            text = "\n".join(frames)

            assert len(private) > 20
            assert [value for value in private if json.dumps(value)[1:-1] in text] == []
            for told in ("candidate:0 1 udp 0 - 0 typ host", "NotAllowedError", "createOfferOnFailure", '"audio"'):
                assert (told in text) == (told != "NotAllowedError")
            assert "InvalidStateError" in text
            assert '"urls":["turn:?transport=udp","stun:"]' in text

    asyncio.run(test())


def test_what_waits_is_bounded_and_reports_are_merged(browser: Chromium) -> None:
    """Without an exporter a page keeps a thousand events, and one report for each peer connection."""

    async def test() -> None:
        async with browser.page() as page:
            status = await page.run(f"""{BEGIN}
                for (const peer of ['PC_0', 'PC_1']) trace('create', peer);
                const report = (n) => ({{A: {{type: 'transport', bytesSent: n}}, t: 1e12 + n}});
                for (let n = 0; n < 500; n++) trace('getStats', `PC_${{n % 2}}`, report(n));
                const waits = trace.status().pending;
                for (let n = 0; n < 3000; n++) trace(':mark', null, n);
                return {{...trace.status(), waits}};""")

            assert status["waits"] == 4
            assert (status["pending"], status["dropped"]) == (1000, 2004)

    asyncio.run(test())


def test_nothing_is_thrown_into_the_page(browser: Chromium) -> None:
    """Whatever the page hands over, and however its own functions fail: it is told through onerror alone."""

    async def test() -> None:
        async with browser.page() as page:
            told = await page.run("""
                const {createReporter, createTrace} = await import('/client/index.js');
                const told = [];
                const trace = createTrace({onerror: (reason) => { told.push(String(reason)); throw reason; }});
                trace(); trace(null, null); trace('create'); trace(7, 'PC_0'); trace('getStats', 'PC_0', null);
                trace(':x', null, 1n);
                const round = {}; round.round = round; trace(':x', null, round); trace('onicecandidate', 'PC_0', round);
                trace.connect('not an address');
                trace.connect(() => { throw new Error('no token'); });
                trace.connect(() => Promise.reject(new Error('no token today')));
                await new Promise((done) => setTimeout(done, 100));
                const pc = new RTCPeerConnection();
                pc.getStats = () => Promise.reject(new Error('no stats'));
                const reporter = createReporter(pc, {url: 'ws://127.0.0.1:9/', interval: 10});
                await new Promise((done) => setTimeout(done, 100));
                await reporter.close(); await reporter.close();
                trace.close(); trace.close();
                return told;""")

            assert {"Error: no token", "Error: no token today"} <= set(told)
            assert await page.errors() == []

    asyncio.run(test())


def test_a_page_that_goes_says_all_that_it_had_to_say(browser: Chromium) -> None:
    """When its user leaves, what waits is sent, and the participant has left because the page went."""

    async def test() -> None:
        async with running() as exporter, browser.page() as page:
            await page.run(f"{BEGIN} trace.connect('{exporter.ingest('/v1/rtc-exporter/room/alice', 'ws')}');")
            await until(lambda: page.run("return trace.status().connected"))
            await page.run("addEventListener('pagehide', () => trace(':feedback', null, {value: 4}));")
            await page.leave()
            await exporter.until(lambda: not exporter.participants)
            found = await exporter.samples()

            assert sum(value for name, value in found.items() if name.startswith("rtc_feedback_rating_count")) == 1
            left = [name for name, value in found.items() if name.startswith("rtc_participant_leaves_total") and value]
            assert [name for name in left if "rtc_leave_reason=page_hide" in name] == left != []

    asyncio.run(test())


def test_get_user_media_is_told(browser: Chromium) -> None:
    """A call that fails is counted by its name, one that does not by its time; the page sees what it would see."""

    async def test() -> None:
        async with running() as exporter, browser.page() as page:
            seen = await page.run(f"""{BEGIN}
                const {{wrapGetUserMedia}} = await import('/client/index.js');
                const undo = wrapGetUserMedia(trace);
                trace.connect('{exporter.ingest("/v1/rtc-exporter/room/alice", "ws")}');
                const stream = await navigator.mediaDevices.getUserMedia({{audio: true}});
                const seen = [stream.getAudioTracks().length];
                const video = {{width: {{exact: 99999}}}};
                await navigator.mediaDevices.getUserMedia({{video}}).catch((error) => seen.push(error.name));
                undo();
                return seen;""")
            found = await scraped(exporter, page)

            assert seen == [1, "OverconstrainedError"]
            assert [value for name, value in found.items() if "OverconstrainedError" in name] == [1]
            stage = "rtc_setup_duration_seconds_count rtc_setup_stage=get_user_media"
            assert sum(value for name, value in found.items() if name.startswith(stage)) == 1

    asyncio.run(test())


def test_tokens_are_asked_for_each_time(browser: Chromium) -> None:
    """An address may be a function; one that is a string is given up when its token is refused."""

    async def test() -> None:
        async with running(ingest__token_secret="s" * 32) as exporter, browser.page() as page:
            url = exporter.ingest("/?rtcstats-token=none", "ws")
            asked = await page.run(f"""{BEGIN}
                let asked = 0;
                trace.connect(() => {{ asked++; return '{url}'; }});
                while (asked < 3) await new Promise((done) => setTimeout(done, 20));
                trace.connect('{url}');
                while (!problems.length) await new Promise((done) => setTimeout(done, 20));
                return problems;""")

            assert asked == ["1008"]

    asyncio.run(test())
