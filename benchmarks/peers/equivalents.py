"""
The reports of a recorded client as others take them: pushes, StatsD packets, samples of ObserveRTC's.

Each says of a report what it can: all numbers of it, under the W3C's names.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.load import Recording
from rtc_exporter.model import Members, ParticipantKey, Report
from rtc_exporter.wire.rtcstats import Decoder

#: Bytes of a packet that no network has to cut.
PACKET = 1432
#: The name of the only peer connection; ObserveRTC's wants a UUID.
CONNECTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
#: What of a sample holds the streams of a stats type and kind (schema 2 of ObserveRTC's samples).
TRACKS = {
    ("inbound-rtp", "audio"): "inboundAudioTracks", ("inbound-rtp", "video"): "inboundVideoTracks",
    ("outbound-rtp", "audio"): "outboundAudioTracks", ("outbound-rtp", "video"): "outboundVideoTracks",
}  # fmt: skip


def reports(recording: Recording) -> Iterator[tuple[float, dict[str, Members]]]:
    """The whole reports of a client: time, stats id -> members."""
    decoder = Decoder(ParticipantKey("session", "participant"))
    for text in recording.texts:
        for record in decoder.receive(text, 0.0):
            if isinstance(record, Report):
                yield record.time, {ident: dict(members) for ident, members in record.stats.items()}


def numbers(stats: Mapping[str, Members]) -> Iterator[tuple[str, str, float]]:
    """Name, stats id and value of all numbers of a report."""
    for ident, members in stats.items():
        for name, value in members.items():
            if not isinstance(value, str | bool):
                yield re.sub(r"\W", "_", f"webrtc_{members['type']}_{name}"), ident, value


def push(stats: Mapping[str, Members]) -> bytes:
    """The body of a push: the numbers of a participant as gauges."""
    families: dict[str, list[str]] = {}
    for name, ident, value in numbers(stats):
        families.setdefault(name, []).append(f'{name}{{id="{ident}"}} {value}\n')
    return "".join(f"# TYPE {name} gauge\n{''.join(lines)}" for name, lines in families.items()).encode()


def packets(stats: Mapping[str, Members], before: Mapping[str, Members], participant: str) -> list[bytes]:
    """What has changed since the report before, as StatsD gauges with tags, in as many packets as it takes."""
    known = {(name, ident): value for name, ident, value in numbers(before)}
    found, size = [bytearray()], 0
    for name, ident, value in numbers(stats):
        if known.get((name, ident)) != value and value >= 0:
            line = f"{name}:{value}|g|#participant:{participant},id:{ident}\n".encode()
            if len(found[-1]) + len(line) > PACKET:
                found.append(bytearray())
            found[-1] += line
            size += len(line)
    return [bytes(packet) for packet in found]


def sample(time: float, stats: Mapping[str, Members]) -> str:
    """A sample of ObserveRTC's clients."""
    found: dict[str, Any] = {"timestamp": round(time * 1000), "pcTransports": [_transport(stats)]}
    for members in stats.values():
        place = TRACKS.get((str(members["type"]), str(members.get("kind"))))
        if place is not None:
            source = stats.get(str(members.get("mediaSourceId")), {})
            remote = next((one for one in stats.values() if one.get("localId") in stats and _is_of(one, members)), {})
            track = members.get("trackIdentifier") or source.get("trackIdentifier")
            whole = {**source, **remote, **members, "peerConnectionId": CONNECTION, "trackId": track}
            found.setdefault(place, []).append({name: value for name, value in whole.items() if name != "type"})
    return json.dumps(found)


def _is_of(remote: Members, stream: Members) -> bool:
    return str(remote["type"]).startswith("remote-") and remote.get("ssrc") == stream.get("ssrc")


def _transport(stats: Mapping[str, Members]) -> dict[str, Any]:
    transport = next((members for members in stats.values() if members["type"] == "transport"), {})
    pair = stats.get(str(transport.get("selectedCandidatePairId")), {})
    path = {f"candidatePair{name[0].upper()}{name[1:]}": value for name, value in pair.items() if name != "type"}
    return {**transport, **path, "transportId": CONNECTION, "peerConnectionId": CONNECTION}
