"""The running program: real sockets, real clients, both listeners."""

import asyncio
import contextlib
import gzip
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from math import inf
from pathlib import Path
from typing import Any

import jwt
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rtc_exporter import __version__
from rtc_exporter.app import budget, listener, server
from rtc_exporter.app.intake import PATIENCE as REFUSALS
from rtc_exporter.app.scrapes import Rhythm
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from tests.patience import PATIENCE
from tests.running import Running, closed, with_exporter

SECRET = "0123456789abcdef0123456789abcdef"
DATA = Path(__file__).parent / "data"
PAGE = '[39,null,{"reloadCount":0},1795171685556]'
CREATE = '[39,"PC_0",{"bundlePolicy":"max-bundle"},1]'
CLOSE = '[36,"PC_0",null,5]'
INBOUND = '"type":1,"11":"audio","10":5'


def report(packets: int, at: float, base: bool = False, time: float = 10) -> str:
    """A getStats frame; with ``base`` the first one, which names types."""
    fields = (INBOUND + "," if base else "") + f'"14":{packets}'
    return f'["g","PC_0",{{"IT0":{{{fields}}},"t":{1795171685000 + at * 1000:.0f}}},{time}]'


FIRST = report(100, 1, base=True)


def token(expires: float = 1_795_172_000, user: str = "ann") -> str:
    """A token for one participant of the session ``room``."""
    return jwt.encode({"rtcStats": {"user": user, "conference": "room"}, "iat": 1_795_171_000, "exp": expires}, SECRET)


def total(exporter: Running, name: str) -> float:
    """A counter of cohorts, summed."""
    family = exporter.server.pipeline.store.family(name)
    assert family is not None
    return sum(getattr(slot, "value", 0.0) for slot in family.series.values())


# ── WebSockets: coming


@with_exporter()
async def test_the_subprotocol_is_echoed_and_reports_are_counted(exporter: Running) -> None:
    """Without the echo a browser drops the connection; the session and participant are in the path."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        assert client.subprotocol == "rtcstats#5.0"
        for frame in (PAGE, CREATE, FIRST):
            await client.send(frame)
        await exporter.until(lambda: exporter.accepted() == 1)

        assert exporter.participants == {("room", "ann")}
        participant = exporter.server.pipeline.sessions.participants[next(iter(exporter.participants))]  # type: ignore[index]
        assert participant.cohort["user_agent.name"] == "Chrome"
        assert participant.cohort["user_agent.os.name"] == "Linux"


@pytest.mark.parametrize("path", ["/", "//double/slash", "/any/page%20name?x=1", "/v1/rtcstats/room/ann//page"])
def test_any_path_is_taken(path: str) -> None:
    """Clients append the path of the page that they are in."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        async with exporter.client(path) as client:
            await client.send(PAGE)
            await exporter.until(lambda: exporter.participants)

    scenario()


@with_exporter()
async def test_without_a_subprotocol_the_first_frame_tells_the_format(exporter: Running) -> None:
    """For clients that cannot set one."""
    async with exporter.client("/v1/rtcstats/room/ann", ()) as client:
        for frame in (PAGE, CREATE, FIRST):
            await client.send(frame)
        await exporter.until(lambda: exporter.accepted() == 1)


@with_exporter()
async def test_an_unknown_first_frame_closes_the_connection(exporter: Running) -> None:
    """1003: a format that is not taken."""
    async with exporter.client("/", ()) as client:
        await client.send('{"hello": "there"}')

        assert (await closed(client))[0] == 1003
    assert exporter.dropped("unknown_format") == 1


@with_exporter()
async def test_an_unknown_subprotocol_closes_the_connection(exporter: Running) -> None:
    """It is not echoed, and the close code says why."""
    async with exporter.client("/", ("graphql-ws",)) as client:
        assert client.subprotocol is None
        assert (await closed(client))[0] == 1003
    assert exporter.dropped("unknown_format") == 1


# ── WebSockets: who may come


