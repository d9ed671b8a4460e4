"""Finished calls, explained by ``rtc-exporter explain``, against what was done to them."""

import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rtc_exporter import rules
from rtc_exporter.cli import main
from rtc_exporter.episodes import Episode
from rtc_exporter.explain import findings, page, text, words
from rtc_exporter.explain.findings import judge, stories
from rtc_exporter.quality import CLASSES
from rtc_exporter.recorder import Found
from rtc_exporter.scores import Scoring
from tests import accuracy
from tests.accuracy import CASES, explained
from tests.captures import DATA

GOOD = [case for case in CASES if case.startswith(("healthy", "relay", "mesh", "simulcast", "reload"))]
#: Columns that a terminal, a mail and a ticket have.
WIDTH = 100


def paths(*patterns: str) -> list[str]:
    """Files in the data folder."""
    found = sorted(str(path) for pattern in patterns for path in DATA.glob(pattern))
    assert found, f"{patterns} match nothing"
    return found


def run(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int = 0) -> tuple[str, str]:
    """What the command prints, and what it says beside it."""
    assert main(["explain", *arguments]) == status
    out, err = capsys.readouterr()
    return out, err


# ── what is found


@pytest.mark.parametrize("case", CASES)
def test_what_was_done_to_a_call_is_found_in_time(case: str) -> None:
    """Every issue that an action causes for certain, at its participant, of its side, within ten seconds."""
    missed = [demand for demand in accuracy.demands(case) if not accuracy.found(case, demand)]

    assert [demand for demand in missed if demand.issue in rules.ISSUES] == []


@pytest.mark.parametrize("case", CASES)
def test_nothing_else_is_found(case: str) -> None:
    """No issue to act on that nobody caused, or of a side that nobody touched."""
    assert accuracy.wrong(case) == []


@pytest.mark.parametrize("case", GOOD)
def test_good_calls_have_nothing_to_act_on(case: str) -> None:
    """Whatever else is noticed is information."""
    assert accuracy.marks(case) == []


def test_the_measure_of_accuracy_sees_errors() -> None:
    """Something of another side, or before anything was done, is wrong; what is missing is missed."""
    begin = accuracy.facts("degraded-cr")["started_at"]
    allowed = accuracy.stretches("degraded-cr")

    assert [(side, round(start - begin), round(end - begin)) for side, start, end in allowed] == [
        ("network", 11, 31), ("network", 31, 34), ("network", 34, 56),
    ]  # fmt: skip
    never = accuracy.Demand("p1", "cpu_limited", "device", begin, begin + 60)
    early = accuracy.Demand("p1", "loss", "network", begin, begin + 5)
    assert not accuracy.found("degraded-cr", never)
    assert not accuracy.found("degraded-cr", early)


