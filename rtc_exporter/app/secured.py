"""
The listener for operators behind its web config file, which may change while the process runs.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from rtc_exporter import webconfig
from rtc_exporter.app.guard import Guard
from rtc_exporter.errors import ConfigError
from rtc_exporter.webconfig import WebConfig

logger = logging.getLogger("rtc_exporter")


class Secured:
    """An application, and who may ask it."""

    def __init__(
        self, app: ASGIApp, web: WebConfig, answered: Callable[[str], None], reloaded: Callable[[str], None]
    ) -> None:
        """``answered`` is told what became of each request, ``reloaded`` what became of another version of the file."""
        self.web = web
        self._guard = Guard(app, web, answered, time.monotonic)
        self._reloaded = reloaded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._guard(scope, receive, send)

    def take(self, web: WebConfig) -> None:
        """The web config file is another, or says something else; raises ``ConfigError`` where it may not."""
        self.web = webconfig.renewed(self.web, web)
        self._guard.configure(self.web)

    def look(self, path: Path | None) -> None:
        """A certificate was renewed, or a password changed: nobody has to send a signal for that."""
        if not self.web.stamps or not webconfig.changed(self.web):
            return
        try:
            self.take(webconfig.read(path) if path else WebConfig())
        except ConfigError as exc:
            # Once for each version of the files, and again when they change again.
            self.web = webconfig.as_it_is(self.web)
            logger.error("the web config file has changed and is refused, what was is kept: %s", exc)
            self._reloaded("refused")
        else:
            logger.info("the web config file has changed and is in use")
            self._reloaded("applied")
