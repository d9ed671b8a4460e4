"""
Private strings in every place where a client can put one, and a look at everything that comes out (R12).

Each place has a string of its own.  It must not be in any exposition, in OTLP, on the start page or a page of a session, in an answer, in a
close reason, in the log at its most talkative, or in the trace of a fault of ours.
"""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks import children
from rtc_exporter import logs
from rtc_exporter.pages.shell import segment
from tests.hostile.kit import Exporter, Ledger, exporter, main
from tests.receivers import OK, http_receiver
from tests.running import running

KEY = "canary-key-canary-key-canary-key-0123456789"
#: Where -> the string, made so that it passes for what stands there.
CANARIES = {
    "candidate address": "203.0.113.77", "candidate address v6": "2001:db8:77::7777",
    "candidate address v4 in v6": "::ffff:198.51.100.77", "mDNS name": "7f3e9b11-canary.local",
    "related address": "192.0.2.177", "SDP origin": "canaryorigin 4711", "SDP ice-ufrag": "CnRyUfrg",
    "SDP ice-pwd": "CanaryIcePwd0123456789ab", "SDP fingerprint": "CA:NA:27:AA:BB:CC", "SDP msid": "canarystream",
    "SDP cname": "canarycname77", "device label": "Canary Webcam (04f2:b604)", "device id": "canarydeviceid77",
    "device group": "canarygroupid77", "candidate error address": "10.77.77.77",
    "candidate error url": "turn:canary-turn.example", "candidate error text": "canary error text",
    "TURN user": "canaryturnuser", "TURN credential": "canaryturnsecret", "constraint": "canaryexactdevice",
    "exception text": "canary exception text", "track label": "canary track label", "channel label": "canary channel",
    "stats address": "203.0.113.99", "stats ufrag": "StUfCnry", "stats url": "stun:canary-stun.example",
    "stats related address": "203.0.113.98", "certificate": "Q0FOQVJZQ0VSVA", "page url": "canarypage",
    "query": "canaryquery", "cookie": "canarycookie", "referer": "canaryreferer.example", "forwarded": "203.0.113.97",
    "user agent": "canaryagent", "feedback text": "canary feedback words", "unknown event": "canaryevent",
    "unknown member": "canarymember", "not JSON": "canarynotjson", "post body": "canarypost", "participant": "canary@x.example",
    "bad token": "canarytoken", "subprotocol": "canaryprotocol", "dump line": "canarydumpline",
}  # fmt: skip


def c(name: str) -> str:
    """The string of a place."""
    return CANARIES[name]


def sdp() -> str:
    """A description with everything that is private in one."""
    return "\r\n".join((
        "v=0", f"o={c('SDP origin')} 2 IN IP4 {c('candidate address')}", "s=-", "t=0 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        f"c=IN IP4 {c('candidate address')}", f"a=ice-ufrag:{c('SDP ice-ufrag')}", f"a=ice-pwd:{c('SDP ice-pwd')}",
        f"a=fingerprint:sha-256 {c('SDP fingerprint')}", f"a=msid:{c('SDP msid')} {c('track label')}",
        f"a=ssrc:1 cname:{c('SDP cname')}", f"a=candidate:1 1 udp 1 {c('candidate address v6')} 9 typ host", "",
    ))  # fmt: skip


