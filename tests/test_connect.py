"""The page that says how to connect: every format is there, and what it says of the exporter is so."""

import itertools
import json
import re
import shlex
from pathlib import Path

import httpx2
import pytest

from rtc_exporter import wire
from rtc_exporter.errors import Reason
from rtc_exporter.model import Event, ParticipantKey
from rtc_exporter.wire.plain import Decoder
from tests.captures import DATA
from tests.running import Running, closed, with_exporter
from tests.test_facts import Scrape

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "connect.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))

#: Format -> the section that tells how to connect it.
WHERE = {
    "rtcstats": "rtcstats-js", "rtc-exporter": "rtc-exporter-client",
    "rtcstats-legacy": "rtcstats up to 5.x", "jitsi": "Jitsi", "jitsi-service": "Jitsi",
    "observertc": "ObserveRTC client-monitor-js", "peermetrics": "peermetrics",
    "pushgateway": "webrtc-internals-exporter",
    "json": "Native apps, agents and servers", "dump": "Finished calls", "internals": "Finished calls",
}  # fmt: skip


@pytest.mark.parametrize("name", [form.name for form in wire.FORMATS])
def test_every_format_has_its_section(name: str) -> None:
    """With something to paste, what to expect, and what to look at."""
    section = SECTIONS[WHERE[name]]

    assert "```" in section
    assert "\nExpect: " in section
    assert "\nNothing arrives: " in section


@pytest.mark.parametrize("section", sorted({*WHERE.values()} - {"webrtc-internals-exporter"}))
def test_three_lines_are_enough(section: str) -> None:
    """What is to be pasted is short."""
    block = re.findall(r"```(?:js|sh)\n(.*?)```", SECTIONS[section], re.DOTALL)[0]

    assert len([line for line in block.splitlines() if not line.startswith("//")]) <= 3


def test_the_glue_is_as_short_as_it_is_said_to_be() -> None:
    """And what it sends is an event."""
    glue, example = re.findall(r"```(?:js|json)\n(.*?)```", SECTIONS["webrtc-issue-detector"], re.DOTALL)
    (event,) = Decoder(ParticipantKey("s", "p")).receive(example, 0.0)

    assert len(glue.splitlines()) <= 12
    assert isinstance(event, Event)
    assert (event.name, event.facts) == ("issue", {"issue": "outbound-network-throughput", "flag": True})
    assert {"seq", "time", "events"} == set(json.loads(example))


@with_exporter()
async def test_what_the_glue_sends_is_counted(exporter: Running) -> None:
    """By what is known of the library; once, when it begins."""
    words = ["outbound-network-throughput", "outbound-network-throughput", "the-cat"]
    events = [{"name": "issue", "issue": word, "flag": True} for word in words]
    events.append({"name": "issue", "issue": words[0], "flag": False})
    answer = await exporter.http.post(exporter.ingest("/v1/reports/standup/ada"), json={"events": events})
    assert answer.status_code == 202

    scrape = Scrape((await exporter.http.get(exporter.admin())).text)

    assert scrape.by("rtc_client_issues_total", "rtc_client_issue") == {"outbound-network-throughput": 2, "other": 1}
    assert scrape.total("rtc_exporter_events_unknown_total") == 0


#: Where a line for a shell posts something.
POSTS = [
    (page, line)
    for page in ("README.md", "docs/connect.md")
    for line in re.findall(r"^curl .*?[^\\]$", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize(("page", "line"), POSTS)
def test_what_curl_sends_is_taken(page: str, line: str) -> None:
    """With the media type that it gives by itself: of a form, or of JSON where it is told that this is JSON."""
    words = shlex.split(line.replace("\\\n", " ").replace("$TOKEN", "TOKEN"))
    option, file = next(pair for pair in itertools.pairwise(words) if pair[0] in ("--json", "--data-binary"))
    media = "application/json" if option == "--json" else "application/x-www-form-urlencoded"
    dump = (DATA / "healthy-cr.p1.rtcstats-dump.gz").read_bytes()
    body = dump if file.endswith(".gz") else json.dumps({"stats": [{"id": "a", "type": "transport"}]}).encode()

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        (address,) = [word for word in words if word.startswith("http")]
        path = re.sub("https?://[^/]+", "", address)
        answer = await exporter.http.post(exporter.ingest(path), content=body, headers={"content-type": media})
        assert answer.status_code in (200, 202), f"{page} says: {line}; the answer is: {answer.text}"

    scenario()


def test_there_are_lines_for_reports_and_for_dumps() -> None:
    """Else nothing was tried above."""
    assert {"/v1/reports", "/v1/dumps"} <= {path for _, line in POSTS for path in re.findall(r"/v1/\w+", line)}


def test_reasons_that_are_named_exist() -> None:
    """In the table of what the start page shows."""
    named = re.findall(r"refused, `(\w+)`", SECTIONS["When nothing arrives"])

    assert named == ["bad_origin", "bad_token", "unknown_format"]
    assert set(named) <= {reason.value for reason in Reason}


def row(page: str, name: str) -> list[str]:
    """The cells of a format on the start page."""
    cells = page.split(f"<tr><td>{name}</td>")[1].split("</tr>")[0]
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells)]


async def page_of(exporter: Running) -> str:
    """The start page."""
    return (await exporter.http.get(exporter.admin("/"))).text


@with_exporter(ingest__token_secret="a secret of the tests, long enough")
async def test_the_start_page_answers_why_nothing_arrives(exporter: Running) -> None:
    """Each format has its connections and its last error, in our words and with nothing that the client sent."""
    for subprotocol in ("rtcstats#5.0", "2.0", "3.1_STANDARD"):
        async with exporter.client("/room-of-ada?rtcstats-token=secret-token", [subprotocol]) as client:
            assert (await closed(client))[0] == 1008
    async with exporter.client("/", ["something"]) as client:
        assert (await closed(client))[0] in (1003, 1008)
    answer: httpx2.Response = await exporter.http.post(exporter.ingest("/v1/observertc"), content=b"{}")
    assert answer.status_code == 401

    page = await page_of(exporter)

    for name in ("rtcstats-js", "rtcstats up to 5.x", "Jitsi", "ObserveRTC"):
        *_, refused, last = row(page, name)
        assert refused == "1"
        assert last.startswith("bad_token: ")
    assert "ada" not in page
    assert "secret" not in page


@with_exporter()
async def test_the_start_page_counts_who_is_there(exporter: Running) -> None:
    """Open now, and opened ever; what other clients are pointed at stands below."""
    async with exporter.client("/", ["3.1_STANDARD"]) as client:
        await client.recv()
        page = await page_of(exporter)
        assert row(page, "Jitsi")[:2] == ["1", "1"]
        assert row(page, "Jitsi")[-1] == "none"
        for form in wire.FORMATS:
            assert f"{exporter.server.ingest_address}{form.address}</code>" in page
