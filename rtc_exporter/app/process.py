"""
The process around the server: its log and its signals.
"""

import asyncio
import signal
from collections.abc import Callable

import uvloop

from rtc_exporter import logs
from rtc_exporter.app import aggregator
from rtc_exporter.app.garbage import collect_less
from rtc_exporter.app.handed import ALONE, Shard
from rtc_exporter.app.server import Server
from rtc_exporter.config import Config


def serve(load: Callable[[], Config], shard: Shard = ALONE) -> None:
    """Run until a signal; raises ``ConfigError`` when a setting is wrong or a port cannot be had."""
    config = load()
    limit = logs.setup(config.log.level, config.log.format, shard=shard.name)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(
            aggregator.serve(config, limit) if config.engine.role == "aggregate" else _serve(config, load, limit, shard)
        )


async def _serve(config: Config, load: Callable[[], Config], limit: logs.Limit, shard: Shard) -> None:
    server = Server(config, load=load, shard=shard)
    server.log_through(limit)
    if not shard.name:  # else the process in front hears the signals, and passes them on
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, server.stop)
        loop.add_signal_handler(signal.SIGINT, server.stop, False)
        loop.add_signal_handler(signal.SIGHUP, server.reload)
    collect_less()
    await server.run()
    if server.error is not None:
        raise server.error
