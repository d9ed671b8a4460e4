"""
Numbers and texts that no browser sends (R9).

Forty numbers in every member that is a number, a hundred texts in every member that is a word, one at a time and
between
two reports that are well; and in session, participant, application and events.  Whatever is scraped then is read by two
parsers, has no NaN and no infinity, and a session that was well beside them is counted as if it had been alone.
"""

import json
import math
import re
import time
from collections.abc import Iterator

import httpx2
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from benchmarks import children
from rtc_exporter.w3c import STATS
from tests.hostile.kit import Exporter, Ledger, accepted, drops, exporter, main, total

#: As JSON has them, or would have them.
NUMBERS = (
    "0", "-0", "0.0", "1", "-1", "0.5", "-0.5", "1e-300", "5e-324", "1e5", "1e9", "1e10", "1e12", "1e15", "1e18",
    "1e100",
    "1e300", "1.7976931348623157e308", "1e309", "-1e309", "NaN", "Infinity", "-Infinity", "nan", "2147483647",
    "2147483648",
    "4294967296", "-4294967296", "9007199254740991", "9007199254740992", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1" + "0" * 400, "true", "null", '"1"',
    "[1]",
    "{}",
)  # fmt: skip
MARKUP = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'\"`\\{}&;", "javascript:alert(1)", "{{7*7}}")
TEXTS = (
    "", " ", "x", "x" * 64, "x" * 65, "x" * 255, "x" * 256, "x" * 10_000, "\0", "a\nb", "a\rb", "a\tb", "a\x1b[31mb",
    "\x7f",
    "\u0085", "\u00a0", "\u200b", "\u202eabc", "\u2066abc\u2069", "\ufeff", "\ufffd", "\uffff", "\U0010ffff", "é",
    "e\u0301",
    "日本", "🎉", "ß", "İ", "\\", "\\\\", '"', "'", "{", "}", "{}", "a=b", 'a="b"', "a,b", "#", "# EOF",
    "# TYPE x counter",
    "le", "+Inf", "NaN", "-1", "1e309", "true", "null", "None", "undefined", "[object Object]", "../../etc/passwd",
    "..\\..\\boot.ini", "/etc/passwd", "file:///etc/passwd", "http://169.254.169.254/", "$(id)", "`id`", "${jndi:ldap://x}",
    "%n%n%n%n", "%s", "%00", "%0a", "a%0ab", "'; DROP TABLE x; --", "1 OR 1=1", "__overflow__", "otel_metric_overflow",
    "__name__", "session_id", "other", "_OTHER", "audio", "AUDIO", "Audio ", "video\n", "audio/opus\0", "audio/" * 50,
    "video/" + "9" * 60, "a" * 127, "a" * 128, "a" * 129, "-", ".", "..", "a.b", "a b", "a  b", " a", "a ", "\u3000",
    "ａ",
    *MARKUP,
)  # fmt: skip
#: A surrogate alone is no JSON to orjson, and has to be written by hand.
LONE = r"\ud800"
BODY = 400


def documents() -> Iterator[str]:
    """One JSON document each: well, poisoned, well again."""
    at = 1_795_171_686_000
    for kind, row in STATS.items():
        for member in row.numbers:
            for value in NUMBERS:
                at += 3000
                yield from between(kind, member, value, at)
        for member in (*row.words, *row.identity):
            for value in (*map(json.dumps, TEXTS), f'"{LONE}"'):
                at += 3000
                yield from between(kind, member, value, at)


def between(kind: str, member: str, value: str, at: int) -> Iterator[str]:
    """A report with one bad member, between two good ones; records have their keys inside."""
    record, _, key = member.partition(".")
    bad = f'"{record}":{{"{key}":{value}}}' if key else f'"{member}":{value}'
    good = {
        "id": "x",
        "type": kind,
        "kind": "audio",
        "ssrc": 1,
        "packetsReceived": at // 1000,
        "packetsSent": at // 1000,
    }
    for offset, extra in ((0, ""), (1000, f",{bad}"), (2000, "")):
        stats = json.dumps({**good, "timestamp": at + offset})[:-1] + extra + "}"
        who = f'"session":"poison","participant":"{kind}"'
        yield f'{{{who},"time":{at + offset},"stats":[{stats}]}}'


def names() -> Iterator[str]:
    """Documents whose names are bad, without reports."""
    for value in (*map(json.dumps, TEXTS), f'"{LONE}"'):
        for place in ('"session":{}', '"participant":{}', '"user_agent":{}', '"app":{{"name":{}}}',
        '"app":{{"version":{}}}',
                      '"traceparent":{}', '"events":[{{"name":{}}}]', '"events":[{{"name":"feedback","issue":{}}}]',
                      '"events":[{{"name":"getUserMedia.failure","error":{}}}]'):  # fmt: skip
            yield f'{{"events":[],{place.format(value)}}}'


