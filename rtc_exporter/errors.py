"""
Every error that this program raises on purpose.

    RtcExporterError
    ├── ConfigError      a setting is wrong: message on stderr, exit status 2, before any port is opened
    └── ClientError      the sender's fault: counted by ``reason``, answered with a close code or a status
        ├── FrameError   one frame cannot be used and is dropped        1007 / 400
        ├── AuthError    no, bad or expired credentials                 1008 / 401
        ├── OriginError  a page from elsewhere                          1008 / 403
        ├── LimitError   too large, too many, too fast                  1009 / 413
        └── BusyError    no room now: come back later                   1013 / 503

Anything else that escapes is our own bug: logged with its trace, counted, close code 1011 or status 500.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something from a client was refused; a closed set, because it is a label value."""

    BAD_JSON = "bad_json"
    BAD_FRAME = "bad_frame"
    BAD_TIME = "bad_time"
    BAD_STATS = "bad_stats"
    BAD_DUMP = "bad_dump"
    BAD_ENCODING = "bad_encoding"
    BAD_IDENTITY = "bad_identity"
    BAD_TOKEN = "bad_token"
    BAD_ORIGIN = "bad_origin"
    BAD_REQUEST = "bad_request"
    UNKNOWN_FORMAT = "unknown_format"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    TOO_FAST = "too_fast"
    TOO_SLOW = "too_slow"
    NO_BASE = "no_base"
    NO_MEMORY = "no_memory"
    NO_ENGINE = "no_engine"


class RtcExporterError(Exception):
    """Root of all errors raised on purpose."""


class ConfigError(RtcExporterError):
    """A setting is wrong; the text names the setting, what was got and what was wanted."""


class ClientError(RtcExporterError):
    """
    Something that a client sent cannot be used.

    ``close_code`` and ``status`` are hints for the shell: the core does not
    know whether the bytes came in over a WebSocket or a POST.  The text is
    ours alone and never repeats what the client sent.
    """

    close_code = 1007
    status = 400

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class FrameError(ClientError):
    """One frame is refused; the connection goes on."""


class AuthError(ClientError):
    """The credentials are missing, wrong or expired."""

    close_code = 1008
    status = 401


class OriginError(ClientError):
    """The page that connects is not on the list of allowed origins."""

    close_code = 1008
    status = 403


class LimitError(ClientError):
    """More or larger than one client may send."""

    close_code = 1009
    status = 413


class BusyError(ClientError):
    """There is no room for one more at the moment; whoever waits a little may come again."""

    close_code = 1013
    status = 503
