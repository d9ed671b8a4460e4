"""The life of the process: memory, reload, the end, the log, the clock, and what watches the loop."""

import asyncio
import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import InvalidStatus

from rtc_exporter import logs
from rtc_exporter.app import memory, reload
from rtc_exporter.app.memory import Pressure, Stage
from rtc_exporter.app.notify import Notify
from rtc_exporter.app.watch import Watch
from rtc_exporter.clock import Clock
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from tests.running import Running, closed, running, with_exporter

SECRET = "0123456789abcdef0123456789abcdef"
T0 = 1_795_171_685_556
CREATE = json.dumps([39, "PC_0", None, T0])
DEVICE = '["navigator.mediaDevices.ondevicechange",null,null,1]'


def report(packets: int, time: int) -> str:
    """A report of one stream."""
    stats = {"I": {"type": 1, "10": 1, "11": "video", "14": packets}, "t": T0 + time}
    return json.dumps(["g", "PC_0", stats, 1000])


# ── memory


MIB = 1 << 20
STAGES = [
    # The limit is 100 MiB: bytes held, and the stage after them.
    ([60], [0]),
    ([69, 70, 79, 80, 84, 85, 99], [0, 1, 1, 2, 2, 3, 3]),
    ([72, 66, 64], [1, 1, 0]),
    ([90, 81, 79, 76, 74, 66, 64], [3, 3, 2, 2, 1, 1, 0]),
    ([90, 10], [3, 0]),
]


@pytest.mark.parametrize(("held", "stages"), STAGES)
def test_stages_begin_at_their_share_and_end_five_percent_below(held: list[int], stages: list[int]) -> None:
    """So that they do not come and go, and every one of them ends."""
    level = [0]
    pressure = Pressure(100 * MIB, lambda: level[0], lambda: 1000)
    found = []
    for number, amount in enumerate(held):
        level[0] = amount * MIB
        found.append(int(pressure.tick(float(number))))

    assert found == stages


def test_what_was_used_and_is_free_again_does_not_count() -> None:
    """CPython keeps memory that small objects had; the next ones fit in."""
    held, blocks = [80 * MIB], [200_000]
    pressure = Pressure(100 * MIB, lambda: held[0], lambda: blocks[0])
    held[0], blocks[0] = 20 * MIB, 100_000
    pressure.tick(0.0)
    held[0], blocks[0] = 90 * MIB, 1_000_000
    assert pressure.tick(1.0) is Stage.CLOSE
    held[0], blocks[0] = 85 * MIB, 110_000

    assert pressure.tick(10.0) is Stage.NORMAL
    assert 60 * MIB < pressure.reusable < 70 * MIB


def test_large_objects_do_not_pass_for_small_ones() -> None:
    """Of a few thousand small objects that went, no more than their own size is free."""
    held, blocks = [20 * MIB], [100_000]
    pressure = Pressure(100 * MIB, lambda: held[0], lambda: blocks[0])
    pressure.tick(0.0)
    held[0], blocks[0] = 90 * MIB, 101_000
    pressure.tick(1.0)
    blocks[0] = 100_000

    assert pressure.tick(10.0) is Stage.CLOSE


def test_without_a_limit_nothing_is_given_up() -> None:
    """Neither the setting nor the control group has one."""
    assert Pressure(0, lambda: 1 << 50).tick(0.0) is Stage.NORMAL


def test_what_is_only_remembered_goes_once_in_a_round() -> None:
    """So that what that gives is seen before more is let go of; where it is enough, nothing else is."""
    held, times = [80 * MIB], [0]

    def forget() -> None:
        times[0] += 1
        held[0] -= 6 * MIB

    pressure = Pressure(100 * MIB, lambda: held[0], lambda: 1000, forget)
    stages = [pressure.tick(float(now)).name for now in range(12)]

    assert stages == ["REFUSE"] * 10 + ["NORMAL"] * 2
    assert times[0] == 3


def test_the_process_knows_what_it_holds() -> None:
    """As the kernel counts it."""
    assert MIB < memory.resident() < 1 << 40
    assert memory.limit_of_group() >= 0


def squeeze(exporter: Running, share: float | Callable[[], float]) -> None:
    """Let the exporter believe that so much of its limit is held."""
    held = share if callable(share) else lambda: share
    exporter.server._pressure = Pressure(1000 * MIB, lambda: int(held() * 1000) * MIB, lambda: 1000)
    exporter.server._relieve(exporter.now)