def test_accuracy_is_printed_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Case by case, then precision and recall over all of them."""
    accuracy.main()
    lines = capsys.readouterr().out.splitlines()

    assert {line.split()[0] for line in lines if not line.startswith((" ", "precision"))} == set(CASES)
    assert re.fullmatch(r"precision \d\.\d{3} \(\d+ of \d+\), recall \d\.\d{3} \(\d+ of \d+\)", lines[-1])


# ── class and score


@pytest.mark.parametrize(
    ("case", "classes"),
    [
        ("healthy-cr", {"p1": "good", "p2": "good"}),
        ("degraded-cr", {"p1": "bad", "p2": "bad"}),
        ("degraded-ff", {"p1": "bad", "p2": "bad"}),
        ("audioonly-cr", {"p1": "poor", "p2": "poor"}),
        ("icefail-cr", {"p1": "bad", "p2": "bad"}),
        ("icefail-ff", {"p1": "bad", "p2": "bad"}),
        ("turndenied-cr", {"p1": "bad", "p2": "bad"}),
        ("gumnotfound-cr", {"p1": "unclassified"}),
    ],
)
def test_the_class_of_a_stay(case: str, classes: dict[str, str]) -> None:
    """As anybody would say who was there."""
    assert {row["participant"]: row["class"] for row in explained(case)["participants"]} == classes


@pytest.mark.parametrize(
    ("grades", "want"),
    [
        ({}, ("unclassified", None)),
        ({("good", 4.2): 9.0}, ("unclassified", None)),
        ({("good", 4.2): 10.0}, ("good", 4.2)),
        ({("unclassified", None): 3600.0}, ("unclassified", None)),
        # A fold is no call; two of them are a tenth of a short one, and nothing in an hour.
        ({("good", 4.2): 55.0, ("bad", 1.5): 5.0}, ("good", 4.2)),
        ({("good", 4.2): 50.0, ("bad", 1.5): 10.0}, ("bad", 1.5)),
        ({("good", 4.2): 3590.0, ("bad", 1.5): 10.0}, ("good", 4.2)),
        ({("good", 4.2): 3240.0, ("bad", 1.5): 360.0}, ("bad", 1.5)),
        # What is worse counts with what is bad.
        ({("good", 4.2): 50.0, ("fair", 3.6): 5.0, ("bad", 1.5): 5.0}, ("fair", 3.6)),
        ({("good", 4.2): 30.0, ("bad", 1.5): 45.0}, ("bad", 1.5)),
        # A connection that is gone has no score, and a class: the score is not better than it.
        ({("good", 4.2): 50.0, ("bad", None): 10.0}, ("bad", 2.9)),
        ({("bad", None): 30.0}, ("bad", None)),
        # Time that could not be judged makes nothing better.
        ({("unclassified", None): 500.0, ("bad", 1.5): 10.0}, ("bad", 1.5)),
    ],
)
def test_class_and_score_are_those_of_the_worst_tenth(
    grades: dict[tuple[str, float | None], float], want: tuple[str, float | None]
) -> None:
    """And of ten seconds at least."""
    assert judge(grades, Scoring()) == want


# ── JSON


@pytest.mark.parametrize("case", CASES)
def test_the_document(case: str) -> None:
    """Its shape is what programs rely on; times are those of the call; nothing is private or of no number."""
    told = accuracy.facts(case)
    document = explained(case)
    plain = json.loads(json.dumps(document, allow_nan=False))

    assert plain["participants"]
    for row in plain["participants"]:
        assert row["session"] == told["room"]
        assert row["participant"] in told["participants"]
        assert row["class"] in CLASSES
        assert row["score"] is None or 1 <= row["score"] <= 5
        assert told["started_at"] - 1 <= row["start"] <= row["start"] + row["duration"] <= told["ended_at"] + 5
        for issue in row["issues"]:
            assert issue.keys() == {"issue", "side", "severity", "begin", "end", "evidence"}
            assert issue["issue"] in rules.ISSUES
            assert issue["side"] in rules.SIDES
            assert issue["severity"] in rules.SEVERITIES
            assert told["started_at"] <= issue["begin"] <= issue["end"] <= told["ended_at"] + 5
            assert isinstance(issue["evidence"], dict)
        begins = [issue["begin"] for issue in row["issues"]]
        assert begins == sorted(begins)
        for one, other in zip(row["timeline"], row["timeline"][1:], strict=False):
            assert one["begin"] < one["end"] <= other["begin"] + 0.001
        assert set(row["cannot_judge"]) <= rules.ISSUES.keys()
    for secret in ("10.77.", "candidate:", "a=fingerprint", "v=0", ".local"):
        assert secret not in json.dumps(document)


def test_evidence() -> None:
    """What was measured, of which stream, over which path, and what was seen beside it."""
    row = explained("degraded-cr")["participants"][0]
    (loss,) = [one["evidence"] for one in row["issues"] if one["evidence"]["rule"] == "loss.inbound.audio"]

    assert {name: loss[name] for name in ("unit", "threshold", "kind", "direction", "codec", "mid", "path")} == {
        "unit": "1", "threshold": 0.04, "kind": "audio", "direction": "inbound", "codec": "opus", "mid": "0",
        "path": "host/udp",
    }  # fmt: skip
    assert 0.1 < loss["worst"] < 0.2
    assert row["start"] + 10 < loss["worst_at"] < row["start"] + 60
    assert loss["beside"]["rtc.packet_loss.ratio"] == loss["worst"]
    assert 0.4 < loss["beside"]["rtc.round_trip_time"] < 0.5


def test_the_timeline_is_that_of_the_call() -> None:
    """Bad from the first seconds of the degradation to the last, and good before."""
    row = explained("degraded-cr")["participants"][0]
    started = accuracy.facts("degraded-cr")["started_at"]
    (bad,) = [one for one in row["timeline"] if one["class"] == "bad"]

    assert row["timeline"][0]["class"] == "good"
    assert bad["begin"] - started == pytest.approx(10.6, abs=6)
    # What RTCP says of the last interval comes with the next.
    assert bad["end"] - started == pytest.approx(55.6, abs=10)
    assert 1 <= bad["score"] < 3
    assert row["timeline"][-1]["class"] == "good"


@pytest.mark.parametrize("case", ["degraded-cr", "degraded-ff", "audioonly-cr", "healthy-cr"])
def test_dumps_say_the_same_as_recordings(case: str) -> None:
    """A file that rtcstats-server wrote is of the same call, and so is the verdict."""
    one, other = explained(case), explained(case, "rtcstats-dump*.gz")
    kinds = [
        {
            (issue["issue"], issue["side"])
            for row in document["participants"]
            for issue in row["issues"]
            if issue["severity"] != "info"
        }
        for document in (one, other)
    ]

    assert kinds[0] == kinds[1]
    assert [row["class"] for row in one["participants"]] == [row["class"] for row in other["participants"]]
    for before, after in zip(one["participants"], other["participants"], strict=True):
        losses = [next((i["begin"] for i in row["issues"] if i["issue"] == "loss"), 0.0) for row in (before, after)]
        assert losses[0] == pytest.approx(losses[1], abs=6)


def test_what_chrome_saves_is_explained() -> None:
    """A file of webrtc-internals."""
    rows = explained("healthy-cr", "webrtc-internals.json.gz")["participants"]

    assert [row["class"] for row in rows] == ["good", "good"]
    assert [issue for row in rows for issue in row["issues"] if issue["severity"] != "info"] == []


# ── words

DEGRADED = """\
session lab-degraded-0705d0, participant p1: 2026-11-20 10:47:21 to 10:48:36 UTC (1 min 16 s)

