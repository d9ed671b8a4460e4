"""
A client that makes a million texts up (R10).

Everywhere where a text may be: sessions, participants, applications, versions, codecs, devices, candidates, events,
errors.  The exporter holds no more series than its caps allow, says how many values it folded, answers a scrape as fast
as ever, and has taken no memory for the rest.
"""

import json
import time
from collections.abc import Iterator

import httpx2

from benchmarks import children
from tests.hostile.kit import Exporter, Ledger, accepted, drops, exporter, main, total

BODY = 400
#: Series that one process may have, and what a scrape and memory may cost; bytes.
SERIES, SCRAPE, MEMORY = 50_000, 1.0, 20 << 20
#: Members that are texts, by type.
WORDS = {
    "inbound-rtp": ("kind", "decoderImplementation", "mid", "trackIdentifier", "playoutId", "codecId", "transportId"),
    "outbound-rtp": ("kind", "encoderImplementation", "rid", "mid", "qualityLimitationReason", "scalabilityMode"),
    "codec": ("mimeType", "transportId"),
    "local-candidate": ("candidateType", "networkType", "protocol", "relayProtocol"),
    "remote-candidate": ("candidateType", "protocol"),
    "transport": ("iceState", "dtlsState", "tlsVersion", "dtlsCipher", "srtpCipher", "iceRole", "dtlsRole"),
    "data-channel": ("state", "protocol"),
    "media-source": ("kind", "trackIdentifier"),
    "compute-pressure": ("source", "state"),
}
EVENTS = ("name", "issue", "error", "state", "candidate_type", "kind")


class Texts:
    """Texts that are all different, and how many there were."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        return f"made-up-{self.made}"


def documents(text: Texts, number: int) -> Iterator[str]:
    """So many documents; each is of somebody new, who leaves with it."""
    for n in range(number):
        at = 1_795_171_686_000 + n * 1000
        stats = [
            {"id": text(), "type": kind, "timestamp": at, "ssrc": n, **{word: text() for word in words}}
            for kind, words in WORDS.items()
        ]
        events = [{"name": "mute", "time": at, "peer_connection": "PC", name: text()} for name in EVENTS]
        yield json.dumps(
            {
                "session": text(), "participant": text(), "app": {"name": text(), "version": text()},
                "user_agent": text(),
                "time": at, "peer_connection": text(), "stats": stats, "events": events, "left": True,
            }
        )  # fmt: skip


def run(is_long: bool = False) -> Ledger:
    """A quarter of a million texts; in the long run a million and more."""
    ledger = Ledger("cardinality: texts that are made up")
    number = 20_000 if is_long else 5000
    text = Texts()
    with exporter("--metrics.profile", "full", "--metrics.fold-interval", "0") as running:
        send(running, documents(text, number - number // 2))
        before = children.scrape(running.admin, children.TEXT)
        resident = running.child.resident
        rejected = send(running, documents(text, number // 2))
        running.child.rest()
        seconds = children.scrape(running.admin, children.TEXT).seconds
        metrics = running.metrics()
        grown = running.child.resident - resident
    reasons = drops(metrics)
    reasons.pop("rejected_value", None)
    ledger.account("reports", number, counted=accepted(metrics, "json"), **reasons)
    ledger.claim(
        "texts", text.made > (1_000_000 if is_long else 250_000), f"{text.made:,}; {rejected} documents refused"
    )
    held = total(metrics, "rtc_exporter_series")
    ledger.claim(f"at most {SERIES} series", held <= SERIES, f"{held:.0f}")
    for attribute, places in (("rtc.app.name", 20), ("rtc.app.version", 8)):
        folded = total(metrics, "rtc_exporter_label_values_limited_total", f'"{attribute}"')
        ledger.account(f"values of {attribute}", number, counted=places, folded=int(folded))
    ledger.claim(
        "joins add up",
        total(metrics, "rtc_participant_joins_total") == number,
        total(metrics, "rtc_participant_joins_total"),
    )
    ledger.claim(
        "a made-up text is nowhere but in places that are capped", *_stray(running_text := before.body.decode())
    )
    assert running_text
    ledger.measure("a scrape", seconds, SCRAPE, "s")
    ledger.claim("memory has not grown", grown <= MEMORY, f"{grown / 2**20:.1f} MiB for {text.made // 2:,} texts")
    ledger.claim("no fault of ours", metrics["rtc_exporter_errors_internal_total"] == 0)
    return ledger


def _stray(text: str) -> tuple[bool, str]:
    """Labels with a text of ours, other than application, version and the ids of a participant's own series."""
    found = set()
    for line in text.splitlines():
        if "made-up-" in line and not line.startswith("#"):
            for pair in line[line.find("{") + 1 : line.rfind("}")].split(","):
                if "made-up-" in pair:
                    found.add(pair.partition("=")[0])
    allowed = {"rtc_app_name", "rtc_app_version", "session_id", "rtc_participant_id"}
    return found <= allowed, ", ".join(sorted(found))


def send(running: Exporter, lines: Iterator[str]) -> int:
    """Post documents; returns how many were refused."""
    url = f"http://{running.ingest.host}:{running.ingest.port}/v1/reports"
    rejected = 0
    with httpx2.Client(timeout=600, trust_env=False) as client:
        several = list(lines)
        for begin in range(0, len(several), BODY):
            content = "\n".join(several[begin : begin + BODY])
            answer = client.post(url, content=content, headers={"content-type": "application/x-ndjson"})
            if answer.status_code != 202:
                raise SystemExit(f"{answer.status_code} {answer.text[:200]}")
            rejected += len(answer.json()["rejected"])
    time.sleep(1.5)  # what was limited is shown once a second
    return rejected


if __name__ == "__main__":
    main(run)
