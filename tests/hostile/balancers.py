"""The balancers of ``docs/sharding.md``, as they stand there, between ports of ours."""

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.children import ROOT, Place
from tests.peers import libraries, peer
from tests.receivers import closed_port

PAGE = ROOT / "docs" / "sharding.md"
PATIENCE = 20.0
#: Program -> how it is run in front of this terminal, and what stands around the example.
COMMANDS = {"haproxy": ("-db", "-f"), "nginx": ("-e", "stderr", "-c")}
AROUND = {
    "haproxy": "{text}",
    "nginx": """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    {text}
}}
""",
}


def example(name: str, port: int, exporters: Sequence[Place]) -> str:
    """The configuration of the page with these ports, and as many servers as there are exporters."""
    found = re.search(rf"```{name}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"{PAGE} has an example for {name}"
    text = found[1].replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    first = next(line for line in text.splitlines() if "127.0.0.1:8081" in line)
    second = next(line for line in text.splitlines() if "127.0.0.1:8082" in line)
    servers = (
        first.replace("server a ", f"server e{number} ").replace("127.0.0.1:8081", f"{place.host}:{place.port}")
        for number, place in enumerate(exporters)
    )
    return text.replace(f"{second}\n", "").replace(first, "\n".join(servers))


@contextlib.contextmanager
def balancer(name: str, exporters: Sequence[Place]) -> Iterator[Place]:
    """The real program in front of exporters; where it listens."""
    program, port = peer(name), closed_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "conf")
        text = AROUND[name].format(text=example(name, port, exporters), folder=folder)
        file.write_text(text, encoding="utf-8")
        log = Path(folder, "log")
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [program, *COMMANDS[name], str(file)], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                env={**os.environ, **libraries()},
            )  # fmt: skip
        try:
            end = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                    break
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{name} is not ready:\n{log.read_text(encoding='utf-8')}")
                time.sleep(0.02)
            yield Place("127.0.0.1", port)
        finally:
            process.terminate()
            process.wait()
