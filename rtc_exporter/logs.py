"""
The log: one line for each message, for machines (JSON) or for people.

What a client sent is never in it: our messages are made of our own words and of numbers.  Even so no character of a
line can end it or move a terminal's cursor, and no message comes more often than once a second: the next one says how
many were left out.
"""

import json
import logging
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

#: Seconds between two lines of one message, and how many may come at once before that.
INTERVAL = 1.0
BURST = 3
#: Messages that are told apart; there are fewer in the program.
MESSAGES = 256

logger = logging.getLogger("rtc_exporter")


class Limit(logging.Filter):
    """Lets each message (the text before its values are put in) through once a second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        #: Message -> what it may still say, since when, and how often it was left out since it last came.
        self._messages: OrderedDict[tuple[str, str], tuple[float, float, int]] = OrderedDict()
        #: Lines that were left out so far.
        self.suppressed = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it comes; one that does is told how many did not."""
        now = self._clock()
        key = (str(record.msg)[:200], str(getattr(record, "reason", "")))
        allowance, since, missed = self._messages.pop(key, (float(BURST), now, 0))
        allowance = min(float(BURST), allowance + (now - since) / INTERVAL)
        comes = allowance >= 1.0
        self._messages[key] = (allowance - 1.0, now, 0) if comes else (allowance, now, missed + 1)
        while len(self._messages) > MESSAGES:
            self._messages.popitem(last=False)
        if comes and missed:
            record.suppressed = missed
        self.suppressed += not comes
        return comes


class Lines(logging.Formatter):
    """One JSON object on each line, ASCII alone: whatever is in it is escaped."""

    def __init__(self, shard: str = "") -> None:
        super().__init__()
        self._shard = shard

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, object] = {
            "time": when.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if self._shard:
            told["shard"] = self._shard
        for name in ("reason", "stack", "suppressed"):
            if hasattr(record, name):
                told[name] = getattr(record, name)
        if record.exc_info:
            told["stack"] = trace(record)
        return json.dumps(told)


class Text(logging.Formatter):
    """For people: time, level, message."""

    def __init__(self, shard: str = "") -> None:
        super().__init__()
        self._who = f"[{shard}] " if shard else ""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", timespec="milliseconds")[:23]
        line = f"{when} {record.levelname} {self._who}{printable(record.getMessage())}"
        if missed := getattr(record, "suppressed", 0):
            line += f" ({missed} more of these)"
        stack = getattr(record, "stack", "") or (trace(record) if record.exc_info else "")
        return "\n".join((line, *(printable(row) for row in str(stack).splitlines())))


def trace(record: logging.LogRecord) -> str:
    """Where it happened: files, lines and the kind of error, never its text, which may hold what a client sent."""
    rows = []
    kind, _, at = record.exc_info or (None, None, None)
    while at is not None:
        code = at.tb_frame.f_code
        rows.append(f"{code.co_filename}:{at.tb_lineno} in {code.co_name}")
        at = at.tb_next
    return "\n".join((*rows, getattr(kind, "__name__", "")))


def printable(text: str) -> str:
    """The text with every control, bidi and surrogate character escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def setup(level: str, form: str, stream: TextIO | None = None, shard: str = "") -> Limit:
    """
    Send everything to the stream (standard error); ``auto`` is text on a terminal, and JSON elsewhere.

    ``shard``: which of several processes this is, which each line says then.
    """
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    is_text = form == "text" or (form == "auto" and stream.isatty())
    handler.setFormatter(Text(shard) if is_text else Lines(shard))
    limit = Limit()
    handler.addFilter(limit)
    # What libraries have to say is not ours to choose: their lines may hold addresses of requests.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logger.setLevel(level.upper())
    return limit
