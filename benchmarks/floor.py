"""
The bare floor: a server that receives frames and parses each with orjson, and nothing else.

uvicorn without an application framework, with what the exporter runs on: websockets-sansio, uvloop and httptools, no
compression.  Every figure of the exporter is printed beside this one, measured in the same run with the same load.
"""

import argparse
import asyncio
import socket

import orjson
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a WebSocket and parse what it sends."""
    assert scope["type"] == "websocket", "the floor only takes WebSockets"
    await receive()
    offered: list[str] = scope["subprotocols"]
    await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        orjson.loads(message["text"])


async def serve(port: int) -> None:
    """Listen on loopback until a signal."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(2048)
    print(f"floor at ws://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_level="error",
        access_log=False,
        backlog=2048,
        timeout_graceful_shutdown=5,
    )
    await uvicorn.Server(config).serve([sock])


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Serve the bare floor on loopback until a signal.")
    parser.add_argument("--port", type=int, default=8088, help="port, 0 for a free one (default: %(default)s)")
    args = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(args.port))


if __name__ == "__main__":
    main()
