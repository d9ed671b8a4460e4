"""Edges and aggregators on real NATS servers, the current one and Debian's: the same counts as one process."""

import asyncio
import contextlib
import importlib.util
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rtc_exporter.app.aggregator import Aggregator
from rtc_exporter.app.cluster import log_of
from rtc_exporter.app.eventlog import EngineError, EventLog, Kept, LostError
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from tests.certificates import certificates
from tests.engines import SERVERS, engine
from tests.operators import Operator, nkey
from tests.patience import PATIENCE
from tests.receivers import OK, Receiver, http_receiver
from tests.replayed import play, start
from tests.running import running
from tests.test_engine import counts, near
from tests.test_otlp_delivery import environ as otlp

CALLS = ("healthy-cr.p1.frames", "healthy-cr.p2.frames")


def settings(url: str, role: str) -> dict[str, str]:
    """Settings of a process of this role."""
    return {"engine.role": role, "engine.servers": url, "engine.partitions": "2", "admin.listen": "127.0.0.1:0"}


def variables(url: str) -> dict[str, str]:
    """The environment of an edge."""
    return {f"RTC_EXPORTER_{name.replace('.', '__')}".upper(): value for name, value in settings(url, "edge").items()}


@contextlib.asynccontextmanager
async def aggregating(url: str, now: list[float], environ: Mapping[str, str] = {}) -> AsyncIterator[Aggregator]:
    """An aggregator that runs and shows both partitions."""
    aggregator = Aggregator(Config.load(settings(url, "aggregate"), environ), clock=lambda: now[0])
    task = asyncio.create_task(aggregator.run())
    try:
        await until(lambda: len(aggregator.holdings.shown()) == 2)
        yield aggregator
    finally:
        aggregator.stop()
        async with asyncio.timeout(PATIENCE):
            await task


async def until(condition: object) -> None:
    """Wait for something that is about to happen."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("server", SERVERS)
def test_the_sums_are_those_of_one_process_and_go_on_in_another(server: str) -> None:
    """A recorded call through an edge, the server and an aggregator; the next aggregator has the same counts."""

    async def run(url: str) -> None:
        begins = start(CALLS)
        async with running(start=begins) as alone:
            await play(alone, CALLS)
            wanted = counts([alone.server.tenants])
        async with running(variables(url), start=begins) as edge:
            async with aggregating(url, [begins]) as one:  # a minute is a second here: what is late is not past
                await play(edge, CALLS)
                await until(lambda: near(counts(one.holdings.shown()), wanted) == [])
            async with aggregating(url, edge._now) as other:
                assert near(counts(other.holdings.shown()), wanted) == []

    with engine(server) as servers:
        asyncio.run(run(servers[0].url))


def test_spans_arrive_once_and_are_those_of_one_process() -> None:
    """An aggregator pushes them, and so does the next, which has the first's snapshot."""

    def pushed(receiver: Receiver) -> list[Any]:
        return [
            span
            for request in receiver.requests
            for one in request.message.resource_spans
            for scope in one.scope_spans
            for span in scope.spans
        ]

    async def run(url: str, alone: Receiver, ours: Receiver) -> None:
        begins, off = start(CALLS), {"OTEL_METRICS_EXPORTER": "none"}
        async with running(otlp("http/protobuf", alone.port, **off), start=begins) as exporter:
            await play(exporter, CALLS)
            wanted = counts([exporter.server.tenants])
        environ = otlp("http/protobuf", ours.port, **off)
        async with running(variables(url), start=begins) as edge:
            async with aggregating(url, [begins], environ) as one:
                await play(edge, CALLS)
                await until(lambda: near(counts(one.holdings.shown()), wanted) == [])
            async with aggregating(url, edge._now, environ) as other:
                edge._now[0] += 60.0
                await until(lambda: not other.holdings.status().participants)

    with engine() as servers, http_receiver([OK]) as alone, http_receiver([OK]) as ours:
        asyncio.run(run(servers[0].url, alone, ours))

    wanted, found = pushed(alone), pushed(ours)
    assert len({span.span_id for span in found}) == len(found) > 0
    assert Counter(span.name for span in found) == Counter(span.name for span in wanted)
    assert {span.trace_id for span in found} == {span.trace_id for span in wanted}


