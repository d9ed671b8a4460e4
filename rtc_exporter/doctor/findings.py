"""What a check found."""

from enum import Enum
from typing import NamedTuple


class Level(Enum):
    """How it is; in this order it gets worse."""

    SKIPPED = "skipped"
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(NamedTuple):
    """What was seen, and what to do where that is not well."""

    level: Level
    said: str
    advice: str = ""


def ok(said: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, said)


def warning(said: str, advice: str) -> Finding:
    """It works, and will not always."""
    return Finding(Level.WARNING, said, advice)


def failed(said: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(Level.FAILED, said, advice)


def skipped(said: str) -> Finding:
    """It could not be looked at."""
    return Finding(Level.SKIPPED, said)