@with_exporter(ingest__token_secret=SECRET)
async def test_a_token_names_session_and_participant(exporter: Running) -> None:
    """And a URL that says otherwise is refused: 1008."""
    async with exporter.client(f"/v1/rtcstats/other/ann?rtcstats-token={token()}") as client:
        assert (await closed(client))[0] == 1008
    assert exporter.dropped("bad_identity") == 1
    async with exporter.client(f"/any/page?rtcstats-token={token()}") as client:
        await client.send(PAGE)
        await exporter.until(lambda: exporter.participants)

        assert exporter.participants == {("room", "ann")}


@pytest.mark.parametrize("query", ["", "?rtcstats-token=abc", f"?rtcstats-token={token(expires=1)}"])
def test_a_bad_token_is_accepted_and_then_closed(query: str) -> None:
    """1008 is the only code that rtcstats-js shows its page, and it needs an open connection to be seen."""

    @with_exporter(ingest__token_secret=SECRET)
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/" + query) as client:
            assert client.subprotocol == "rtcstats#5.0"
            assert (await closed(client))[0] == 1008
        assert exporter.dropped("bad_token") == 1
        assert not exporter.participants

    scenario()


@with_exporter(ingest__token_secret=SECRET, log__level="debug")
async def test_the_token_is_never_logged(exporter: Running) -> None:
    """Neither the good one nor the bad one, at any level."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Lines()
    logging.getLogger().addHandler(handler)
    try:
        for value in (token(), "canary"):
            async with exporter.client(f"/canary?rtcstats-token={value}&x=canary") as client:
                with contextlib.suppress(ConnectionClosed):
                    await client.send('["canary"]')
                    await client.send(b"\x00")
                await exporter.http.post(exporter.ingest(f"/v1/reports?token={value}"), content=b"canary")
    finally:
        logging.getLogger().removeHandler(handler)
    assert not [line for line in lines if "canary" in line or token() in line]


@with_exporter(ingest__allowed_origins="https://app.example")
async def test_a_page_from_elsewhere_is_refused_before_the_upgrade(exporter: Running) -> None:
    """403; pages on the list come in.  Who is no page proves nothing without a token, and so does not."""
    for origin in ("https://evil.example", None):
        with pytest.raises(InvalidStatus) as refused:
            async with exporter.client(origin=origin):
                pass
        assert refused.value.response.status_code == 403
    assert exporter.dropped("bad_origin") == 2
    async with exporter.client(origin="https://app.example"):
        pass


@with_exporter(ingest__allowed_origins="https://app.example", ingest__token_secret=SECRET)
async def test_who_is_no_page_needs_a_token_alone(exporter: Running) -> None:
    """A page on the list needs one as well."""
    async with exporter.client(f"/?rtcstats-token={token()}") as client:
        await client.send(PAGE)
        await exporter.until(lambda: exporter.participants)
    async with exporter.client(origin="https://app.example") as client:
        assert (await closed(client))[0] == 1008


@with_exporter(limits__connections="1")
async def test_over_the_limit_of_connections_new_ones_are_refused(exporter: Running) -> None:
    """503, try again later; who is there stays, and a place that becomes free can be had."""
    async with exporter.client() as first:
        with pytest.raises(InvalidStatus) as refused:
            async with exporter.client():
                pass
        assert refused.value.response.status_code == 503
        assert 5 <= int(refused.value.response.headers["Retry-After"]) <= 30
        await first.send(PAGE)
        await exporter.until(lambda: exporter.participants)
    assert exporter.dropped("too_many") == 1
    await exporter.until(lambda: not exporter.server.sockets.open)
    async with exporter.client() as third:
        await third.send(PAGE)
        await exporter.until(lambda: exporter.value("rtc.exporter.connections.opened", "rtcstats") == 2)


# ── WebSockets: what may be sent


@with_exporter(limits__frame_bytes="4096")
async def test_a_frame_over_the_limit_closes_the_connection(exporter: Running) -> None:
    """1009, and counted."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        await client.send("[" + " " * 5000 + "]")

        assert (await closed(client))[0] == 1009
    await exporter.until(lambda: exporter.dropped("too_large") == 1)


