"""
What stands between, or in place of, an exporter when a deployment is broken: answers that are always the same, proxies
that cut, ports where nobody is, certificates that end.  All of it runs in threads on loopback.
"""

import contextlib
import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import NamedTuple

PATIENCE = 10.0


class Canned(NamedTuple):
    """One answer."""

    status: int = 200
    text: str = ""
    headers: Mapping[str, str] = {}


@contextlib.contextmanager
def answering(paths: Mapping[str, Canned], other: Canned = Canned(404)) -> Iterator[str]:  # noqa: B008 - a constant
    """An HTTP server with these answers; its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # clients of WebSockets read no other

        def do_GET(self) -> None:
            answer = paths.get(self.path) or paths.get(self.path.partition("?")[0]) or other
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response_only(answer.status)
            for name, value in {"date": self.date_time_string(), "connection": "close", **answer.headers}.items():
                self.send_header(name, value)
            body = answer.text.encode()
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - its name in the library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, _serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


@contextlib.contextmanager
def relay(target: str, context: ssl.SSLContext | None = None, lifetime: float = PATIENCE) -> Iterator[str]:
    """A proxy that passes bytes to ``host:port``, and ends each connection after its lifetime; ``host:port`` of it."""
    host, _, port = target.rpartition(":")

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), PATIENCE) as behind:
                client = context.wrap_socket(self.request, server_side=True) if context else self.request
                client.settimeout(PATIENCE)
                timer = threading.Timer(lifetime, _cut, (client, behind))
                timer.start()
                back = threading.Thread(target=_pump, args=(behind, client))
                back.start()
                _pump(client, behind)
                back.join(PATIENCE)
                timer.cancel()
                client.close()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing."""

    with Server(("127.0.0.1", 0), Handler) as server, _serving(server):
        yield f"127.0.0.1:{server.server_address[1]}"


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _cut(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(PATIENCE)


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """A port that takes connections and says nothing, as behind a firewall that forgets; its URL."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"


def nobody() -> str:
    """A URL where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"
