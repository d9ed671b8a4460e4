"""
Real NATS servers with JetStream, for tests: one, or a cluster; each can be killed and started again where it was.
"""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.patience import PATIENCE
from tests.peers import peer

#: The current server, and Debian's.
SERVERS = ("nats-server-2", "nats-server")


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Nats:
    """One server."""

    def __init__(
        self, program: str, folder: Path, extra: Sequence[str] = (), before: Sequence[str] = (), config: str = ""
    ) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        #: Where it keeps everything.
        self.folder = folder
        # A server reserves what streams may hold, by default of three quarters of the disk; here it believes in more.
        file = Path(f"{folder}.conf")
        file.write_text(f"jetstream {{ max_file_store: 32GB }}\n{config}\n", encoding="utf-8")
        self._command = [
            *before, program, "-a", "127.0.0.1", "-p", str(self.port), *extra, "-c", str(file), "-sd", str(folder),
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with open(f"{self.folder}.log", "ab") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return
            time.sleep(0.05)
        raise SystemExit(f"the NATS server does not listen:\n{Path(f'{self.folder}.log').read_text()[-2000:]}")

    def kill(self) -> None:
        """As a power button does it, to the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def engine(
    name: str = SERVERS[0], nodes: int = 1, before: Sequence[str] = (), config: str = ""
) -> Iterator[list[Nats]]:
    """Servers that run, to the end of the block; ``config`` is in the configuration of each."""
    program = peer(name)
    with tempfile.TemporaryDirectory(prefix="nats-") as folder:
        routes = [free_port() for _ in range(nodes)]
        told = ",".join(f"nats://127.0.0.1:{port}" for port in routes)
        servers = []
        for number in range(nodes):
            cluster = (
                "--name", f"n{number}", "--cluster_name", "tests",
                "--cluster", f"nats://127.0.0.1:{routes[number]}", "--routes", told,
            )  # fmt: skip
            servers.append(Nats(program, Path(folder, str(number)), cluster if nodes > 1 else (), before, config))
        try:
            for server in servers:
                server.start()
            yield servers
        finally:
            for server in servers:
                server.kill()