@with_exporter()
async def test_too_many_fragments_close_the_connection(exporter: Running) -> None:
    """Empty ones cost nothing on the wire."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        with contextlib.suppress(ConnectionClosed):
            await client.send([""] * 200)

        assert (await closed(client))[0] == 1008


@with_exporter()
async def test_garbage_is_counted_and_the_connection_goes_on(exporter: Running) -> None:
    """One bad frame costs one frame; another client notices nothing."""
    async with exporter.client("/v1/rtcstats/room/ann") as bad, exporter.client("/v1/rtcstats/room/bob") as good:
        for frame in (PAGE, CREATE, "{", "[]", '["g","PC_0",5,1]', FIRST):
            await bad.send(frame)
        for frame in (PAGE, CREATE, FIRST, report(150, 2)):
            await good.send(frame)
        await bad.send(b"\x00\x01")
        await exporter.until(lambda: exporter.accepted() == 3 and exporter.dropped("bad_frame") == 2)

        assert exporter.dropped("bad_json") == 1
        assert exporter.dropped("bad_stats") == 1
        tally = exporter.server.intake.tallies["rtcstats"]
        assert tally.refused.total() == 4
        assert tally.last is not None
        assert tally.last.reason == "bad_frame"


@with_exporter()
async def test_who_sends_nothing_but_garbage_is_closed(exporter: Running) -> None:
    """After a hundred refused frames in a row: it is none of our clients."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        for _ in range(REFUSALS - 1):
            await client.send("garbage")
        await client.send(PAGE)  # one good frame, and the count starts again
        for _ in range(REFUSALS):
            await client.send("garbage")

        assert (await closed(client))[0] == 1007
    assert exporter.dropped("bad_json") == 2 * REFUSALS - 1


@with_exporter(limits__frames_per_second="200", limits__frames_burst="10")
async def test_who_sends_too_fast_is_read_more_slowly_and_loses_nothing(exporter: Running) -> None:
    """Forty frames over the burst take a fifth of a second at 200 each second."""
    loop = asyncio.get_running_loop()
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        began = loop.time()
        for frame in (PAGE, CREATE, FIRST, *(report(100 + n, 1 + n) for n in range(1, 48))):
            await client.send(frame)
        await exporter.until(lambda: exporter.accepted() == 48)

        assert loop.time() - began > 0.15


def test_who_sends_too_fast_for_too_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """1013: what it sends is older and older when it is read, and will never catch up."""
    monkeypatch.setattr(budget, "DEBT", 0.1)
    monkeypatch.setattr(budget, "STORED", 5)

    @with_exporter(limits__frames_per_second="100", limits__frames_burst="5")
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/v1/rtcstats/room/ann") as client:
            with contextlib.suppress(ConnectionClosed):
                for _ in range(100):
                    await client.send(PAGE)
            assert (await closed(client))[0] == 1013
        assert exporter.dropped("too_fast") >= 1

    scenario()


@with_exporter()
async def test_a_fault_of_ours_closes_one_connection_and_not_the_process(exporter: Running) -> None:
    """1011, counted, and logged without what the client sent."""
    exporter.server.intake.tallies.pop("rtcstats")
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("rtc_exporter").addHandler(handler)
    try:
        async with exporter.client("/v1/rtcstats/canary/ann") as client:
            assert (await closed(client))[0] == 1011
    finally:
        logging.getLogger("rtc_exporter").removeHandler(handler)
    assert exporter.value("rtc.exporter.errors.internal") == 1
    assert "KeyError" in records[-1]
    assert "canary" not in records[-1]
    assert (await exporter.http.get(exporter.admin("/-/healthy"))).status_code == 200


# ── WebSockets: going


def leaves(exporter: Running) -> dict[str, float]:
    """How many participants have left, by reason."""
    family = exporter.server.pipeline.store.family("rtc.participant.leaves")
    assert family is not None
    counts = {values[-1]: getattr(slot, "value", 0.0) for values, slot in family.series.items()}
    return {reason: count for reason, count in counts.items() if count}


