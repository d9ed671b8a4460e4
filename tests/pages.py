"""What tests with a real browser share: how to wait, and what a scrape has to have counted."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2

from tests.patience import PATIENCE
from tests.running import samples

#: What the page sums, and the counters that have to be equal to it.
COUNTERS = {
    "inbound-rtp packetsReceived": "rtc_inbound_packets_total",
    "inbound-rtp bytesReceived": "rtc_inbound_io_bytes_total",
    "inbound-rtp framesDecoded": "rtc_inbound_frames_decoded_total",
    "outbound-rtp packetsSent": "rtc_outbound_packets_total",
    "outbound-rtp bytesSent": "rtc_outbound_io_bytes_total",
    "outbound-rtp framesEncoded": "rtc_outbound_frames_encoded_total",
}


def counted(found: Mapping[str, float]) -> Counter[str]:
    """The counters of a scrape, by what the page calls them."""
    sums: Counter[str] = Counter()
    for series, value in found.items():
        name, *labels = series.split(" ")
        kind = next((label.partition("=")[2] for label in labels if label.startswith("rtc_media_kind=")), "")
        for what, counter in COUNTERS.items():
            if name == counter:
                kind_of, member = what.split(" ")
                sums[f"{kind_of} {kind} {member}"] += int(value)
    return +sums


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Wait for something that is about to happen; what it gave."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await condition()):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.05)
        return found


class Exporter:
    """An exporter in a process of its own, which can be killed; the next one has the same ports."""

    def __init__(self) -> None:
        self.ports = [_free(), _free()]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, path: str = "") -> str:
        """Where clients connect."""
        return f"ws://127.0.0.1:{self.ports[0]}{path}"

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._launch()
        await until(self._is_ready)

    def _launch(self) -> None:
        listen = [
            f"--{name}.listen=127.0.0.1:{port}" for name, port in zip(("ingest", "admin"), self.ports, strict=True)
        ]
        command = [sys.executable, "-m", "rtc_exporter", "serve", "--log.level=error", *listen]
        self._process = subprocess.Popen(command)

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the exporter has ended"
        try:
            return bool((await self._get("/-/ready")).status_code == 200)
        except httpx2.TransportError:
            return False

    async def scrape(self) -> dict[str, float]:
        """What Prometheus would see now."""
        return samples((await self._get("/metrics")).text)

    async def _get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            return await http.get(f"http://127.0.0.1:{self.ports[1]}{path}")

    async def stop(self) -> dict[str, float]:
        """Ask it to stop, and scrape it until it is gone; returns what the last scrape saw."""
        process, found = self._process, {}
        assert process is not None
        process.send_signal(signal.SIGTERM)

        async def is_gone() -> bool:
            nonlocal found
            with contextlib.suppress(httpx2.TransportError):
                found = await self.scrape()
            return process.poll() is not None

        await until(is_gone)
        self._process = None
        return found

    def end(self, number: signal.Signals) -> None:
        """Kill it, or ask it to stop, and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None


def _free() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
