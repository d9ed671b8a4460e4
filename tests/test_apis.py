"""Clients that come by HTTP, against an exporter that runs: ObserveRTC's samples, peermetrics' API, pushed gauges."""

# ruff: noqa: E501  (rows, one per line)

import base64
import gzip
import json
from typing import Any

import httpx2
import jwt
import pytest

from tests import clients
from tests.running import Running, running, with_exporter
from tests.test_facts import Scrape, mismatches, totals

SECRET = "a secret of the tests, long enough"
EXPIRES = 1_795_172_000
PUSH = "/metrics/job/webrtc-internals-exporter/peerConnectionId/b03c3616"
BODY = 'inbound_rtp_packetsReceived{id="I",kind="audio",pageUrl="https://a/"b""} 10\ninbound_rtp_packetsLost{id="I",kind="audio"} 1\n'


def token(**names: str) -> str:
    """A token of the application's server; without names, that of a proxy."""
    return jwt.encode({"iat": EXPIRES - 600, "exp": EXPIRES, "rtcStats": names}, SECRET, algorithm="HS256")


async def ask(exporter: Running, method: str, path: str, body: Any) -> httpx2.Response:
    """As sdk-js does: JSON that says it is text, so that no preflight is needed."""
    headers = {"content-type": "text/plain", "accept": "application/json", "origin": "https://app.example"}
    url = exporter.ingest(f"/v1/peermetrics{path}")
    return await exporter.http.request(method, url, content=json.dumps(body), headers=headers)


async def call(exporter: Running, api_key: str) -> dict[str, Any]:
    """A whole call of peermetrics' client, with real statistics; what ``/initialize`` answered."""
    names = {"conferenceId": "standup", "userId": "u1", "apiKey": api_key}
    begun: dict[str, Any] = (await ask(exporter, "POST", "/initialize", names)).json()
    told = {"token": begun["token"]}
    assert (await ask(exporter, "POST", "/sessions", {**told, "platform": {}})).json() == told
    added = await ask(exporter, "POST", "/connection", {**told, "eventName": "addConnection", "peerId": "sfu"})
    at = {**told, "peerId": added.json()["peer_id"], "connectionId": added.json()["connection_id"]}
    body = {**at, "eventName": "onconnectionstatechange", "data": "connected"}
    assert (await ask(exporter, "POST", "/connection", body)).json() == {}
    for row in clients.parsed()[1:]:
        answer = await ask(exporter, "POST", "/stats", {**at, "data": row["data"]})
        assert (answer.status_code, answer.json()) == (200, {})
    # What was not answered in time is sent again.
    assert (await ask(exporter, "POST", "/stats", {**at, "data": clients.parsed()[-1]["data"]})).json() == {}
    return begun


