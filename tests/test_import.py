"""Finished calls, read from files by ``rtc-exporter import``, against what is known of them."""

import json
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rtc_exporter.cli import main
from tests.captures import DATA, oracle, rows
from tests.patience import PATIENCE
from tests.peers import peer

CASES = sorted(path.name.removesuffix(".facts.json") for path in DATA.glob("*.facts.json"))
#: Wide enough for any table.
WIDTH = "300"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", WIDTH)


def paths(*patterns: str) -> list[str]:
    """Files in the data folder."""
    found = sorted(str(path) for pattern in patterns for path in DATA.glob(pattern))
    assert found, f"{patterns} match nothing"
    return found


def run(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int = 0) -> str:
    """What an import prints; it ends with this status, and says something on stderr only when it fails."""
    assert main(["import", *arguments]) == status
    out, err = capsys.readouterr()
    if status:
        assert out == ""
        return err
    assert err == ""
    return out


def summaries(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Participant -> its summary; a second stay of p2 is p2.2."""
    document = json.loads(run(["--format", "json", *arguments], capsys))
    assert document["refused"] == {}
    seen: Counter[str] = Counter()
    result = {}
    for row in document["participants"]:
        seen[row["participant"]] += 1
        times = seen[row["participant"]]
        result[row["participant"] + (f".{times}" if times > 1 else "")] = row
    return result


def facts(case: str) -> dict[str, Any]:
    """What the page saw."""
    found: dict[str, Any] = json.loads((DATA / f"{case}.facts.json").read_text(encoding="utf-8"))
    return found


def loads(case: str) -> dict[str, tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Page load -> the name of its recording, the facts of its telemetry, and those of its peer connections."""
    result = {}
    for name, told in facts(case)["participants"].items():
        for number, telemetry in enumerate(told["telemetry"], 1):
            pcs = [pc for key, pc in told["pcs"].items() if (".load2" in key) == (number == 2)]
            stay, recording = (f".{number}", f"frames{number}") if number > 1 else ("", "frames")
            result[name + stay] = (f"{case}.{name}.{recording}", telemetry, pcs)
    return result


def total(name: str, stats: str, member: str) -> float | None:
    """What a client told of a member by its last frame, over both media kinds; None where it never told it."""
    groups = oracle(name)["sums"]
    found = [groups[group][member] for group in groups if group.split("/")[0] == stats and member in groups[group]]
    return sum(found) if found else None


# ── summaries


@pytest.mark.parametrize("case", CASES)
def test_the_summary_of_a_recording_says_what_the_page_saw(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Duration, outcomes, paths and codecs of every peer connection, and errors."""
    got = summaries(paths(f"{case}.*.frames*.jsonl.gz"), capsys)
    want = loads(case)

    assert got.keys() == want.keys()
    assert {row["session"] for row in got.values()} == {facts(case)["room"]}
    for key, (recording, telemetry, pcs) in want.items():
        row = got[key]
        assert row["duration"] == pytest.approx(list(rows(recording))[-1]["t"], abs=0.001)
        assert all(pc["outcome"] in outcomes(seen) for pc, seen in zip(row["peer_connections"], pcs, strict=True))
        assert [pc["path"] for pc in row["peer_connections"]] == [
            (pc.get("selected_paths") or [None])[0] and pc["selected_paths"][0].partition(" ")[0] for pc in pcs
        ]
        for direction in ("codecs_in", "codecs_out") if telemetry["getstats_frames"] else ():
            assert [pc[direction] for pc in row["peer_connections"]] == [
                [codec.partition("/")[2] for codec in pc.get(direction) or ()] for pc in pcs
            ]
        assert row["errors"] == errors(case, key)


def outcomes(pc: dict[str, Any]) -> tuple[str, ...]:
    """How the attempt may have ended: what never got anywhere was closed after 30 s, which is when it times out."""
    state = (pc.get("connection_states") or [""])[-1]
    return {"connected": ("connected",), "failed": ("ice_failed",)}.get(state, ("timeout", "abandoned"))


def errors(case: str, load: str) -> dict[str, int]:
    """The page's errors in the words of a summary."""
    told = facts(case)["participants"][load.partition(".")[0]]["errors"]
    return dict(
        Counter(
            f"getUserMedia {error['name']}" if error["type"] == "gum-failed" else f"icecandidateerror {error['code']}"
            for error in told
        )
    )


@pytest.mark.parametrize("way", ["frames*.jsonl.gz", "rtcstats-dump*.gz"])
@pytest.mark.parametrize("case", CASES)
def test_the_numbers_of_a_summary_are_those_of_the_client(
    case: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packets, loss, freezes and concealment as told by the last frame; what a browser never told is null."""
    for key, (name, _, _) in loads(case).items():
        (path,) = paths(f"{name.rpartition('.')[0]}.{way.replace('*', '2' if key.endswith('.2') else '')}")
        (row,) = summaries([path], capsys).values()
        received, lost = (total(name, "inbound-rtp", member) for member in ("packetsReceived", "packetsLost"))
        sent, away = total(name, "outbound-rtp", "packetsSent"), total(name, "remote-inbound-rtp", "packetsLost")
        samples, made_up = (
            total(name, "inbound-rtp", member) for member in ("totalSamplesReceived", "concealedSamples")
        )

        assert (row["packets_received"], row["packets_lost"]) == (received, lost)
        assert (row["packets_sent"], row["remote_packets_lost"]) == (sent, away)
        assert row["inbound_loss_ratio"] == (lost / (received + lost) if received and lost is not None else None)
        assert row["outbound_loss_ratio"] == (away / sent if sent and away is not None else None)
        assert row["freezes"] == total(name, "inbound-rtp", "freezeCount")
        assert row["freeze_time"] == pytest.approx(total(name, "inbound-rtp", "totalFreezesDuration"))
        assert row["concealment_ratio"] == (made_up / samples if samples and made_up is not None else None)


@pytest.mark.parametrize(
    ("case", "least", "most"),
    [("healthy-cr", 0, 0.02), ("healthy-ff", 0, 0.02), ("degraded-cr", 0.4, 0.5), ("degraded-ff", 0.4, 0.5)],
)
def test_the_round_trip_time_is_that_of_the_network(
    case: str, least: float, most: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clean, or 0.2 s each way for most of the call, with some queueing on top."""
    for row in summaries(paths(f"{case}.*.frames.jsonl.gz"), capsys).values():
        assert least <= row["round_trip_time_max"] <= most
        assert 0 < row["round_trip_time_mean"] <= row["round_trip_time_max"]


def test_the_text_of_a_bad_call(capsys: pytest.CaptureFixture[str]) -> None:
    """A few lines for each participant, as a supporter reads them."""
    assert run(paths("degraded-cr.*.frames.jsonl.gz"), capsys) == (
        "session lab-degraded-0705d0: 2026-11-20 10:47:20 UTC, 76 s, participants: 2\n"
        "  p1: Chrome 156 Linux, 76 s\n"
        "    PC_0      connected over host/udp, in opus VP8, out opus VP8\n"
        "    received  6.34% of 7,987 packets lost, freezes: 17 (10.6 s), 8.62% of the audio made up\n"
        "    sent      5.82% of 8,646 packets lost, round trip 258 ms, at most 457 ms\n"
        "  p2: Chrome 156 Linux, 76 s\n"
        "    PC_0      connected over host/udp, in opus VP8, out opus VP8\n"
        "    received  5.95% of 8,539 packets lost, freezes: 12 (7.3 s), 8.50% of the audio made up\n"
        "    sent      5.93% of 8,298 packets lost, round trip 261 ms, at most 451 ms\n"
        "\n"
        "151 reports\n"
    )


@pytest.mark.parametrize(
    ("case", "cell"),
    [
        ("gumdenied-cr", "getUserMedia NotAllowedError"),
        ("turndenied-cr", "icecandidateerror 401"),
        ("icefail-ff", "ice_failed"),
    ],
)
def test_the_text_names_what_failed(case: str, cell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In the words of the API."""
    assert f" {cell}" in run(paths(f"{case}.p1.frames.jsonl.gz"), capsys)


def test_files_of_one_call_meet_in_one_session(capsys: pytest.CaptureFixture[str]) -> None:
    """By the token in a recording, or by ``--session`` where a file names none."""
    recordings = run(paths("healthy-cr.*.frames.jsonl.gz"), capsys)
    dumps = run(["--session", "support case", *paths("healthy-cr.*.rtcstats-dump.gz")], capsys)
    internals = run(["--session", "support case", *paths("healthy-cr.*.webrtc-internals.json.gz")], capsys)
    apart = run(paths("healthy-cr.*.rtcstats-dump.gz"), capsys)

    assert [text.count("session ") for text in (recordings, dumps, internals, apart)] == [1, 1, 1, 2]
    assert "session support case" in dumps


def test_a_file_of_webrtc_internals_says_the_same_of_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Chrome's own file and the recording are of the same call, which Chrome saw a second less of."""
    told = loads("healthy-cr")
    for name in ("p1", "p2"):
        (row,) = summaries(paths(f"healthy-cr.{name}.webrtc-internals.json.gz"), capsys).values()
        (recorded,) = summaries(paths(f"healthy-cr.{name}.frames.jsonl.gz"), capsys).values()
        _, _, (pc,) = told[name]

        assert row["client"] == recorded["client"] == "Chrome 156 Linux"
        assert row["duration"] == pytest.approx(pc["duration_s"], abs=3)
        assert [{**each, "peer_connection": ""} for each in row["peer_connections"]] == [
            {**each, "peer_connection": ""} for each in recorded["peer_connections"]
        ]
        assert row["packets_received"] == pytest.approx(recorded["packets_received"], rel=0.04)
        assert (row["packets_lost"], row["freezes"], row["errors"]) == (0, 0, {})
        assert 0 < row["round_trip_time_mean"] <= row["round_trip_time_max"] <= pc["max_round_trip_time_s"]
        assert row["concealment_ratio"] < 0.003


def test_standard_input_is_a_file_too() -> None:
    """As the last word of a pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "rtc_exporter", "import", "--participant", "ann", "--format", "json", "-"],
        input=(DATA / "healthy-ff.p1.frames.jsonl.gz").read_bytes(),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )

    (row,) = json.loads(done.stdout)["participants"]
    assert (row["participant"], row["freezes"]) == ("ann", 0)


# ── what cannot be read


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello\n", "no known format"),
        (b"", "no known format"),
        (b"\x1f\x8b and then nothing that gzip made", "damaged gzip"),
        (b'{"PeerConnections": 5}', "no PeerConnections"),
        ((DATA / "healthy-cr.p1.webrtc-internals.json.gz").read_bytes()[:5000], "damaged gzip"),
    ],
    ids=["text", "empty", "not gzip", "not of Chrome", "cut off"],
)
def test_a_file_that_cannot_be_read_is_one_line(
    content: bytes, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the file and what is wrong with it, in one line however wide the screen; good files do not hide it."""
    monkeypatch.setenv("COLUMNS", "80")
    bad = tmp_path / "broken"
    bad.write_bytes(content)

    text = run([*paths("gumnotfound-cr.p1.frames.jsonl.gz"), str(bad)], capsys, status=1)

    assert text.count("\n") == 1
    assert str(bad) in text
    assert reason in text


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the system's reason."""
    text = run([str(tmp_path / "nothing")], capsys, status=1)

    assert "No such file" in text
    assert str(tmp_path / "nothing") in text


def test_a_file_that_breaks_off_is_read_up_to_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dump is written while the call runs: what is there counts, and what is not is told."""
    whole = (DATA / "healthy-cr.p1.rtcstats-dump.gz").read_bytes()
    cut = tmp_path / "cut.gz"
    cut.write_bytes(whole[: len(whole) * 3 // 4])

    document = json.loads(run(["--format", "json", str(cut)], capsys))

    assert 30 < document["reports"] < 61
    assert document["refused"]["bad_encoding"] == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["--participant", "ann", "a", "b"], "--participant"), (["--step", "0", "a"], "--step")],
)
def test_a_wrong_argument_is_said_before_anything_is_read(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, as for wrong settings."""
    assert word in run(arguments, capsys, status=2)


# ── OpenMetrics


def history(tmp_path: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> Path:
    """The OpenMetrics file of the degraded call."""
    out = tmp_path / "call.txt"
    run([*arguments, "--openmetrics", str(out), *paths("degraded-cr.*.frames.jsonl.gz")], capsys)
    return out


def test_the_history_is_openmetrics_with_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sample of each series every step, and one at the end; times never go back."""
    text = history(tmp_path, capsys, "--step", "10").read_text(encoding="utf-8")
    times: dict[str, list[float]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, _, stamp = line.rsplit(" ", 2)
            times.setdefault(series, []).append(float(stamp))

    assert text.endswith("# EOF\n")
    assert all(series == sorted(set(series)) for series in times.values())
    longest = max(times.values(), key=len)
    assert {round(after - before, 3) for before, after in pairwise(longest[:-1])} == {10}
    assert len(longest) == 8
    assert any(name.startswith("rtc_participant_round_trip_time_seconds") for name in times)
    assert not any(name.startswith("rtc_exporter") for name in times)


#: A line of ``promtool tsdb dump``.
LINE = re.compile(r"\{(?P<labels>.*)\} (?P<value>\S+) (?P<time>\d+)")


def test_promtool_makes_blocks_of_the_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Real blocks, which hold at last what the clients told by their last frames."""
    promtool = peer("promtool")
    source = history(tmp_path, capsys)
    blocks = tmp_path / "blocks"
    (blocks / "wal").mkdir(parents=True)  # without one, promtool takes it for no database
    for arguments in (["create-blocks-from", "openmetrics", str(source), str(blocks)], ["dump", str(blocks)]):
        done = subprocess.run(
            [promtool, "tsdb", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stderr

    last: dict[str, tuple[int, float]] = {}
    for match in map(LINE.fullmatch, done.stdout.splitlines()):
        assert match is not None
        last[match["labels"]] = max(last.get(match["labels"], (0, 0.0)), (int(match["time"]), float(match["value"])))
    names = ("degraded-cr.p1.frames", "degraded-cr.p2.frames")
    for family, stats, member in (
        ("rtc_inbound_packets_total", "inbound-rtp", "packetsReceived"),
        ("rtc_inbound_packets_lost_total", "inbound-rtp", "packetsLost"),
        ("rtc_inbound_freezes_total", "inbound-rtp", "freezeCount"),
        ("rtc_outbound_frames_encoded_total", "outbound-rtp", "framesEncoded"),
    ):
        final = sum(value for labels, (_, value) in last.items() if f'__name__="{family}"' in labels)
        assert final == sum(total(name, stats, member) or 0 for name in names), family
    participants = [labels for labels in last if '__name__="rtc_participant_info"' in labels]
    assert len({re.sub(r".*rtc_participant_id=\"(\w+)\".*", r"\1", labels) for labels in participants}) == 2