GOING = [
    ((PAGE,), 1001, 0.0, "page_hide"),
    ((PAGE, CREATE, FIRST), 1001, 0.0, "page_hide"),
    ((PAGE,), 1000, 0.0, "closed"),
    ((PAGE, CREATE, FIRST, CLOSE), 1000, 0.0, "closed"),
    ((PAGE, CREATE, FIRST), 1000, 15.0, "closed"),
    ((PAGE, CREATE, FIRST), 3001, 15.0, "error"),
]


@pytest.mark.parametrize(("frames", "code", "later", "reason"), GOING)
def test_a_participant_leaves_as_its_connection_ended(
    frames: tuple[str, ...], code: int, later: float, reason: str
) -> None:
    """At once when the page went or the call was over; else after the time in which it could come back."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/v1/rtcstats/room/ann") as client:
            for frame in frames:
                await client.send(frame)
            await exporter.until(lambda: exporter.participants)
            await client.close(code)
        await exporter.until(lambda: not exporter.server.sockets.open)
        if later:
            exporter.wait(later - 1)
            assert exporter.participants == {("room", "ann")}
            exporter.wait(1)
        assert not exporter.participants
        assert leaves(exporter) == {reason: 1}

    scenario()


@with_exporter()
async def test_a_lost_connection_is_an_error_after_a_while(exporter: Running) -> None:
    """No close frame came: the network went, or the machine."""
    client = await exporter.client("/v1/rtcstats/room/ann")
    await client.send(PAGE)
    await exporter.until(lambda: exporter.participants)
    client.transport.abort()
    await exporter.until(lambda: not exporter.server.sockets.open)

    assert exporter.participants
    exporter.wait(16)
    assert leaves(exporter) == {"error": 1}


@with_exporter(metrics__fold_interval="0")
async def test_a_client_that_comes_back_goes_on_where_it_was(exporter: Running) -> None:
    """What rtcstats-js sends after a reconnect: changes without a base, an absolute time, then the page again."""
    path = "/v1/rtcstats/room/ann"
    async with exporter.client(path) as client:
        for frame in (PAGE, CREATE, FIRST):
            await client.send(frame)
        await exporter.until(lambda: exporter.accepted() == 1)
        client.transport.abort()
    await exporter.until(lambda: not exporter.server.sockets.open)
    async with exporter.client(path) as client:
        await client.send(report(500, 5, time=1795171690819))
        await client.send('[39,null,{"reloadCount":0},40]')
        await client.send('["websocket",null,{"connectionTime":2},6]')
        await client.send(report(600, 6))
        await exporter.until(lambda: exporter.accepted() == 3)
        exporter.wait(30)

        assert total(exporter, "rtc.inbound.packets") == 600
        assert total(exporter, "rtc.participant.joins") == 1
        assert leaves(exporter) == {}
        assert exporter.server.pipeline.status().peer_connections == 1


@with_exporter()
async def test_two_sockets_of_a_participant_are_one_participant(exporter: Running) -> None:
    """It has come once, and leaves with the last of them."""
    path = "/v1/rtcstats/room/ann"
    async with exporter.client(path) as first:
        await first.send(PAGE)
        async with exporter.client(path) as second:
            await second.send(PAGE)
            await exporter.until(lambda: exporter.server.intake.tallies["rtcstats"].open == 2)
        await exporter.until(lambda: exporter.server.intake.tallies["rtcstats"].open == 1)

        assert exporter.participants == {("room", "ann")}
        assert total(exporter, "rtc.participant.joins") == 1
        assert exporter.value("rtc.exporter.connections", "rtcstats") == 1
    await exporter.until(lambda: not exporter.participants)
    assert leaves(exporter) == {"closed": 1}
    assert exporter.value("rtc.exporter.connections.opened", "rtcstats") == 2


@with_exporter()
async def test_plain_json_may_say_who_comes_and_goes(exporter: Running) -> None:
    """One connection may speak for several; who says that it leaves has left, and may come again."""
    async with exporter.client("/", ()) as client:
        await client.send(document().decode())
        await client.send(document(participant="bob").decode())
        await exporter.until(lambda: exporter.participants == {("room", "ann"), ("room", "bob")})
        await client.send(document(left=True, time=1795171686000).decode())
        await exporter.until(lambda: exporter.participants == {("room", "bob")})
        await client.send(document(time=1795171687000).decode())
        await exporter.until(lambda: len(exporter.participants) == 2)
        exporter.wait(300)
        assert len(exporter.participants) == 2, "who has a socket is here, however silent"
    await exporter.until(lambda: not exporter.server.sockets.open)
    exporter.wait(15)
    assert leaves(exporter) == {"left": 1, "closed": 2}


# ── POST /v1/reports

PLAIN = {
    "session": "room",
    "participant": "ann",
    "peer_connection": "pc",
    "time": 1795171685000,
    "stats": [{"id": "I", "type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": 5}],
}


def document(**changes: Any) -> bytes:
    """A report in plain JSON."""
    return json.dumps(PLAIN | changes).encode()


POSTS: list[tuple[str, bytes, dict[str, str], int]] = [
    ("plain", document(), {}, 202),
    ("beacon", document(), {"content-type": "text/plain;charset=UTF-8"}, 202),
    ("gzip", gzip.compress(document()), {"content-encoding": "gzip"}, 202),
    ("two members", gzip.compress(document()[:9]) + gzip.compress(document()[9:]), {"content-encoding": "gzip"}, 202),
    ("latin-1", document(), {"content-type": "application/json; charset=iso-8859-1"}, 202),
    ("not JSON", b"{", {}, 400),
    ("empty", b"", {}, 400),
    ("not gzip", document(), {"content-encoding": "gzip"}, 400),
    ("cut gzip", gzip.compress(document())[:-12], {"content-encoding": "gzip"}, 400),
    ("not UTF-16", document() + b"x", {"content-type": "application/json; charset=utf-16"}, 400),
    ("brotli", document(), {"content-encoding": "br"}, 415),
    ("form", document(), {"content-type": "application/x-www-form-urlencoded"}, 415),
    ("strange charset", document(), {"content-type": "application/json; charset=utf-7"}, 415),
    ("large", b" " * 9_000_000, {}, 413),
    ("bomb", gzip.compress(b" " * 200_000_000, 1), {"content-encoding": "gzip"}, 413),
]


@pytest.mark.parametrize(("body", "headers", "status"), [row[1:] for row in POSTS], ids=[row[0] for row in POSTS])
def test_reports_can_be_posted(body: bytes, headers: dict[str, str], status: int) -> None:
    """Packed or not, within bounds; what is wrong is said in one shape and counted once."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        headers.setdefault("content-type", "application/json")
        response = await exporter.http.post(exporter.ingest("/v1/reports"), content=body, headers=headers)

        assert response.status_code == status
        if status == 202:
            assert response.json() == {"accepted": 1, "rejected": []}
            assert exporter.participants == {("room", "ann")}
            assert exporter.accepted("json") == 1
        else:
            assert set(response.json()) == {"error", "detail"}
            assert exporter.dropped(response.json()["error"]) == 1

    scenario()