HONEST = [
    {"session": "well", "participant": "ann", "time": 1_795_171_686_000 + n * 1000, "stats": [
        {"id": "a", "type": "inbound-rtp", "kind": "video", "ssrc": 7, "timestamp": 1_795_171_686_000 + n * 1000,
        "packetsReceived": 100 + 10 * n}
    ]}
    for n in range(200)
]  # fmt: skip


def run(is_long: bool = False) -> Ledger:
    """All of them; in the long run as one profile and then the other."""
    ledger = Ledger("poison: numbers and texts that no browser sends")
    for profile in ("full", "core") if is_long else ("full",):
        settings = ("--metrics.profile", profile, "--participants.limit", "50", "--metrics.fold-interval", "0")
        with exporter(*settings, "--limits.peer-connections", "64") as running:
            play(ledger, running)
    return ledger


def play(ledger: Ledger, running: Exporter) -> None:
    """Send everything, scrape, and read."""
    reports, others = list(documents()), list(names())
    answered = rejected = 0
    url = f"http://{running.ingest.host}:{running.ingest.port}/v1/reports"
    honest = [json.dumps(document) for document in HONEST]
    with httpx2.Client(timeout=60, trust_env=False) as client:
        for begin in range(0, len(reports), BODY):
            body = reports[begin : begin + BODY]
            answer = post(client, url, [*body, *honest[:2]])
            honest = honest[2:]
            answered, rejected = answered + answer[0], rejected + answer[1]
        answer = post(client, url, [*others, *honest])
    metrics = running.metrics()
    reasons = drops(metrics)
    values = reasons.pop("rejected_value", 0)
    sent = len(reports) + len(HONEST)
    refused = sum(reasons.get(name, 0) for name in ("bad_json", "bad_stats", "bad_frame", "bad_time"))
    taken = accepted(metrics, "json")
    repeated = reasons.get("duplicate", 0) + reasons.get("out_of_order", 0)
    # Names that were refused had no report in them.
    unnamed = refused + reasons.get("bad_identity", 0) - rejected
    ledger.account("reports", sent, counted=taken, repeated=repeated, refused=rejected)
    ledger.account("documents of bad names", len(others), counted=len(others) - unnamed, refused=unnamed)
    ledger.claim("single values were dropped and counted", values > 0, values)
    ledger.claim(
        "no fault of ours",
        metrics["rtc_exporter_errors_internal_total"] == 0,
        metrics["rtc_exporter_errors_internal_total"],
    )
    bad = [name for name, value in metrics.items() if not math.isfinite(value) and 'le="' not in name]
    ledger.claim("no series is NaN or infinite", not bad, bad[:3])
    packets = total(metrics, "rtc_inbound_packets_total", 'rtc_media_kind="video"')
    ledger.claim("a session beside them is counted exactly", packets == 10 * (len(HONEST) - 1), packets)
    both(ledger, running)


def post(client: httpx2.Client, url: str, lines: list[str]) -> tuple[int, int]:
    """Send documents, one a line; how many were taken and refused."""
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    answer = client.post(url, content=content, headers={"content-type": "application/x-ndjson"})
    if answer.status_code != 202:
        raise SystemExit(f"{answer.status_code} {answer.text[:200]}")
    told = answer.json()
    return told["accepted"], len(told["rejected"])


def both(ledger: Ledger, running: Exporter) -> None:
    """Two formats, a parser each, the same families; and nothing that a page could take for markup."""
    text = children.scrape(running.admin, children.TEXT).body.decode()
    other = children.scrape(running.admin, children.OPENMETRICS).body.decode()
    found = [family.name for family in text_format(text)]
    strict = [family.name for family in openmetrics(other)]  # type: ignore[no-untyped-call]
    ledger.claim(
        "two parsers read the scrape", len(found) > 50 and len(strict) > 50, f"{len(found)} and {len(strict)} families"
    )
    labels = re.findall(
        r'="((?:[^"\\]|\\.)*)"', "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    )
    marked = sorted({value for value in labels if re.search(r"[<>'&`]", value)})
    ledger.claim("no label has markup", not marked, marked[:3])
    began = time.monotonic()
    children.scrape(running.admin, children.TEXT)
    ledger.measure("a scrape", time.monotonic() - began, 1.0, "s")


if __name__ == "__main__":
    main(run)
