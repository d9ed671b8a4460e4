"""
What a participant's call was like, in one row: the answer to "the customer says the call at 10:15 was bad".

Made of what the pipeline sums while the call runs.  What a browser did not report is None, never zero.
"""

from typing import NamedTuple

from rtc_exporter.sessions import Participant, PeerConnection


class ConnectionSummary(NamedTuple):
    """One peer connection: how the attempt to connect ended, over which path, with which codecs."""

    peer_connection: str
    outcome: str | None
    state: str
    path: str | None
    codecs_in: tuple[str, ...]
    codecs_out: tuple[str, ...]


class Summary(NamedTuple):
    """One participant.  Times in Unix seconds, durations in seconds, ratios from 0 to 1."""

    session: str
    participant: str
    client: str | None
    start: float
    duration: float
    peer_connections: tuple[ConnectionSummary, ...]
    packets_received: float | None
    packets_lost: float | None
    inbound_loss_ratio: float | None
    packets_sent: float | None
    remote_packets_lost: float | None
    outbound_loss_ratio: float | None
    round_trip_time_mean: float | None
    round_trip_time_max: float | None
    freezes: float | None
    freeze_time: float | None
    concealment_ratio: float | None
    errors: dict[str, int]


def summarise(participant: Participant, end: float) -> Summary:
    """The call of a participant that ended, or is looked at, at ``end``."""
    total = participant.total
    received, lost = total("inbound-rtp", "packetsReceived"), total("inbound-rtp", "packetsLost")
    sent, remote_lost = total("outbound-rtp", "packetsSent"), total("remote-inbound-rtp", "packetsLost")
    samples, concealed = total("inbound-rtp", "totalSamplesReceived"), total("inbound-rtp", "concealedSamples")
    seconds, count, largest = participant.rtt
    return Summary(
        session=participant.key.session,
        participant=participant.key.participant,
        client=_client(participant),
        start=participant.joined,
        duration=max(0.0, end - participant.joined),
        peer_connections=tuple(_connection(connection) for connection in participant.peer_connections.values()),
        packets_received=received,
        packets_lost=lost,
        inbound_loss_ratio=_ratio(lost, None if received is None else received + (lost or 0.0)),
        packets_sent=sent,
        remote_packets_lost=remote_lost,
        outbound_loss_ratio=_ratio(remote_lost, sent),
        round_trip_time_mean=seconds / count if count else None,
        round_trip_time_max=largest if count else None,
        freezes=total("inbound-rtp", "freezeCount"),
        freeze_time=total("inbound-rtp", "totalFreezesDuration"),
        concealment_ratio=_ratio(concealed, samples),
        errors=dict(participant.errors),
    )


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _client(participant: Participant) -> str | None:
    names = [
        participant.cohort.get(name, "") for name in ("user_agent.name", "user_agent.version", "user_agent.os.name")
    ]
    return " ".join(name for name in names if name) or None


def _connection(connection: PeerConnection) -> ConnectionSummary:
    path = [connection.path.get(name, "") for name in ("rtc.ice.candidate.type", "rtc.ice.transport")]
    codecs = sorted(connection.codecs)
    return ConnectionSummary(
        connection.key.peer_connection,
        connection.setup.outcome,
        connection.setup.last_state,
        "/".join(part for part in path if part) or None,
        tuple(codec for direction, _kind, codec in codecs if direction == "inbound"),
        tuple(codec for direction, _kind, codec in codecs if direction == "outbound"),
    )
