"""
R5: what a client of rtcstats makes of random calls, and what is made of that here.

The compression is that of the package rtcstats from npm, taken out of its file, since it exports no such thing.  The
decompression of rtcstats-js 1.x and 2.x is in no package; ``tests/hostile/deltas`` holds ours against histories that
are told whole.
"""

import json
import random
import subprocess
from typing import Any

from rtc_exporter.model import ParticipantKey, Report
from rtc_exporter.wire import legacy
from tests.hostile.deltas import T0, history
from tests.peers import packages, peer

HISTORIES = 1000
COMPRESS = """
const source = require('fs').readFileSync(process.argv[1], 'utf8');
const begin = source.indexOf('function deltaCompression');
const text = source.slice(begin, source.indexOf('\\n}\\n', begin) + 3);
const compress = new Function(text + '; return deltaCompression;')();
const told = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const deltas = told.map((reports) => reports.map((now, n) => compress(n ? reports[n - 1] : {}, now)));
process.stdout.write(JSON.stringify(deltas));
"""


def call(chance: random.Random) -> list[dict[str, dict[str, Any]]]:
    """Reports as a browser has them; this client tells nobody that an object is gone, so none goes."""
    told: list[dict[str, dict[str, Any]]] = []
    for number, report in enumerate(history(chance, chance.randint(2, 10))):
        stats = {
            id: {"id": id, "timestamp": T0 + 1000 * number, **members}
            for id, members in ({**told[-1], **report} if told else report).items()
        }
        told.append(stats)
    return told


def rebuilt(deltas: list[dict[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """The reports that a decoder makes of deltas, but for times."""
    decoder = legacy.Decoder(ParticipantKey("s", "p"))
    found = []
    for number, delta in enumerate(deltas):
        frame = json.dumps(["getstats", "PC_0", delta, T0 + 1000 * number])
        for record in decoder.receive(frame, T0 / 1000 + number):
            if isinstance(record, Report):
                found.append({id: _timeless(members) for id, members in record.stats.items()})
    assert not decoder.refused
    return found


def _timeless(members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in ("id", "timestamp")}


def test_what_its_client_compresses_is_whole_again() -> None:
    """A thousand random calls, every report of each."""
    chance = random.Random(4711)
    calls = [call(chance) for _ in range(HISTORIES)]
    source = packages() / "rtcstats" / "rtcstats.js"
    answer = subprocess.run(
        [peer("node"), "-e", COMPRESS, str(source)], input=json.dumps(calls), capture_output=True, text=True, check=True
    )
    deltas = json.loads(answer.stdout)

    wanted = [[{id: _timeless(members) for id, members in report.items()} for report in told] for told in calls]
    assert sum(map(len, deltas)) == sum(map(len, calls)) > 3 * HISTORIES
    assert len(answer.stdout) < len(json.dumps(calls)) / 2, "or nothing was left out"
    assert [rebuilt(each) for each in deltas] == wanted