@with_exporter()
async def test_short_memory_refuses_who_is_not_here_yet(exporter: Running) -> None:
    """503, counted; who is here goes on, and afterwards everybody may come."""
    body = '{"time":1795171686000,"stats":[{"id":"a","type":"inbound-rtp","ssrc":1,"packetsReceived":5}]}'
    url = exporter.ingest("/v1/reports/room/bob")
    assert (await exporter.http.post(url, content=body)).status_code == 202
    async with exporter.client("/v1/rtcstats/room/ann") as here:
        await here.send(CREATE)
        squeeze(exporter, 0.72)
        with pytest.raises(InvalidStatus, match="HTTP 503"):
            await exporter.client("/v1/rtcstats/room/cid")
        answer = await exporter.http.post(exporter.ingest("/v1/reports/room/dan"), content=body)
        assert (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (503, "no_memory", "10")
        assert (await exporter.http.post(url, content=body)).status_code == 202
        await here.send(report(100, 1000))
        await exporter.until(lambda: exporter.accepted() == 1)
        assert exporter.value("rtc.exporter.memory.shed", "connection") == 2
        squeeze(exporter, 0.5)
        async with exporter.client("/v1/rtcstats/room/cid") as client:
            await client.send(CREATE)
            await exporter.until(lambda: ("room", "cid") in exporter.participants)


@with_exporter()
async def test_shorter_memory_drops_reports_and_keeps_events(exporter: Running) -> None:
    """Each is counted, and the totals are right again with the next report that is taken."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        for frame in (CREATE, report(100, 1000)):
            await client.send(frame)
        await exporter.until(lambda: exporter.accepted() == 1)
        squeeze(exporter, 0.81)
        for frame in (report(200, 2000), DEVICE, report(300, 3000), DEVICE):
            await client.send(frame)
        await exporter.until(lambda: exporter.value("rtc.exporter.memory.shed", "report") == 2)
        squeeze(exporter, 0.1)
        await client.send(report(400, 9000))
        await exporter.until(lambda: exporter.accepted() == 2)
        family = exporter.server.pipeline.store.family("rtc.device.changes")
        assert family is not None
        assert sum(getattr(slot, "value", 0.0) for slot in family.series.values()) == 2
        packets = exporter.server.pipeline.store.family("rtc.inbound.packets")
        assert packets is not None
        assert sum(getattr(slot, "value", 0.0) for slot in packets.series.values()) == 400
    assert exporter.dropped("no_memory") == 2


@with_exporter()
async def test_shortest_memory_closes_the_heaviest(exporter: Running) -> None:
    """Who sent most, and not who is here longest."""
    async with exporter.client("/v1/rtcstats/room/ann") as light, exporter.client("/v1/rtcstats/room/bob") as heavy:
        await light.send(CREATE)
        await heavy.send(CREATE)
        for number in range(20):
            await heavy.send(json.dumps(["x", None, "y" * 10_000, number]))
        await exporter.until(lambda: exporter.value("rtc.exporter.events.unknown") == 20)
        # One of them is enough.
        squeeze(exporter, lambda: 0.1 if exporter.value("rtc.exporter.memory.shed", "heaviest") else 0.9)

        assert await closed(heavy) == (1013, "memory is short")
        squeeze(exporter, 0.1)
        await light.send(report(1, 1000))
        await exporter.until(lambda: exporter.accepted() >= 1)
    assert exporter.value("rtc.exporter.memory.shed", "heaviest") == 1


# ── reload


def load(folder: Path, text: str) -> Config:
    """A configuration from a file."""
    path = folder / "config.toml"
    path.write_text(text)
    return Config.load({"ingest.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0"}, {}, path)


def test_a_reload_says_what_changes(tmp_path: Path) -> None:
    """By the names of the settings."""
    before = load(tmp_path, "[limits]\nframes_burst = 5\n")
    after = load(tmp_path, "[limits]\nframes_burst = 6\n[log]\nlevel = 'debug'\n")

    assert reload.check(before, after) == ["limits.frames_burst", "log.level"]


def test_the_same_configuration_is_no_change() -> None:
    """What is made up at the start, such as who this is to a receiver of OTLP, is not made up again."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}

    assert reload.check(Config.load({}, environ), Config.load({}, environ)) == []


def test_what_cannot_change_refuses_the_whole_reload(tmp_path: Path) -> None:
    """And names all of it."""
    before = load(tmp_path, "")
    after = load(tmp_path, "[limits]\nframes_burst = 6\n[metrics]\nprofile = 'full'\nbudget = 9\n")

    with pytest.raises(ConfigError, match=r"metrics\.profile, metrics\.budget cannot change while the process runs"):
        reload.check(before, after)


RELOADS = [
    (f"[ingest]\nallowed_origins = ['https://b.example']\ntoken_secret = '{SECRET}'\n", "applied"),
    ("[ingest]\nallowed_origins = ['https://b.example']\n[metrics]\nprofile = 'full'\n", "refused"),
    ("[ingest]\nallowed_origins = ['b.example']\n", "refused"),
    ("[ingest]\nallowed_origin = 'x'\n", "refused"),
    ("[ingest\n", "refused"),
]


@pytest.mark.parametrize(("text", "outcome"), RELOADS)
def test_a_configuration_is_taken_whole_or_not_at_all(tmp_path: Path, text: str, outcome: str) -> None:
    """Live connections stay; who comes then meets what is in use."""
    path = tmp_path / "config.toml"
    path.write_text("[ingest]\nallowed_origins = ['https://a.example']\n")
    args = {"ingest.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0"}

    async def scenario() -> None:
        async with running(ingest__allowed_origins="https://a.example") as exporter:
            exporter.server._config = Config.load(args, {}, path)
            exporter.server._load = lambda: Config.load(args, {}, path)
            async with exporter.client("/v1/rtcstats/room/ann", origin="https://a.example") as client:
                path.write_text(text)
                exporter.server.reload()
                await client.send(CREATE)
                await exporter.until(lambda: exporter.participants)
                assert exporter.value("rtc.exporter.config.reloads", "settings", outcome) == 1
                is_new = outcome == "applied"
                answer = await exporter.http.options(
                    exporter.ingest("/v1/reports"),
                    headers={"origin": "https://b.example", "access-control-request-method": "POST"},
                )
                assert (answer.status_code == 200) == is_new
                async with exporter.client("/", origin="https://b.example" if is_new else "https://a.example") as other:
                    if is_new:  # and it wants a token now
                        assert (await closed(other))[0] == 1008
                    else:
                        await other.send(CREATE)

    asyncio.run(scenario())


# ── the end


def command(*settings: str, environ: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """The real program."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RTC_EXPORTER_")}
    return subprocess.Popen(
        [sys.executable, "-m", "rtc_exporter", "serve", "--ingest.listen=127.0.0.1:0", "--admin.listen=127.0.0.1:0",
         *settings],
        stderr=subprocess.PIPE, text=True, env={**clean, **(environ or {})},
    )  # fmt: skip


def messages(process: subprocess.Popen[str]) -> Iterator[dict[str, object]]:
    """Its log, line by line: each is a JSON object."""
    assert process.stderr is not None
    yield from (json.loads(line) for line in process.stderr)


def test_systemd_is_told_when_it_is_ready_and_when_it_ends(tmp_path: Path) -> None:
    """The datagrams of sd_notify(3), from the real program, around a reload; a second SIGTERM waits for nothing."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(20)
        process = command(environ={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000000"})
        with process:
            told = [manager.recv(1000).decode()]
            while not told[-1].startswith("READY"):
                told.append(manager.recv(1000).decode())
            process.send_signal(signal.SIGHUP)
            while not told[-1].startswith("RELOADING"):
                told.append(manager.recv(1000).decode())
            while told[-1] != "READY=1":
                told.append(manager.recv(1000).decode())
            process.send_signal(signal.SIGTERM)
            while told[-1] != "STOPPING=1":
                told.append(manager.recv(1000).decode())
            lines = list(messages(process))
    assert process.returncode == 0
    assert "WATCHDOG=1" in told
    assert any("MONOTONIC_USEC=" in message for message in told)
    assert [str(line["message"]).split(":")[0] for line in lines][-1] == "stopped"


@pytest.mark.parametrize("address", ["", "relative", "/does/not/exist"])
def test_without_a_manager_nobody_is_told(address: str) -> None:
    """And nothing happens."""
    notify = Notify({"NOTIFY_SOCKET": address})
    notify.ready()
    notify.status("fine")

    assert notify.watchdog == 0.0


def test_a_balancer_that_asks_is_given_time(tmp_path: Path) -> None:
    """Not ready at once, still serving, and gone when the time is over."""
    process = command("--shutdown.delay", "1.5", "--log.format", "json")
    with process:
        start = next(messages(process))
        admin = str(start["message"]).rpartition("http://")[2].partition("/")[0]
        with httpx2.Client(trust_env=False) as http:
            assert http.get(f"http://{admin}/-/ready").status_code == 200
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            statuses = set()
            while True:
                try:
                    statuses.add(http.get(f"http://{admin}/-/ready").status_code)
                except httpx2.TransportError:
                    break
        process.communicate()
    assert 503 in statuses
    assert time.monotonic() - began >= 1.5
    assert process.returncode == 0


# ── the log


def logged(form: str, *records: tuple[str, object]) -> list[str]:
    """Lines that these messages make."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Lines() if form == "json" else logs.Text())
    for message, value in records:
        handler.handle(logging.LogRecord("x", logging.INFO, "", 1, message, (value,), None))
    return stream.getvalue().split("\n")[:-1]


NASTY = ["a\nb", "\x1b[31mred", "\r\n{}", "\u202egnp.exe", "\ud800", "\x00", '"}', "ü"]


@pytest.mark.parametrize("text", NASTY)
def test_no_text_ends_a_line_of_the_log(text: str) -> None:
    """One message is one line and one JSON object, whatever is in it; a terminal is not spoken to."""
    (line,) = logged("json", ("said %s", text))
    assert json.loads(line)["message"] == f"said {text}"
    assert line.isascii()
    (line,) = logged("text", ("said %s", text))
    assert line.isprintable()


def test_a_message_comes_once_a_second() -> None:
    """A hundred thousand faults make a handful of lines, and the next one says how many were left out."""
    now = [0.0]
    limit = logs.Limit(lambda: now[0])
    came = []
    for number in range(100_000):
        now[0] = number / 10_000
        record = logging.LogRecord("x", logging.ERROR, "", 1, "fault %s", (number,), None)
        if limit.filter(record):
            came.append(getattr(record, "suppressed", 0))

    assert len(came) <= 15
    assert limit.suppressed == 100_000 - len(came)
    assert sum(came) <= limit.suppressed
    assert limit.filter(logging.LogRecord("x", logging.INFO, "", 1, "something else", (), None))


def test_a_trace_holds_no_text_of_an_error() -> None:
    """Which may be what a client sent: files, lines, and the kind of error are enough."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Lines())
    try:
        raise ValueError("canary")
    except ValueError:
        handler.handle(logging.LogRecord("x", logging.ERROR, "", 1, "fault", (), sys.exc_info()))

    assert "canary" not in stream.getvalue()
    assert "ValueError" in json.loads(stream.getvalue())["stack"]


# ── the clock


def test_time_goes_on_when_the_wall_clock_jumps() -> None:
    """It never goes back, and is led to the wall clock by a tenth of what passes."""
    wall, monotonic = [1000.0], [50.0]
    clock = Clock(lambda: wall[0], lambda: monotonic[0])
    for jump, seconds, expected in (
        (0.0, 1.0, 1001.0),
        (3600.0, 10.0, 1012.0),  # an hour forth: eleven seconds in ten
        (-7200.0, 10.0, 1021.0),  # two hours back: nine in ten
        (3600.0, 0.0, 1021.0),
    ):
        wall[0] += jump + seconds
        monotonic[0] += seconds
        assert clock() == pytest.approx(expected)
    assert clock.offset == pytest.approx(0.0, abs=1.1)


def test_time_follows_a_clock_that_is_slow() -> None:
    """What NTP does in a day is not led at all, and what it does in a jump is made up for."""
    wall, monotonic = [1000.0], [0.0]
    clock = Clock(lambda: wall[0], lambda: monotonic[0])
    wall[0] += 5.0
    for _ in range(100):
        wall[0] += 1.0
        monotonic[0] += 1.0
        clock()

    assert clock() == pytest.approx(wall[0], abs=0.05)


# ── the loop


def test_a_loop_that_hangs_is_seen_and_told_where(caplog: pytest.LogCaptureFixture) -> None:
    """Once for each time, with the functions that it is in and nothing of what they hold."""
    lags: list[float] = []
    watch = Watch(lags.append, stall=0.1)

    def hang(secret: str) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end and not watch.stalls:
            pass

    async def scenario() -> None:
        watch.start()
        await asyncio.sleep(0.25)
        hang("canary")
        await asyncio.sleep(0.15)
        watch.stop()

    asyncio.run(scenario())

    assert watch.stalls == 1
    assert max(lags) > 0.1
    (record,) = caplog.records
    assert " in hang" in getattr(record, "stack", "")
    assert "canary" not in str(record.__dict__)