@pytest.mark.parametrize("server", SERVERS)
def test_who_was_superseded_can_save_nothing(server: str) -> None:
    """A claim ends with the next, a lease is nobody else's, and what was saved is found, however large."""

    async def run(url: str) -> None:
        one, two = (log_of(Config.load(settings(url, "aggregate"), {}), name) for name in ("one", "two"))
        await one.start()
        await two.start()
        lease = await one.lease(0, "one")
        assert lease is not None
        assert await two.lease(0, "two") is None
        assert (await one.renew(lease, "one")).until >= lease.until
        first = await one.claim(0, "one")
        kept = Kept(7, "me", bytes(range(256)) * 5000)
        first = await one.save(0, first, kept)
        second = await two.claim(0, "two")
        assert second.kept == kept
        with pytest.raises(LostError):
            await one.save(0, first, Kept(8, "me", b"late"))
        assert (await two.claim(0, "two")).kept == kept
        await one.publish(0, "a", b"1")
        await one.publish(0, "a", b"1")
        await one.publish(0, "b", b"2")
        assert await two.end(0) == 2
        assert [tuple(batch) for batch in await two.read(0, 1)] == [(2, b"2")]
        await two.trim(0, 1)
        assert [tuple(batch) for batch in await two.read(0, 0)] == [(2, b"2")]
        assert await one.workers("one") == ["one"]
        await one.stop()
        await two.stop()

    with engine(server) as servers:
        asyncio.run(run(servers[0].url))


def _files(folder: Path) -> tuple[str, dict[str, Path]]:
    """The configuration of a server with TLS that knows one operator's users and no others, and files of clients."""
    ours, others = certificates(folder, "ours"), certificates(folder, "others")
    operator = Operator()
    files = {"ours": ours.certificate, "others": others.certificate}
    for name, text in (("user", operator.credentials()), ("stranger", Operator().credentials())):
        files[name] = folder / f"{name}.creds"
        files[name].write_text(text, encoding="utf-8")
    return f'tls {{ cert_file: "{ours.certificate}", key_file: "{ours.key}" }}\n{operator.config}', files


@pytest.mark.parametrize("server", SERVERS)
def test_who_has_credentials_is_let_in_over_tls(server: str, tmp_path: Path) -> None:
    """By a token that the operator's account signed; without one, with another's, or to another's server, nobody is."""
    config, files = _files(tmp_path)

    async def run(url: str) -> None:
        def log(ca: str, credentials: str) -> EventLog:
            given = {**settings(url, "aggregate"), "engine.ca-file": str(files[ca])}
            if credentials:
                given["engine.credentials-file"] = str(files[credentials])
            return log_of(Config.load(given, {}), "one")

        let_in = log("ours", "user")
        await let_in.start()
        await let_in.publish(0, "a", b"1")
        assert [tuple(batch) for batch in await let_in.read(0, 0)] == [(1, b"1")]
        await let_in.stop()
        for ca, credentials, why in REFUSED:
            with pytest.raises(EngineError, match=why):
                await log(ca, credentials).start()

    with engine(server, config=config) as servers:
        asyncio.run(run(servers[0].url.replace("nats://", "tls://")))


REFUSED = (
    ("ours", "", "(?i)authorization violation"),
    ("ours", "stranger", "(?i)authorization violation"),
    ("others", "user", "(?i)certificate verify failed"),
)


def test_an_nkey_needs_no_token(tmp_path: Path) -> None:
    """Its seed alone is in the file."""
    seed, public = nkey()
    file = tmp_path / "user.nk"
    file.write_text(f"{seed}\n", encoding="utf-8")

    async def run(url: str) -> None:
        log = log_of(Config.load({**settings(url, "edge"), "engine.credentials-file": str(file)}, {}), "one")
        await log.start()
        assert await log.end(0) == 0
        await log.stop()

    with engine(config=f"authorization {{ users: [ {{ nkey: {public} }} ] }}") as servers:
        asyncio.run(run(servers[0].url))


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("engine.credentials-file", "wanted a file that holds credentials of nsc, or the seed of a user"),
        ("engine.ca-file", "wanted a file that holds certificates in PEM"),
    ],
)
def test_a_file_of_something_else_is_refused_at_the_start(setting: str, wanted: str, tmp_path: Path) -> None:
    """Not later, and not again and again."""
    file = tmp_path / "file"
    file.write_bytes(b"\xff\nSUPER secret\n")

    with pytest.raises(ConfigError) as error:
        Config.load({**settings("nats://a:4222", "edge"), setting: str(file)}, {})

    assert str(error.value) == f"--{setting} is {str(file)!r}, {wanted}"


def test_another_number_of_partitions_is_refused() -> None:
    """A session would be looked for in two places: the process ends, and says why."""

    async def run(url: str) -> None:
        log = log_of(Config.load(settings(url, "aggregate"), {}), "one")
        await log.start()
        await log.stop()
        other = log_of(Config.load({**settings(url, "aggregate"), "engine.partitions": "3"}, {}), "two")
        with pytest.raises(ConfigError, match=r"engine\.partitions is 3, and rtc was made with 2"):
            await other.start()
        await other.stop()

    with engine() as servers:
        asyncio.run(run(servers[0].url))


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """nats-py is needed where the settings ask for it, and nowhere else."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ConfigError) as error:
        Config.load({"engine.role": "edge", "engine.servers": "nats://a:4222"}, {})

    assert str(error.value) == "--engine.role is edge, and nats-py is missing: pip install 'rtc-exporter[nats]'"
