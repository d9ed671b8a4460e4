"""
T20: no request hides in another, behind the proxies that people have in front.

Real HAProxy and nginx, both of which refuse the path ``/v1/reports/smuggled``.  If the exporter ever sees a request for
it, then it read where a body ends elsewhere than the proxy did.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.peers import peer
from tests.proxies import free_port, started
from tests.running import Running, with_exporter

BODY = b'{"app":{"name":"x"}}'
HIDDEN = (
    b"POST /v1/reports/smuggled/x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
HEAD = b"POST /v1/reports/room/ann HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: x\r\n"
END = b"0\r\n\r\n" + HIDDEN
LENGTH = b"Content-Length: %d\r\n" % len(END)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def form(headers: bytes, body: bytes = END, head: bytes = HEAD) -> bytes:
    """A request that can be read in two ways."""
    return head + headers + b"\r\n" + body


FORMS = {
    "length before chunks": form(LENGTH + CHUNKED),
    "chunks before length": form(CHUNKED + LENGTH),
    "an encoding that is none": form(LENGTH + b"Transfer-Encoding: xchunked\r\n"),
    "an encoding in capitals": form(LENGTH + b"transfer-ENCODING: CHUNKED\r\n"),
    "a blank before the colon": form(LENGTH + b"Transfer-Encoding : chunked\r\n"),
    "a tab before the encoding": form(LENGTH + b"Transfer-Encoding:\tchunked\r\n"),
    "a vertical tab before the encoding": form(LENGTH + b"Transfer-Encoding: \x0bchunked\r\n"),
    "a quoted encoding": form(LENGTH + b'Transfer-Encoding: "chunked"\r\n'),
    "two encodings": form(LENGTH + CHUNKED + b"Transfer-Encoding: identity\r\n"),
    "encodings in a list": form(LENGTH + b"Transfer-Encoding: identity, chunked\r\n"),
    "a folded encoding": form(LENGTH + b"Transfer-Encoding:\r\n chunked\r\n"),
    "an encoding hidden in another header": form(LENGTH + b"X: y\nTransfer-Encoding: chunked\r\n"),
    "two lengths": form(b"Content-Length: 0\r\n" + LENGTH),
    "two lengths the other way": form(LENGTH + b"Content-Length: 0\r\n"),
    "lengths in a list": form(b"Content-Length: 0, %d\r\n" % len(END)),
    "a length with a sign": form(b"Content-Length: +%d\r\n" % len(END)),
    "a hexadecimal length": form(b"Content-Length: 0x%x\r\n" % len(END)),
    "a length and a blank": form(b"Content-Length : %d\r\n" % len(END)),
    "no length at all": form(b"", HIDDEN),
    "a chunk of too many digits": form(CHUNKED, b"1000000000000000000\r\n" + HIDDEN),
    "a chunk with a sign": form(CHUNKED, b"+0\r\n\r\n" + HIDDEN),
    "a chunk in C's hexadecimal": form(CHUNKED, b"0x0\r\n\r\n" + HIDDEN),
    "a chunk with an extension": form(CHUNKED, b"0;\nx\r\n\r\n" + HIDDEN),
    "a chunk without its end": form(CHUNKED, b"2\r\n{}xx0\r\n\r\n" + HIDDEN),
    "ends of lines without CR": form(LENGTH + CHUNKED).replace(b"\r\n", b"\n", 6),
    "chunks of HTTP/1.0": form(LENGTH + CHUNKED + b"Connection: keep-alive\r\n", head=HEAD.replace(b"/1.1", b"/1.0")),
    "an upgrade that fails": form(
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 7\r\n", HIDDEN, UPGRADE
    ),
    "an upgrade with a body": form(
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + LENGTH, END, UPGRADE
    ),
    "an upgrade to HTTP/2": form(
        b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: \r\n" + LENGTH
    ),
}  # fmt: skip

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 2s
    timeout server 2s
frontend clients
    bind 127.0.0.1:{port}
    http-request deny if {{ path_beg /v1/reports/smuggled }}
    option forwardfor
    default_backend exporter
backend exporter
    http-reuse always
    server exporter {exporter}
"""
NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    client_body_timeout 2s;
    proxy_read_timeout 2s;
    upstream exporter {{ server {exporter}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{port};
        location /v1/reports/smuggled {{ return 403; }}
        location / {{
            proxy_pass http://exporter;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
        }}
    }}
}}
"""


@contextlib.asynccontextmanager
async def proxy(name: str, exporter: Running, folder: Path) -> AsyncIterator[int]:
    """A proxy in front of the exporter; its port."""
    port = free_port()
    file = folder / "conf"
    text = HAPROXY if name == "haproxy" else NGINX
    file.write_text(text.format(port=port, exporter=exporter.server.ingest_address, folder=folder))
    command = [
        peer(name),
        *(["-db", "-f"] if name == "haproxy" else ["-p", str(folder), "-e", "stderr", "-c"]),
        str(file),
    ]
    async with started(command, port):
        yield port


async def send(port: int, data: bytes, patience: float = PATIENCE) -> bytes:
    """What comes back until the other side closes, or says no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    reply = b""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(patience):
            while chunk := await reader.read(1 << 16):
                reply += chunk
    writer.close()
    return reply


@pytest.mark.parametrize("name", ["haproxy", "nginx"])
def test_t20_no_request_hides_in_another(name: str, tmp_path: Path) -> None:
    """After each of them the proxy and the exporter still agree: an honest request gets its own answer."""
    peer(name)

    @with_exporter(ingest__trusted_hops="1")
    async def scenario(exporter: Running) -> None:
        async with proxy(name, exporter, tmp_path) as port:
            honest = HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(BODY), BODY)
            assert (await send(port, honest)).startswith(b"HTTP/1.1 202")
            assert b" 403 " in (await send(port, HIDDEN, 1.0)).partition(b"\r\n")[0]
            for form_name, data in FORMS.items():
                await send(port, data, 0.2)

                assert ("smuggled", "x") not in exporter.participants, form_name
                assert (await send(port, honest)).startswith(b"HTTP/1.1 202"), form_name
            assert exporter.value("rtc.exporter.errors.internal") == 0

    scenario()


@pytest.mark.parametrize("form_name", [name for name in FORMS if "upgrade" not in name])
def test_t20_what_can_be_read_in_two_ways_is_read_in_one(form_name: str) -> None:
    """Without a proxy: after a length the rest is another request, and with both nothing is read at all."""

    @with_exporter()
    async def scenario(exporter: Running) -> None:
        reply = await send(exporter.server.ingest_address.port, FORMS[form_name], 0.2)
        statuses = [line.split()[1] for line in reply.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]

        if "length" in form_name and "chunk" in form_name:
            assert statuses == [b"400"]
        assert exporter.value("rtc.exporter.errors.internal") == 0

    scenario()