@with_exporter(metrics__profile="full")
async def test_a_call_of_peermetrics_is_counted(exporter: Running) -> None:
    """Counters are those of the browser, and a report that comes twice counts once."""
    await call(exporter, "any key")

    assert exporter.participants == {("standup", "u1")}
    assert exporter.accepted("peermetrics") == len(clients.parsed()) - 1
    assert exporter.value("rtc.exporter.reports", "peermetrics", "dropped") == 1
    exporter.server.pipeline.shutdown(exporter.now)
    kept = ("inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "candidate-pair")
    truth = {id: row for id, row in clients.page("healthy-jitsi-cr.p1")[-1][1].items() if row["type"] in kept}
    want = totals(truth)
    scrape = Scrape((await exporter.http.get(exporter.admin())).text)
    assert len(want) > 40
    assert mismatches(want, scrape.counts(want)) == {}


@with_exporter()
async def test_peermetrics_goes_on_after_a_restart_of_the_exporter(exporter: Running) -> None:
    """The ticket says all that the exporter has to know."""
    begun = await call(exporter, "k")
    async with running() as another:
        at = {"token": begun["token"], "connectionId": "1-1"}
        assert (await ask(another, "POST", "/stats", {**at, "data": clients.parsed()[5]["data"]})).json() == {}
        assert another.participants == {("standup", "u1")}


@with_exporter(ingest__token_secret=SECRET)
async def test_the_api_key_is_the_token(exporter: Running) -> None:
    """Its names outrank those of the body; without it, the client is told in the words at which it gives up."""
    refused = await ask(exporter, "POST", "/initialize", {"conferenceId": "x", "userId": "y", "apiKey": "wrong"})
    assert refused.status_code == 401
    assert refused.json() == {"error_code": "invalid_api_key", "message": "the token is not one of ours"}
    refused = await ask(exporter, "POST", "/stats", {"connectionId": "c", "data": {}})
    assert (refused.status_code, refused.json()["error_code"]) == (401, "invalid_api_key")

    await call(exporter, token(conference="room", user="ann"))

    assert exporter.participants == {("room", "ann")}
    assert exporter.dropped("bad_token") == 2


@with_exporter(ingest__token_secret=SECRET)
async def test_a_token_without_names_lets_the_client_name_itself(exporter: Running) -> None:
    """As a proxy has it that stands before clients which have no place for one."""
    await call(exporter, token())

    assert exporter.participants == {("standup", "u1")}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/nothing", 400), ("PUT", "/stats", 400), ("DELETE", "/sessions", 400), ("GET", "/stats", 405),
        ("POST", "/connection/batch", 400),
    ],
)  # fmt: skip
def test_what_is_no_request_of_the_api_is_refused(method: str, path: str, status: int) -> None:
    """With a body that the client can read."""

    @with_exporter()
    async def test(exporter: Running) -> None:
        answer = await ask(exporter, method, path, [] if "batch" in path else {})
        assert answer.status_code == status
        if status == 400:
            assert answer.json()["error_code"] == "bad_frame"

    test()


@with_exporter()
async def test_browsers_are_let_in_from_everywhere(exporter: Running) -> None:
    """PUT, DELETE and the headers of both clients need a preflight."""
    for path, method in (("/v1/peermetrics/sessions", "PUT"), (PUSH, "DELETE"), (PUSH, "POST")):
        headers = {
            "origin": "https://app.example", "access-control-request-method": method,
            "access-control-request-headers": "authorization,content-encoding,content-type",
        }  # fmt: skip
        answer = await exporter.http.options(exporter.ingest(path), headers=headers)
        assert answer.status_code == 200
        assert method in answer.headers["access-control-allow-methods"]
        assert answer.headers["access-control-allow-origin"] == "*"


# ── pushed gauges


async def push(exporter: Running, method: str, path: str = PUSH, body: bytes = BODY.encode(), **headers: str) -> int:
    """As the extension does it: text that says it is a form."""
    told = {"content-type": "application/x-www-form-urlencoded", **{k.replace("_", "-"): v for k, v in headers.items()}}
    answer = await exporter.http.request(method, exporter.ingest(path), content=body, headers=told)
    return answer.status_code


@with_exporter()
async def test_gauges_are_taken_packed_or_not_until_they_are_deleted(exporter: Running) -> None:
    """The extension packs them where it can."""
    assert await push(exporter, "POST") == 202
    exporter.wait(2)
    more = gzip.compress(BODY.replace(" 10", " 25").encode())
    assert await push(exporter, "PUT", body=more, content_encoding="gzip") == 202
    assert exporter.participants == {("b03c3616", "b03c3616")}
    assert exporter.accepted("pushgateway") == 2

    assert await push(exporter, "DELETE", body=b"") == 202

    assert exporter.participants == set()
    scrape = Scrape((await exporter.http.get(exporter.admin())).text)
    key = ("inbound-rtp", "audio", "packetsReceived")
    assert scrape.counts([key]) == {key: 15}, "what was there before the first push is nobody's gain"


@with_exporter()
async def test_the_address_may_name_whom_gauges_are_of(exporter: Running) -> None:
    """In front of what the extension appends."""
    assert await push(exporter, "POST", f"/v1/pushgateway/standup/ada{PUSH}") == 202
    assert exporter.participants == {("standup", "ada")}


