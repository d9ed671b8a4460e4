"""
What systemd is told of a service with ``Type=notify`` (sd_notify(3)): one datagram for each message.

The protocol is a socket's name in a variable and lines of text, so it needs no library.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping


class Notify:
    """Tells the service manager, where there is one."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        microseconds = environ.get("WATCHDOG_USEC", "")
        is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        #: Seconds after which the manager wants to hear from us; 0 where it does not.
        self.watchdog = int(microseconds) / 1e6 if microseconds.isdecimal() and is_ours else 0.0

    def ready(self) -> None:
        """The service runs."""
        self._send("READY=1")

    def reloading(self) -> None:
        """It reads its configuration again; ``ready`` says when that is done."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It is about to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """It is not stuck."""
        if self.watchdog:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        # A name that begins with @ is in the abstract namespace.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(0.1)
            with contextlib.suppress(OSError):  # a manager that does not listen is no reason to stop
                sock.sendto(message.encode(), address)