p1: BAD, score 1.5. Trouble with the network for 50 s from 10:47:31: packets were lost on the way
  here.
  Chrome 156 Linux, wired, here from 10:47:21 to 10:48:36
  PC_0 connected over host/udp
  ▁▁▁▁▁▁▁▁████████████████████████████████████████▃▃▃▃▁▁▁▁▁▁▁▁
  good 20 s, fair 5 s, bad 50 s

  10:47:31 to 10:48:21  network, critical
    Packets were lost on the way here (audio up to 12 %, video up to 46 %), the round trip was long
    (up to 446 ms), packets were lost on the way to the other side (audio up to 13 %, video up to
    65 %), the uplink was full (10:47:46 to 10:48:21) and nothing at all arrived (for 3.4 s,
    10:47:51 to 10:47:55); so video stood still (up to 94 % of the time, 10:47:31 to 10:48:01),
    sound was made up for what did not come (up to 12 %) and the network held the encoder back (up
    to 100 % of the time, 10:47:46 to 10:48:21). It was worst at 10:47:56.
    > Look at the access network: Wi-Fi signal, a full uplink, VPN or mobile; compare others on the
      same network.

  Also: the round trip changed all at once (network, 10:47:36 and 1 more), a smaller picture was
    sent (network, 10:47:36), much was sent again (network, 10:47:46).
  Not enough was reported to judge: top layer lost, corruption.
"""


def test_the_text_of_a_bad_call(capsys: pytest.CaptureFixture[str]) -> None:
    """One cause with many symptoms is one paragraph: what happened, when, whose it was, and what to do."""
    out, err = run(paths("degraded-cr.p1.frames.jsonl.gz"), capsys)

    assert out == DEGRADED
    assert err == ""


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("icefail-cr", "p1: BAD. Never connected: ICE found no path."),
        ("gumnotfound-cr", "p1: UNCLASSIFIED. No call was made."),
        ("gumnotfound-cr", "Failed: getUserMedia NotFoundError."),
        ("gumdenied-cr", "Failed: getUserMedia NotAllowedError."),
        ("turndenied-cr", "Failed: icecandidateerror 401."),
        ("gumdenied-cr", "A microphone could not be had: the user or a policy denied it"),
        (
            "turndenied-cr",
            "The TURN server refused the credentials (at 11:23:24); so the connection neither",
        ),
        ("healthy-cr", "p1: GOOD, score 4.2. Nothing that anybody would notice."),
        ("relay-cr", "PC_0 connected over relay/udp"),
    ],
)
def test_the_text_says_what_was(case: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence for each."""
    out, _ = run(paths(f"{case}.p*.frames.jsonl.gz"), capsys)

    assert sentence in re.sub(r"\s+", " ", out)