@with_exporter()
async def test_lines_are_taken_one_by_one(exporter: Running) -> None:
    """One bad line costs one line, and the answer says which."""
    lines = b"\n".join([document(), b"nonsense", document(participant="bob"), b""])
    headers = {"content-type": "application/x-ndjson"}

    response = await exporter.http.post(exporter.ingest("/v1/reports"), content=lines, headers=headers)

    assert response.status_code == 202
    assert response.json() == {"accepted": 2, "rejected": [{"index": 1, "reason": "bad_json"}]}
    assert exporter.participants == {("room", "ann"), ("room", "bob")}


@with_exporter(ingest__token_secret=SECRET)
async def test_posts_need_the_token_too(exporter: Running) -> None:
    """401 without; with it, the token says who it is and not the body."""
    url = exporter.ingest("/v1/reports")
    headers = {"authorization": f"Bearer {token(user='eve')}"}

    assert (await exporter.http.post(url, content=document())).status_code == 401
    assert (await exporter.http.post(url, content=document(), headers=headers)).status_code == 202
    assert exporter.participants == {("room", "eve")}


@with_exporter(participants__expiry="30")
async def test_who_posts_leaves_by_silence(exporter: Running) -> None:
    """There is no connection whose end could be seen; the decoder is forgotten as well."""
    url = exporter.ingest("/v1/reports/room/ann")
    await exporter.http.post(url, content=document(session="x", participant="y"))
    await exporter.http.post(url, content=document(time=1795171695000))
    assert exporter.participants == {("room", "ann")}

    exporter.wait(40)

    assert not exporter.participants
    assert leaves(exporter) == {"timeout": 1}
    assert total(exporter, "rtc.participant.joins") == 1


