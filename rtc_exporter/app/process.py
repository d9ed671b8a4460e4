"""
The process around the server: its log, its signals, its collector of garbage.
"""

import asyncio
import gc
import signal
from collections.abc import Callable

import uvloop

from rtc_exporter import logs, useragent
from rtc_exporter.app import aggregator
from rtc_exporter.app.handed import ALONE, Shard
from rtc_exporter.app.server import Server
from rtc_exporter.config import Config

#: Thresholds of the garbage collector.  Reports make and drop thousands of objects without a cycle; with Python's own
#: thresholds (700, 10, 10) looking at those took about a fifth of a profile with 4,000 clients that had just come.
COLLECT = (50_000, 20, 50)


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
    useragent.parse("Mozilla/5.0")  # reads its tables now, and not when the first client comes
    gc.collect()
    gc.set_threshold(*COLLECT)
    gc.freeze()  # what is there now stays: the collector need not look at it again
    await server.run()
    if server.error is not None:
        raise server.error