@pytest.mark.parametrize("case", CASES)
def test_the_text_fits(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Into the columns of a terminal, without anything that it would obey."""
    out, _ = run(paths(f"{case}.p*.frames*.jsonl.gz"), capsys)

    assert max(map(len, out.splitlines())) <= WIDTH
    assert all(line.isprintable() for line in out.splitlines())
    assert not re.search(r"\b(None|nan|inf)\b|[{}]", out)


def found(rule: str, begin: float, end: float, **more: Any) -> Found:
    """An episode that was found."""
    row = rules.BY_ID[rule]
    told = {"severity": row.severity, "worst": row.on * 2, "worst_time": begin, "end": end, **more}
    return Found(Episode(row, begin, end, **told), begin, end, begin, "PC_0", "host/udp")


def test_issues_of_one_side_are_one_story() -> None:
    """Where they overlap or nearly do; what is of another side, or long after, is another, and information is none."""
    several = [
        found("loss.inbound.audio", 100, 140, severity="warning"),
        found("freeze.inbound.video", 110, 120, severity="critical", side="network"),
        found("cpu_limited.outbound.video", 110, 120),
        found("latency.rtcp", 144, 150),
        found("jitter.inbound.audio", 200, 210),
        found("latency_step", 100, 210, severity="info"),
    ]
    told = [(story.side, story.severity, story.begin, story.end, len(story.found)) for story in stories(several)]

    assert told == [
        ("network", "critical", 100, 150, 3), ("device", "warning", 110, 120, 1), ("network", "warning", 200, 210, 1),
    ]  # fmt: skip


def test_a_symptom_alone_is_told_with_what_was_seen_beside_it() -> None:
    """So is a cause alone; and both together are cause and effect."""
    freeze = found("freeze.inbound.video", 100, 103, worst=0.4, cause="loss", side="network")
    loss = found("loss.inbound.video", 100, 103, worst=0.125)

    assert [text.told(story).replace("\N{NO-BREAK SPACE}", " ") for story in stories([freeze])] == [
        "Video stood still (up to 40 % of the time), while packets were lost on the way here."
    ]
    assert [text.told(story).replace("\N{NO-BREAK SPACE}", " ") for story in stories([loss, freeze])] == [
        "Packets were lost on the way here (up to 12 %); so video stood still (up to 40 % of the time)."
    ]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.id)
def test_every_rule_can_be_told(rule: rules.Rule) -> None:
    """With or without words of its own: as a part of a sentence, with every cause."""
    for cause in ("", *rule.causes):
        one = found(rule.id, 100, 130, cause=cause)
        for story in stories([one]):
            sentence = text.told(story)
            assert sentence[0].isupper() or sentence[0].isdigit()
            assert sentence.endswith(".")
            assert "{" not in sentence
            assert text.advice(story)
        assert text.facts(one)


def test_words_are_of_issues() -> None:
    """No row is left of an issue that is gone."""
    assert words.SAYINGS.keys() <= rules.ISSUES.keys()


# ── the page


class Page(HTMLParser):
    """What is in a page."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends: the one that began last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        tag = self.open[-1] if self.open else ""
        self.text[tag] = self.text.get(tag, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a name."""
        return [attributes for name, attributes in self.tags if name == tag]


def written(arguments: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> Page:
    """The page that the command writes."""
    _, err = run(["--html", str(out), *arguments], capsys)
    assert str(out) in err.replace("\n", "")
    found = Page(out.read_text(encoding="utf-8"))
    assert found.open == []
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_page_needs_nothing_else(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No address of anything but itself, ids that are there and unique, and a policy that forbids everything else."""
    told = written(paths(f"{case}.p*.frames*.jsonl.gz"), tmp_path / "call.html", capsys)
    (policy,) = [one["content"] for one in told.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    ids = [attributes["id"] for _, attributes in told.tags if "id" in attributes]

    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert len(ids) == len(set(ids))
    for name, attributes in told.tags:
        assert not attributes.keys() & {"src", "srcset", "action", "style", "background", "poster", "xlink:href"}
        assert not [key for key in attributes if key.startswith("on")]
        link = attributes.get("href")
        assert link is None or link == "data:," or link.removeprefix("#") in ids, (name, link)
    assert "url(" not in told.text["style"]
    assert "@import" not in told.text["style"]
    # Every picture says what it shows, and what can be reached by keys has a name.
    for picture in told.all("svg"):
        assert picture.get("aria-label") or picture.get("aria-hidden") or "viewbox" in picture
    assert all(link.get("aria-label") or "href" in link for link in told.all("a"))


def test_the_page_shows_what_happened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verdicts, the timeline in words, marked plots, a row for each issue, and the text for a ticket."""
    told = written(paths("degraded-cr.p*.frames.jsonl.gz"), tmp_path / "call.html", capsys)
    labels = [str(one["aria-label"]) for one in told.all("svg") if "aria-label" in one]
    issues = [issue for row in explained("degraded-cr")["participants"] for issue in row["issues"]]

    assert told.text["h1"] == "Call lab-degraded-0705d0"
    assert any(
        label.startswith("Quality over time: good from 10:47:2") and "bad from 10:47:3" in label for label in labels
    )
    (loss, _) = [label for label in labels if label.startswith("Packets lost")]
    assert "on the way here: 0" in loss
    assert "Marked: loss, critical from 10:47:31" in loss
    assert len([one for one in told.all("tr") if "-issue-" in str(one.get("id"))]) == len(issues)
    assert DEGRADED.split("\n\n")[2] in told.text["textarea"]


HOSTILE = (
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "' onclick='x",
    "\x1b]0;gone\x07\x1b[2J", "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", "</textarea></title><b>", "{{7*7}} %s $(id) `id`",
    "a\nb\rc\x00d",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a session, participant or peer connection is called, it is shown and does nothing."""
    # Clients may not call themselves what cannot be printed; who reads their files may, and so may peer connections.
    names = dict.fromkeys(("session", "participant", "peer_connection")[not name.isprintable() and 2 :], name)
    begin = 1_700_000_000_000
    lines = [json.dumps({**names, "time": begin + 1000 * second, "stats": stats(second)}) for second in range(40)]
    file = tmp_path / "call.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    plain, _ = run(["--session", name, str(file)], capsys)
    told = written(["--session", name, str(file)], tmp_path / "call.html", capsys)
    harmless = Page((tmp_path / "call.html").read_text(encoding="utf-8"))

    assert all(line.isprintable() for line in plain.splitlines())
    assert {tag for tag, _ in told.tags} <= {
        "html", "head", "meta", "link", "title", "style", "body", "main", "header", "section", "h1", "h2", "h3", "p",
        "ul", "li", "a", "span", "b", "div", "svg", "rect", "line", "path", "text", "desc", "figure", "figcaption",
        "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "label", "textarea", "button", "script",
    }  # fmt: skip
    assert len(told.all("script")) == len(told.all("textarea")) == 1
    assert harmless.text["script"] == page.SCRIPT
    assert not [key for _, attributes in told.tags for key in attributes if key.startswith("on")]


def stats(second: int) -> dict[str, Any]:
    """A stream that loses a quarter of its packets."""
    return {
        "in": {
            "id": "in", "type": "inbound-rtp", "timestamp": 1_700_000_000_000 + 1000 * second, "kind": "audio",
            "ssrc": 1, "mid": "<b>", "packetsReceived": 100 * second, "packetsLost": 33 * second, "jitter": 0.01,
        }
    }  # fmt: skip


# ── the command


def test_files_of_one_call_are_explained_together(capsys: pytest.CaptureFixture[str]) -> None:
    """``--session`` puts files that name none into one, ``--participant`` picks one of them."""
    out, _ = run(["--session", "case 4711", *paths("healthy-cr.*.rtcstats-dump.gz")], capsys)
    assert out.count("session ") == 1
    assert "session case 4711: " in out
    assert "participants: 2" in out

    out, _ = run(["--json", "--participant", "p2", *paths("healthy-cr.*.frames.jsonl.gz")], capsys)
    assert [row["participant"] for row in json.loads(out)["participants"]] == ["p2"]


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["{missing}"], 1, "No such file"),
        (["{garbage}"], 1, "garbage.bin"),
        (["{empty}"], 1, "empty.gz"),
        (["--participant", "p9", "{good}"], 2, "no participant 'p9' in these files; there are: p1"),
        (["--html", "{missing}/page.html", "{good}"], 1, "No such file"),
    ],
)
def test_errors_say_what_to_do(
    arguments: list[str], status: int, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """And nothing is printed that could be taken for a verdict."""
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "garbage.bin").write_bytes(b"\x00\x01\x02 nothing that anybody knows")
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    names = {
        "missing": str(tmp_path / "missing"), "garbage": str(tmp_path / "garbage.bin"),
        "empty": str(tmp_path / "empty.gz"), "good": str(DATA / "healthy-cr.p1.frames.jsonl.gz"),
    }  # fmt: skip
    out, err = run([argument.format(**names) for argument in arguments], capsys, status)

    assert out == ""
    assert told in err


def test_a_page_can_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """For a pipe."""
    out, err = run(["--html", "-", *paths("gumnotfound-cr.p1.frames.jsonl.gz")], capsys)

    assert out.startswith("<!doctype html>")
    assert err == ""


def test_what_explains_is_the_class_of_the_worst_tenth() -> None:
    """The sentences of classes say the share that decides."""
    assert findings.SHARE == 0.1
    assert all("a tenth" in words.CLASSES[name] for name in ("poor", "bad"))
    assert words.CLASSES.keys() == set(CLASSES)