def frames() -> Iterator[object]:
    """What a client of rtcstats sends."""
    line = "candidate:1 1 udp 2122 {} 5000 typ srflx raddr {} rport 1 ufrag {}"
    yield [
        39,
        None,
        {"url": c("page url"), "userAgentData": {"brands": [{"brand": c("user agent"), "version": "1"}]}},
        1795171685556,
    ]
    yield [
        39,
        "PC_0",
        {
            "iceServers": [
                {"urls": [c("candidate error url")], "username": c("TURN user"), "credential": c("TURN credential")}
            ]
        },
        1,
    ]
    yield [60, None, {"audio": {"deviceId": {"exact": c("constraint")}}, "video": True}, 1]
    yield [61, None, [["audio", "t1", c("track label")], ["video", c("device label"), c("device id")]], 1]
    yield [65, None, f"NotAllowedError: {c('exception text')}", 1]
    yield [
        66,
        None,
        [{"kind": "audioinput", "label": c("device label"), "deviceId": c("device id"), "groupId": c("device group")}],
        1,
    ]
    for method in (3, 5, 6, 8):
        yield [method, "PC_0", {"type": "offer", "sdp": sdp()}, 1]
    for place in ("candidate address", "candidate address v6", "candidate address v4 in v6", "mDNS name"):
        candidate = line.format(c(place), c("related address"), c("SDP ice-ufrag"))
        yield [
            20,
            "PC_0",
            {
                "candidate": candidate,
                "sdpMid": "0",
                "usernameFragment": c("SDP ice-ufrag"),
                "url": c("candidate error url"),
            },
            1,
        ]
        yield [10, "PC_0", {"candidate": candidate}, 1]
    yield [
        21,
        "PC_0",
        {
            "address": c("candidate error address"),
            "port": 1,
            "url": c("candidate error url"),
            "errorCode": 701,
            "errorText": c("candidate error text"),
        },
        1,
    ]
    yield [35, "PC_0", c("channel label"), 1]
    yield [28, "PC_0", {"label": c("channel label")}, 1]
    yield [22, "PC_0", ["video", c("device id"), c("track label")], 1]
    yield [c("unknown event"), "PC_0", {c("unknown member"): c("unknown member")}, 1]
    yield [12, "PC_0", f"OperationError: {c('exception text')}", 1]
    yield ["feedback", None, {"rating": 1, "comment": c("feedback text"), "issue": c("feedback text")}, 1]
    yield [25, "PC_0", "connected", 1]
    stats: dict[str, dict[str, object]] = {
        "T": {"type": "transport", "selectedCandidatePairId": "P", "dtlsState": "connected", "iceLocalUsernameFragment": c("stats ufrag")},
        "P": {"type": "candidate-pair", "localCandidateId": "L", "remoteCandidateId": "R", "state": "succeeded", "nominated": True, "currentRoundTripTime": 0.1},
        "L": {"type": "local-candidate", "address": c("stats address"), "ip": c("stats address"), "candidateType": "relay", "url": c("stats url"), "relatedAddress": c("stats related address"), "usernameFragment": c("stats ufrag"), "networkType": c("unknown member")},
        "R": {"type": "remote-candidate", "address": c("stats address"), "candidateType": "host", "usernameFragment": c("stats ufrag")},
        "C": {"type": "certificate", "fingerprint": c("SDP fingerprint"), "base64Certificate": c("certificate"), "fingerprintAlgorithm": "sha-256"},
        "I": {"type": "inbound-rtp", "ssrc": 1, "kind": "video", "packetsReceived": 5, "trackIdentifier": c("device id"), c("unknown member"): 5, "decoderImplementation": c("unknown member")},
        "M": {"type": "media-source", "trackIdentifier": c("device id"), "kind": "audio", "label": c("device label")},
        "D": {"type": "data-channel", "label": c("channel label"), "state": "open"},
    }  # fmt: skip
    for time in (1795171687000, 1795171693000, 1795171699000):
        timed = {id: {**row, "timestamp": time} for id, row in stats.items()}
        yield ["getStats", "PC_0", timed, 1000]


def run(is_long: bool = False) -> Ledger:
    """One client, one post, one dump, one refusal of each kind."""
    ledger = Ledger(f"canary: {len(CANARIES)} private strings")
    with http_receiver([OK]) as receiver:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}", "OTEL_METRIC_EXPORT_INTERVAL": "500",
        }  # fmt: skip
        settings = (
            "--log.level", "debug", "--privacy.participant-id", "hash", "--privacy.hash-key", KEY,
            "--metrics.profile", "full", "--privacy.addresses", "truncate",
        )  # fmt: skip
        with exporter(*settings, environ=environ) as one:
            outputs = asyncio.run(_play(f"{one.ingest.host}:{one.ingest.port}"))
            for tier in ("", "?tier=participant", "?tier=cohort", "?tier=self"):
                for accept in ("text/plain", "application/openmetrics-text;version=1.0.0", _PROTOBUF):
                    body = children.scrape(one.admin, {"accept": accept}, f"/metrics{tier}").body
                    outputs[f"/metrics{tier} as {accept[:20]}"] = body
            for page in ("/", "/openapi.json", *_pages(one)):
                outputs[page] = children.scrape(one.admin, {}, page).body
            process = one
            text = outputs["/metrics as text/plain"]
            assert b"rtc_participant_info{" in text, "the client was counted"
            pinned = b'rtc_participant_id="p-' in text
        outputs["log"] = process.log_after.encode()
        for number, request in enumerate(receiver.requests):
            outputs[f"OTLP {number} {request.path}"] = (
                request.message.SerializeToString() + str(request.message).encode()
            )
    outputs["fault"] = _fault().encode()
    found = {
        f"{place} in {where}"
        for where, body in outputs.items()
        for place, text in CANARIES.items()
        if text.encode() in body or text.lower().encode() in body.lower()
    }
    traces = sum("traces" in where for where in outputs)
    ledger.account(
        "private strings", len(CANARIES), counted=len(CANARIES) - len({hit.partition(" in ")[0] for hit in found})
    )
    ledger.claim("none is in any output", not found, sorted(found)[:10])
    ledger.claim(
        "the outputs are there",
        traces > 0
        and any("/participants/" in where for where in outputs)
        and len(outputs["log"]) > 0
        and len(outputs["fault"]) > 0,
        f"{len(outputs)} outputs, {sum(map(len, outputs.values())):,} bytes",
    )
    ledger.claim("the participant is shown as a hash", pinned)
    return ledger


_PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def _pages(one: Exporter) -> Iterator[str]:
    """Every page of every session, and the same as JSON."""
    query = "?state=all&limit=1000"
    yield from (f"/sessions{query}", f"/api/v1/sessions{query}")
    for row in json.loads(children.scrape(one.admin, {}, f"/api/v1/sessions{query}").body)["sessions"]:
        name, people = segment(row["session"]), sorted(map(segment, row["participants"]))
        yield from (f"/sessions/{name}", f"/api/v1/sessions/{name}")
        for person in people:
            yield from (f"/sessions/{name}/{person}", f"/api/v1/sessions/{name}/participants/{person}")


async def _play(place: str) -> dict[str, bytes]:
    """Everything that a client can do; returns what it is told."""
    told: dict[str, bytes] = {}
    headers = {
        "Cookie": c("cookie"), "Referer": f"https://{c('referer')}/", "X-Forwarded-For": c("forwarded"),
        "Forwarded": f"for={c('forwarded')}",
    }  # fmt: skip
    agent = f"Mozilla/5.0 ({c('user agent')}) Chrome/141.0.0.0 {c('user agent')}"
    url = f"ws://{place}/v1/rtcstats/room/{c('participant')}/{c('page url')}?x={c('query')}&token="
    async with connect(
        url, subprotocols=[Subprotocol("rtcstats#5.0")], additional_headers=headers, user_agent_header=agent, compression=None,
    ) as client:  # fmt: skip
        for frame in frames():
            await client.send(json.dumps(frame))
        await client.send(f'["g","PC_0",{c("not JSON")}')
        await client.send(json.dumps({c("unknown member"): 1}))
        await (await client.ping())
        await asyncio.sleep(2.5)
    for name, path, protocol in (
        ("token", f"/?rtcstats-token={c('bad token')}", "rtcstats#5.0"), ("protocol", "/", c("subprotocol")),
    ):  # fmt: skip
        try:
            async with connect(f"ws://{place}{path}", subprotocols=[Subprotocol(protocol)], compression=None) as client:
                await asyncio.wait_for(client.recv(), 15)
        except (ConnectionClosed, TimeoutError) as exc:
            told[f"close of {name}"] = str(getattr(exc, "rcvd", "")).encode()
        except Exception as exc:
            told[f"handshake of {name}"] = type(exc).__name__.encode()
    async with httpx2.AsyncClient(timeout=20, trust_env=False) as http:
        for name, path, body in (
            ("report", "/v1/reports/room/bob", json.dumps({"stats": [{"id": "x", "type": "codec", "mimeType": c("post body")}], "time": 1})),
            ("bad report", "/v1/reports", "{" + c("post body")),
            ("nonsense", f"/v1/reports/room/{c('participant')}", json.dumps({c("post body"): c("post body")})),
            ("odd report", f"/v1/reports/room/{c('participant')}", json.dumps({c("post body"): c("post body")})),
            ("dump", "/v1/dumps/room/eve", "RTCStatsDump\n{}\n" + json.dumps([6, "PC_0", {"sdp": sdp()}, 1795171685556]) + "\n" + c("dump line")),
            ("no dump", "/v1/dumps", c("dump line")),
        ):  # fmt: skip
            answer = await http.post(
                f"http://{place}{path}",
                content=body,
                headers={**headers, "content-type": "application/json", "authorization": f"Bearer {c('bad token')}"}
                if name != "dump"
                else headers,
            )
            told[f"answer to {name}"] = answer.content + str(dict(answer.headers)).encode()
    return told


def _fault() -> str:
    """What is logged of a fault of ours that a client's frame sets off."""
    stream = io.StringIO()
    root, logger = logging.getLogger(), logging.getLogger("rtc_exporter")
    before, level = list(root.handlers), logger.level
    logs.setup("debug", "json", stream)

    async def provoke() -> None:
        async with running() as one, one.client("/v1/rtcstats/room/ann") as client:
            one.server.intake.tallies.clear()
            for frame in frames():
                await client.send(json.dumps(frame))
            await client.wait_closed()

    try:
        asyncio.run(provoke())
    finally:
        root.handlers[:] = before
        logger.setLevel(level)
    return stream.getvalue()


if __name__ == "__main__":
    main(run)