@with_exporter(ingest__token_secret=SECRET)
async def test_the_password_is_the_token(exporter: Running) -> None:
    """The extension knows user and password; one that is no token lets nobody in."""
    for password in ("secret", "a.b.c"):
        basic = base64.b64encode(f"user:{password}".encode()).decode()
        assert await push(exporter, "POST", authorization=f"Basic {basic}") == 401
    assert await push(exporter, "POST", authorization="Basic !") == 401
    basic = base64.b64encode(f"user:{token(conference='room', user='ann')}".encode()).decode()
    assert await push(exporter, "POST", authorization=f"Basic {basic}") == 202
    assert exporter.participants == {("room", "ann")}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", PUSH, b"not prometheus", {}, 400), ("POST", PUSH, b"\xff", {}, 400), ("POST", "/metrics/job/x", b"", {}, 400),
        ("POST", PUSH, b"x", {"content_encoding": "gzip"}, 400), ("POST", PUSH, b"", {"content_encoding": "br"}, 415),
        ("POST", "/v1/pushgateway/nothing", b"", {}, 400), ("GET", PUSH, b"", {}, 405), ("GET", "/metrics", b"", {}, 404),
    ],
)  # fmt: skip
def test_what_is_no_push_is_refused(method: str, path: str, body: bytes, headers: dict[str, str], status: int) -> None:
    """And counted for the format."""

    @with_exporter()
    async def test(exporter: Running) -> None:
        assert await push(exporter, method, path, body, **headers) == status
        tally = exporter.server.intake.tallies["pushgateway"]
        assert bool(tally.refused) == (status in (400, 415))

    test()


@with_exporter()
async def test_a_small_body_does_not_unpack_to_a_large_one(exporter: Running) -> None:
    """Gzip is bounded by what comes out."""
    bomb = gzip.compress(b"#" * (9 << 20))
    assert await push(exporter, "POST", body=bomb, content_encoding="gzip") == 413


# ── samples


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-ndjson"])
def test_samples_can_be_posted(kind: str) -> None:
    """One, an array of them, or one on each line; sendBeacon has text alone."""

    @with_exporter()
    async def test(exporter: Running) -> None:
        frames = clients.frames("healthy-monitor-cr.p1")
        bodies = ["\n".join(frames)] if "ndjson" in kind else [frames[0], f"[{','.join(frames[1:])}]"]
        for body in bodies:
            url = exporter.ingest("/v1/observertc")
            answer = await exporter.http.post(url, content=body, headers={"content-type": kind})
            assert answer.status_code == 202
            assert answer.json()["rejected"] == []
        assert exporter.accepted("observertc") == 10
        assert exporter.participants == set(), "the last sample says good bye"

    test()


@with_exporter()
async def test_what_is_no_sample_is_refused_as_such(exporter: Running) -> None:
    """Protocol buffers too: they make sense only one after the other."""
    url = exporter.ingest("/v1/observertc")
    answer = await exporter.http.post(url, content=b"\x0a\x64", headers={"content-type": "application/x-protobuf"})
    assert answer.status_code == 415
    answer = await exporter.http.post(url, json={"stats": []})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_frame")
    assert exporter.server.intake.tallies["observertc"].refused.total() == 2
    page = (await exporter.http.get(exporter.admin("/"))).text
    assert "<code>bad_frame</code>: no sample of a client" in page, "the start page says why nothing arrives"


@with_exporter()
async def test_a_binary_frame_of_samples_is_refused(exporter: Running) -> None:
    """The connection goes on."""
    async with exporter.client("/", ["clientsample"]) as client:
        await client.send(b"\x0a\x64")
        await client.send(clients.frames("healthy-monitor-cr.p1")[0])
        await exporter.until(lambda: exporter.accepted("observertc"))
        assert exporter.dropped("bad_frame") == 1
