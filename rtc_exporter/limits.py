"""
What one client, and all clients together, may cost.

Every growing thing has its bound here; what is refused is counted by reason.  The numbers
are ten to a hundred times what real clients need (measured: a six-party SFU report is 60 kB,
a start-up burst of rtcstats-js a hundred frames).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds with their defaults; sizes in bytes, rates per second."""

    #: One WebSocket message, or one line of a file.
    frame_bytes: int = 1 << 20
    #: A POST of reports, after decompression.
    body_bytes: int = 8 << 20
    #: A POST of a dump file, before decompression, and after.
    dump_bytes: int = 64 << 20
    dump_bytes_unpacked: int = 256 << 20
    #: Frames of one connection, sustained; rtcstats-js flushes its start-up buffer in one burst.
    frames_per_second: float = 60.0
    frames_burst: int = 1000
    #: Open WebSocket connections.
    connections: int = 20_000
    #: Peer connections that one client may name, and stats objects in one report.
    peer_connections: int = 64
    stats: int = 2000
    #: Live participants; one more is refused, so that nobody can push out who is here.
    participants: int = 50_000
    #: Characters of an id that a client chooses: session, participant, peer connection, stats, track.
    id_length: int = 128
    #: Characters of any other string that is kept.
    text_length: int = 256
    #: Levels of nesting in JSON; a getStats report has five.
    depth: int = 32
