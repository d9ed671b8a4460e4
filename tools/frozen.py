"""
Plays the package's recorded calls, freezes what is held, and thaws it: with the Python that runs this.

Versions of Python pickle differently, and the image has another one than whoever develops: ``tools.container`` runs
this in it.
"""

import gzip
import json
import sys
from pathlib import Path

import rtc_exporter
from rtc_exporter.app.parts import pipeline_settings
from rtc_exporter.config import Config
from rtc_exporter.model import ParticipantKey
from rtc_exporter.snapshot import freeze, thaw
from rtc_exporter.tenants import Tenants
from rtc_exporter.wire.rtcstats import Decoder


def main() -> int:
    """Fails where what comes out is not what went in."""
    recordings = sorted((Path(rtc_exporter.__file__).parent / "recordings").glob("*.frames.jsonl.gz"))
    settings = pipeline_settings(Config.load({}, {}))
    tenants = Tenants(settings, (), 0.0)
    now = 0.0
    for recording in recordings:
        with gzip.open(recording, "rt", encoding="utf-8") as lines:
            head, *rows = map(json.loads, lines)
        decoder = Decoder(ParticipantKey(recording.name, "somebody"))
        for row in rows:
            now = head["connected_at"] + row["t"]
            for record in decoder.receive(row["text"], now) if row["dir"] == "c2s" else ():
                tenants[""].feed(record, now)
    thawed = thaw(freeze(tenants, tenants), Tenants(settings, (), 0.0))
    assert recordings
    assert thawed.status() == tenants.status(), (thawed.status(), tenants.status())
    print(f"frozen: {len(recordings)} calls, {tenants.status()}, Python {sys.version.split()[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