@with_exporter(ingest__allowed_origins="https://app.example")
async def test_pages_on_the_list_may_post(exporter: Running) -> None:
    """Browsers ask first; the answer names the page. Pages from elsewhere are refused, not just hidden from."""
    url = exporter.ingest("/v1/reports")
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}

    asked = await exporter.http.options(url, headers={"origin": "https://app.example", **ask})
    posted = await exporter.http.post(url, content=document(), headers={"origin": "https://app.example"})
    evil = await exporter.http.post(url, content=document(), headers={"origin": "https://evil.example"})

    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == "https://app.example"
    assert posted.headers["access-control-allow-origin"] == "https://app.example"
    assert evil.status_code == 403
    assert "access-control-allow-origin" not in evil.headers


# ── POST /v1/dumps


def dump() -> bytes:
    """A real one, as rtcstats-server would store it."""
    return (DATA / "healthy-cr.p1.rtcstats-dump.gz").read_bytes()


@pytest.mark.parametrize("as_form", [False, True])
def test_a_dump_can_be_uploaded(as_form: bool) -> None:
    """As it is, or as the file of a form; every report in it is counted, and its participant has left."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        url = exporter.ingest("/v1/dumps/room/ann")
        body: dict[str, Any] = {"files": {"file": ("dump.gz", dump())}} if as_form else {"content": dump()}

        response = await exporter.http.post(url, **body)

        assert response.status_code == 200, response.text
        told = response.json()
        assert (told["session"], told["participant"]) == ("room", "ann")
        assert told["reports"] > 20
        assert told["events"] > 20
        assert exporter.accepted("dump") + exporter.value("rtc.exporter.reports", "dump", "dropped") == told["reports"]
        assert not exporter.participants
        assert total(exporter, "rtc.inbound.packets") > 1000

    scenario()


BAD_DUMPS = [
    (b"nothing known", {}, 400),
    (b"", {}, 400),
    (b"x" * 70_000, {}, 413),
    (b"--b\r\n\r\nhalf", {"content-type": "multipart/form-data; boundary=b"}, 400),
    (b"--b--\r\n", {"content-type": "multipart/form-data; boundary=b"}, 400),
    (b"x", {"content-type": "multipart/form-data"}, 400),
]


@pytest.mark.parametrize(("body", "headers", "status"), BAD_DUMPS)
def test_what_is_no_dump_is_refused(body: bytes, headers: dict[str, str], status: int) -> None:
    """In the one shape of a refusal."""

    @with_exporter(limits__dump_bytes="65536")
    async def scenario(exporter: Running) -> None:
        response = await exporter.http.post(exporter.ingest("/v1/dumps"), content=body, headers=headers)

        assert response.status_code == status
        assert exporter.dropped(response.json()["error"]) == 1

    scenario()


# ── the listener for operators

NEGOTIATION = [
    ({}, "text/plain"),
    ({"accept": "*/*"}, "text/plain"),
    ({"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}, "application/openmetrics-text"),
]


@pytest.mark.parametrize(("headers", "media"), NEGOTIATION)
def test_the_scraper_chooses_the_format(headers: dict[str, str], media: str) -> None:
    """Text, or OpenMetrics with its end mark; process metrics are among the exporter's own."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        response = await exporter.http.get(exporter.admin(), headers=headers)

        assert response.headers["content-type"].startswith(media)
        assert response.headers["content-encoding"] == "gzip"
        assert "process_cpu_seconds_total" in response.text
        if media != "text/plain":
            assert response.text.endswith("# EOF\n")
            assert list(text_string_to_metric_families(response.text))  # type: ignore[no-untyped-call]
        plain = await exporter.http.get(exporter.admin(), headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers

    scenario()


def test_the_rhythm_of_scrapes_is_the_longest_of_the_last_pauses() -> None:
    """Two servers, 2 s apart, each every 15 s: whoever scraped last, the next may take 13 s."""
    rhythm = Rhythm()
    assert rhythm.pause(0.0) == inf
    for now in (100.0, 102.0, 115.0, 117.0, 130.0, 132.0):
        rhythm.note(now)
    assert rhythm.pause(133.0) == 13.0
    assert rhythm.pause(252.0) == inf, "nobody comes any more"

    rhythm.note(300.0)
    assert rhythm.pause(301.0) == inf, "once is no rhythm"
    rhythm.note(330.0)
    assert rhythm.pause(331.0) == 30.0


@with_exporter()
async def test_the_end_waits_for_who_reads_what_is_counted(exporter: Running) -> None:
    """What was acknowledged is in the cohorts: a scrape of another tier is not the last one."""
    admin = exporter.server._admin
    for tier in ("self", "participant"):
        for _ in range(2):
            await exporter.samples(f"?tier={tier}")
    assert admin.rhythm.pause(time.monotonic()) == inf
    admin.finish()
    await exporter.samples("?tier=self")
    assert not admin.was_scraped.is_set()

    await exporter.samples("?tier=cohort")
    await exporter.samples()
    assert admin.rhythm.pause(time.monotonic()) < inf
    assert admin.was_scraped.is_set()


@with_exporter(metrics__fold_interval="0")
async def test_a_tier_can_be_scraped_alone(exporter: Running) -> None:
    """Cohorts, participants, or the exporter itself; another word is an error."""
    async with exporter.client("/v1/rtcstats/room/ann") as client:
        for frame in (PAGE, CREATE, FIRST, report(200, 2)):
            await client.send(frame)
        await exporter.until(lambda: exporter.accepted() == 2)
        exporter.wait(1)
        tiers = {tier: await exporter.samples(f"?tier={tier}") for tier in ("cohort", "participant", "self")}

    assert not any("session_id" in name for tier in ("cohort", "self") for name in tiers[tier])
    assert all("session_id=room" in name for name in tiers["participant"])
    assert tiers["participant"]
    assert "process_start_time_seconds" in tiers["self"]
    assert not any(name.startswith("process_") for name in tiers["cohort"])
    assert exporter.server.pipeline.store.family("rtc.exporter.render.duration").series  # type: ignore[union-attr]
    assert (await exporter.http.get(exporter.admin("/metrics?tier=all"))).status_code == 400


@with_exporter()
async def test_the_versions_in_use_are_told(exporter: Running) -> None:
    """Of the exporter and of Python, as labels of a 1."""
    found = await exporter.samples("?tier=self")

    builds = {name: value for name, value in found.items() if name.startswith("rtc_exporter_build_info ")}
    python = ".".join(map(str, sys.version_info[:3]))
    assert builds == {
        f"rtc_exporter_build_info process_runtime_version={python} service_version={__version__}": 1.0
    }  # fmt: skip


@with_exporter()
async def test_health_and_readiness(exporter: Running) -> None:
    """Healthy while it answers, ready after the first tick."""
    assert (await exporter.http.get(exporter.admin("/-/healthy"))).status_code == 200
    assert (await exporter.http.get(exporter.admin("/-/ready"))).status_code == 200
    assert (await exporter.http.get(exporter.admin("/none"))).status_code == 404


@with_exporter()
async def test_the_start_page_says_what_is_there(exporter: Running) -> None:
    """One document: no scripts, nothing loaded from elsewhere, nothing of what clients wrote."""
    async with exporter.client("/v1/rtcstats/canary/canary") as client:
        await client.send("<canary>")
        await exporter.until(lambda: exporter.dropped("bad_json"))
        response = await exporter.http.get(exporter.admin("/"))

    text = response.text
    assert "Version" in text
    assert "bad_json" in text
    assert str(exporter.server.ingest_address) in text
    assert "canary" not in text
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", text)
    for link in re.findall(r'href="([^"]+)"', text):
        assert (await exporter.http.get(exporter.admin("/" + link.replace("&amp;", "&")))).status_code == 200


@with_exporter()
async def test_the_openapi_document_has_the_paths_that_exist(exporter: Running) -> None:
    """Every path of clients answers a POST, and every one of operators a GET."""
    paths = (await exporter.http.get(exporter.admin("/openapi.json"))).json()["paths"]

    assert {"/v1/reports", "/v1/dumps", "/api/v1/sessions"} <= set(paths)
    for path in paths:
        if "get" in paths[path]:
            response = await exporter.http.get(exporter.admin(path.format(session="s", participant="p")))
            assert response.status_code == (404 if "{" in path else 200)
            assert response.headers["content-type"] == "application/json"
            continue
        response = await exporter.http.post(exporter.ingest(path.format(session="s", participant="p")), content=b"{")
        assert response.status_code == 400


@pytest.mark.parametrize(
    "path", ["/metrics", "/", "/-/healthy", "/-/ready", "/openapi.json", "/sessions", "/api/v1/sessions"]
)
def test_clients_see_nothing_of_the_operators_listener(path: str) -> None:
    """The two never share a port, nor a page."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        assert (await exporter.http.get(exporter.ingest(path))).status_code == 404

    scenario()


# ── the life of the process


def test_a_head_over_the_limit_is_refused() -> None:
    """Whether it is complete or never ends."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        address = exporter.server.ingest_address
        for text in (b"GET / HTTP/1.1\r\na: " + b"x" * 40_000, b"GET / HTTP/1.1\r\na: " + b"x" * 40_000 + b"\r\n\r\n"):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(text)
            async with asyncio.timeout(PATIENCE):
                assert (await reader.read()).startswith(b"HTTP/1.1 4")
            writer.close()

    scenario()


def test_stopping_closes_clients_and_counts_them() -> None:
    """1012, so that they know to come back; everybody has left, and what was not folded is counted."""
    seen: list[Running] = []
    codes: list[int] = []

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        async with exporter.client("/v1/rtcstats/room/ann") as client:
            for frame in (PAGE, CREATE, FIRST):
                await client.send(frame)
            await exporter.until(lambda: exporter.accepted() == 1)
            exporter.server.stop()
            codes.append((await closed(client))[0])
        seen.append(exporter)

    scenario()

    assert codes == [1012]
    assert not seen[0].participants
    assert total(seen[0], "rtc.inbound.packets") == 100


@with_exporter()
async def test_stopping_twice_waits_for_nothing(exporter: Running) -> None:
    """A request that is half sent holds up the first stop, and not the second."""
    reader, writer = await asyncio.open_connection(*exporter.server.ingest_address)
    writer.write(b"POST /v1/reports HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{")
    await exporter.until(lambda: exporter.server.is_busy)
    exporter.server.stop()
    exporter.server.stop()

    async with asyncio.timeout(listener.GRACE - 1):
        assert await reader.read() == b""
    writer.close()


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    """The message names the setting, and nothing has been opened."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = Config.load({"ingest.listen": "127.0.0.1:0", "admin.listen": f"127.0.0.1:{port}"}, {})

        with pytest.raises(ConfigError, match=f"admin.listen is 127.0.0.1:{port}, which cannot be bound"):
            server.Server(config)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_with_status_0(number: signal.Signals) -> None:
    """The real command, with a real signal; its one line says where it listens."""
    command = [
        sys.executable,
        "-m",
        "rtc_exporter",
        "serve",
        "--ingest.listen=127.0.0.1:0",
        "--admin.listen=127.0.0.1:0",
    ]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RTC_EXPORTER_")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert re.search(r"clients at ws://127\.0\.0\.1:\d+, metrics at http://127\.0\.0\.1:\d+/metrics", line)
        process.send_signal(number)
        rest = process.communicate(timeout=PATIENCE)[1]

    assert process.returncode == 0, rest
    assert "Traceback" not in rest
