"""
The process of one shard, which nobody but the process in front runs: ``python -m rtc_exporter.shards NAME FD FD``.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from rtc_exporter.app import process
from rtc_exporter.app.handed import MESSAGE, Shard
from rtc_exporter.config import Config
from rtc_exporter.errors import RtcExporterError
from rtc_exporter.sources import FILE_VARIABLE


def main(name: str, channel: int, admin: int) -> int:
    """Be told what to do, and do it; the exit status."""
    clients, operators = socket.socket(fileno=channel), socket.socket(fileno=admin)
    # Whoever wants us to end tells the process in front: a service manager tells all of us at once.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    task: Mapping[str, Any] = json.loads(clients.recv(MESSAGE))
    environ = {key: value for key, value in os.environ.items() if key != FILE_VARIABLE}

    def load() -> Config:
        return Config.load(task["flags"], environ, task["file"], name)

    try:
        process.serve(load, Shard(name, task["processes"], (clients, operators)))
    except RtcExporterError as exc:
        print(f"rtc-exporter: shard {name}: {exc}", file=sys.stderr)
        return 2
    return 0


sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
