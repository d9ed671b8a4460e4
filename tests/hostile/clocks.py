"""
Clocks that are wrong, and that are set while everything runs (R19).

The exporter's wall clock is set an hour forth and two back, by libfaketime; clients are a day ahead, a day behind, and
set back in the middle of a call.  Nobody has timed out, no duration is negative or longer than the run, and every
counter is what it is with clocks that are right.
"""

import json
import os
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.load import Load, Recording, masked, recorded
from tests.hostile.kit import Ledger, accepted, drops, exporter, main, together, total
from tests.peers import library

HOUR, DAY = 3600, 86400
#: Counters that must not depend on a clock.
SAME = (
    "rtc_inbound_packets_total", "rtc_inbound_io_bytes_total", "rtc_outbound_packets_total",
    "rtc_inbound_packets_lost_total", "rtc_connection_attempts_total", "rtc_participant_joins_total",
)  # fmt: skip


class Crowd(NamedTuple):
    """20 clients: how far their clocks are off, how far they are set in a call, and whether the server's clock jumps."""

    name: str
    shift: float = 0.0
    jump: float = 0.0
    jumps: bool = False


RIGHT = Crowd("right")
WRONG = (
    Crowd("a day ahead", shift=DAY), Crowd("a day behind", shift=-DAY), Crowd("set back an hour in a call", jump=-HOUR),
    Crowd("set forth an hour in a call", jump=HOUR), Crowd("right, and the server's jumps", jumps=True),
)  # fmt: skip


def run(is_long: bool = False) -> Ledger:
    """Six crowds at the same time, each with a server of its own, one of which has a clock that jumps."""
    ledger = Ledger("clocks: the server's and the clients'")
    seconds = 50.0 if is_long else 4.0
    truth, *found = together(ledger, [partial(_play, crowd, seconds) for crowd in (RIGHT, *WRONG)])
    for crowd, counters in zip(WRONG, found, strict=True):
        wrong = {name: (truth[name], counters[name]) for name in SAME if truth[name] != counters[name]}
        ledger.claim(f"clocks {crowd.name}: counters are the same", not wrong, wrong)
    return ledger


def _play(crowd: Crowd, seconds: float, ledger: Ledger) -> dict[str, float]:
    """One run; returns the counters that must be the same."""
    name, shift, jump, jumps = crowd
    file = Path(f"/tmp/rtc-exporter-clock-{os.getpid()}")
    environ = {}
    if jumps:
        file.write_text("+0\n")
        environ = {
            "LD_PRELOAD": library("libfaketimeMT.so.1"), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip
    began = time.monotonic()
    with exporter("--participants.expiry", "20", environ=environ) as running:
        with Load(running.ingest, 20, _set(recorded(), shift, jump)) as load:
            load.open()
            load.begin(stagger=1)
            seen = 0.0
            for offset in ("+3600\n", "-3600\n", "+0\n") if jumps else ("", "", ""):
                load.run(seconds / 4, 1.0)
                seen = max(seen, abs(running.metrics("self").get("rtc_exporter_clock_offset_seconds", 0.0)))
                if jumps:
                    file.write_text(offset)
                    time.sleep(1.2)
            load.run(seconds / 4, 1.0)
            running.child.rest()
            time.sleep(1.2)
            alive = running.metrics()
        lasted = time.monotonic() - began
        time.sleep(1.5)
        metrics = running.metrics()
    ledger.account(f"reports, clocks {name}", load.reports, counted=accepted(metrics), **drops(metrics))
    ledger.claim(f"{name}: nobody timed out", total(alive, "rtc_participant_leaves_total") == 0)
    ledger.claim(
        f"{name}: all are here", total(alive, "rtc_participants_active") == 20, total(alive, "rtc_participants_active")
    )
    mean = total(metrics, "rtc_participant_duration_seconds_sum") / max(
        1.0, total(metrics, "rtc_participant_duration_seconds_count")
    )
    # The server's time is led towards the wall clock by a tenth.
    ledger.claim(
        f"{name}: nobody stayed longer than the run",
        0 < mean <= lasted * (1.15 if jumps else 1.0),
        f"{mean:.1f} of {lasted:.1f} s",
    )
    negative = [key for key, value in metrics.items() if key.partition("{")[0].endswith("_seconds_sum") and value < 0]
    ledger.claim(f"{name}: no duration is negative", not negative, negative)
    longest = _longest(metrics, "rtc_setup_duration_seconds")
    ledger.claim(f"{name}: nothing took longer than the run", longest <= lasted, f"{longest:.1f} s")
    ledger.claim(
        f"{name}: how far the server's clock is off is shown", (HOUR - 60 < seen < HOUR + 60) == jumps, f"{seen:.0f} s"
    )
    if jumps:
        file.unlink()
    return {metric: total(metrics, metric) for metric in SAME}


def _longest(metrics: dict[str, float], name: str) -> float:
    """The largest mean of a histogram's series."""
    means = [0.0]
    for key, count in metrics.items():
        if key.startswith(f"{name}_count") and count:
            means.append(metrics[key.replace("_count", "_sum", 1)] / count)
    return max(means)


def _set(recording: Recording, shift: float, jump: float) -> Recording:
    """The same call as told by a client whose clock is off, and that is set in the middle of it, and stays so."""
    events: list[bytes] = []
    reports: list[bytes] = []
    for text in recording.texts:
        row = json.loads(text)
        is_report = row[0] == "g"
        if row[-1] > 1e11:
            row[-1] += shift * 1000
        elif is_report and len(reports) == 2:
            row[-1] += jump * 1000
        (reports if is_report else events).append(masked(json.dumps(row, separators=(",", ":"))))
    return recording._replace(events=events, reports=reports)


if __name__ == "__main__":
    main(run)
