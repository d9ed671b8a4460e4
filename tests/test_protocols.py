"""The server's HTTP: when an answer is out of the process's hands."""

import asyncio
import select
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from rtc_exporter.app import listener, protocols
from rtc_exporter.app.listener import Listener
from rtc_exporter.settings import Address
from tests.patience import PATIENCE

SMALL = 4096
#: More than the kernel takes for a scraper with so small buffers.
BODY = b"0123456789abcdef" * (16 << 10)


async def all_of_it(scraper: socket.socket, sent: asyncio.Future[bool]) -> None:
    """Read slowly until all is said to be sent; from then on the server, which shares this thread, does nothing."""
    read = b""
    while not sent.done():
        await asyncio.sleep(0)
        if select.select([scraper], [], [], 0)[0]:
            read += scraper.recv(512)
    while not read.endswith(BODY) and select.select([scraper], [], [], 1.0)[0]:
        read += scraper.recv(1 << 16)
    assert read.endswith(BODY)


async def nothing(scraper: socket.socket, sent: asyncio.Future[bool]) -> None:
    """Wait to be cut off."""


async def half_of_it(scraper: socket.socket, sent: asyncio.Future[bool]) -> None:
    """Go in the middle."""
    scraper.recv(SMALL)
    scraper.close()


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
@pytest.mark.parametrize(("reads", "is_sent"), [(all_of_it, True), (nothing, False), (half_of_it, False)])
def test_an_answer_is_sent_when_the_kernel_has_it(
    monkeypatch: pytest.MonkeyPatch,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    connection: str,
    reads: Callable[[socket.socket, asyncio.Future[bool]], Awaitable[None]],
    is_sent: bool,
) -> None:
    """Whoever asked may be slow, may stop reading, or may go: the application hears which, and when."""
    monkeypatch.setattr(listener, "UNREAD", SMALL)
    monkeypatch.setattr(protocols, "UNREAD_SECONDS", 0.3)

    async def scenario() -> None:
        sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            headers = [(b"content-length", b"%d" % len(BODY))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": BODY})
            assert not sent.done()
            sent.set_result(await scope["extensions"][protocols.FLUSHED]())

        place = listener.bind(Address("127.0.0.1", 0), "admin.listen")
        place.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        server = Listener(app, place)
        server.config.load()
        serving = asyncio.create_task(server.listen())
        await server.listening.wait()
        with socket.socket() as scraper:
            scraper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            scraper.connect(place.getsockname())
            scraper.sendall(f"GET / HTTP/1.1\r\nhost: here\r\nconnection: {connection}\r\n\r\n".encode())
            for _ in range(100):
                await asyncio.sleep(0)
            assert not sent.done(), "the kernel cannot have it all"
            await reads(scraper, sent)
            found = await asyncio.wait_for(sent, PATIENCE)
        server.force()
        server.end()
        await asyncio.wait_for(serving, PATIENCE)
        assert found is is_sent

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())
