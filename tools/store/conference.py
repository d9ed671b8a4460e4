"""
A call of five through a media server, in which one participant has a bad uplink: made up, not recorded.

No recording has more than four participants or is longer than a minute.  Counters grow here by what a browser would
count each five seconds; what becomes of them is the exporter's own work.  ``kim`` sends through a wireless network
that loses a tenth of the packets while the fault is there; the others lose kim's packets and nobody else's.
"""

import random
from collections.abc import Iterator
from typing import Any

from rtc_exporter.model import Event, Joined, Left, Member, ParticipantKey, PeerConnectionKey, Record, Report

SESSION = "weekly-planning"
#: Participant -> country, network, browser, version, system.
PEOPLE = {
    "ana": ("DE", "wired", "Chrome", "156", "Windows"),
    "ben": ("FR", "wifi", "Firefox", "145", "macOS"),
    "kim": ("US", "wifi", "Chrome", "156", "macOS"),
    "lou": ("FR", "wired", "Edge", "156", "Windows"),
    "tom": ("DE", "wifi", "Chrome", "156", "Linux"),
}
SUFFERING = "kim"
EVERY = 5.0
LOST = 0.12
#: Packets, bytes and frames of five seconds.
PACKETS = {"audio": 250, "video": 500}
BYTES = {"audio": 20_000, "video": 550_000}
FRAMES, SAMPLES = 150, 240_000

Objects = dict[str, dict[str, Member]]


def records(
    tenant: str, start: float, end: float, begin: float, over: float
) -> Iterator[tuple[float, int, str, Record]]:
    """The call of a tenant from ``start`` to ``end``; kim's network is bad from ``begin`` to ``over``."""
    chance = random.Random(SESSION)
    number = 0
    states: dict[str, Objects] = {name: {} for name in PEOPLE}
    told: list[tuple[float, Record]] = []
    for place, (name, (country, _, browser, version, system)) in enumerate(PEOPLE.items()):
        key, at = PeerConnectionKey(SESSION, name, "PC_0"), start + place * 2.0
        attributes = {
            "rtc.app.name": "meet", "rtc.app.version": "1.9", "geo.country.iso_code": country,
            "user_agent.name": browser, "user_agent.version": version, "user_agent.os.name": system,
        }  # fmt: skip
        told.append((at, Joined(ParticipantKey(SESSION, name), at, attributes)))
        for after, event, facts in (
            (0.1, "create", {}), (0.3, "iceconnectionstatechange", {"state": "connected"}),
            (0.4, "connectionstatechange", {"state": "connected"}),
        ):  # fmt: skip
            told.append((at + after, Event(key, at + after, event, facts)))
        now = at + EVERY
        while now < end:
            is_bad = begin <= now < over
            _grow(states[name], name, is_bad, chance, now)
            stats: Any = {ident: dict(members) for ident, members in states[name].items()}
            told.append((now, Report(key, now, now, stats, {})))
            now += EVERY
        told.append((end + place, Left(ParticipantKey(SESSION, name), end + place, "closed")))
    for time, record in sorted(told, key=lambda row: row[0]):
        number -= 1
        yield time, number, tenant, record


def _grow(objects: Objects, name: str, is_bad: bool, chance: random.Random, now: float) -> None:
    """Five seconds of one participant."""
    mine = is_bad and name == SUFFERING
    _path(objects, name, mine, chance)
    for kind, codec in (("audio", "opus"), ("video", "vp8")):
        objects[codec] = {"type": "codec", "mimeType": f"{kind}/{'opus' if kind == 'audio' else 'VP8'}"}
        lost = round(PACKETS[kind] * LOST * chance.uniform(0.7, 1.3)) if mine else 0
        ssrc = _ssrc(name, kind)
        common: dict[str, Member] = {"kind": kind, "ssrc": ssrc, "codecId": codec}
        sent = _object(objects, f"out-{kind}", type="outbound-rtp", mediaSourceId=f"source-{kind}", mid=kind, **common)
        _add(sent, packetsSent=PACKETS[kind], bytesSent=BYTES[kind] * (0.6 if mine else 1.0))
        source = _object(objects, f"source-{kind}", type="media-source", kind=kind, trackIdentifier=f"{name}-{kind}")
        if kind == "video":
            _add(
                sent,
                framesEncoded=FRAMES,
                framesSent=FRAMES,
                totalEncodeTime=FRAMES * 0.006,
                retransmittedPacketsSent=lost,
            )
            reason = "bandwidth" if mine else "none"
            sent["qualityLimitationReason"] = reason
            for each in ("bandwidth", "cpu", "none"):
                _add(sent, **{f"qualityLimitationDurations.{each}": EVERY if each == reason else 0.0})
            sent |= {"framesPerSecond": 30.0, "frameWidth": 1280, "frameHeight": 720}
            _add(source, frames=FRAMES)
            source |= {"framesPerSecond": 30.0, "width": 1280, "height": 720}
        else:
            _add(source, totalAudioEnergy=0.3, totalSamplesDuration=EVERY)
            source["audioLevel"] = 0.25
        heard = _object(objects, f"told-{kind}", type="remote-inbound-rtp", localId=f"out-{kind}", **common)
        _add(heard, packetsLost=lost, packetsReceived=PACKETS[kind] - lost, roundTripTimeMeasurements=5)
        trip = (0.19 if mine else 0.035) * chance.uniform(0.8, 1.25)
        _add(heard, totalRoundTripTime=5 * trip)
        heard |= {
            "timestamp": now,
            "roundTripTime": trip,
            "fractionLost": lost / PACKETS[kind],
            "jitter": 0.045 if mine else 0.004,
        }
        for other in PEOPLE:
            if other != name:
                _receive(objects, other, kind, codec, is_bad and other == SUFFERING, chance)


def _receive(objects: Objects, other: str, kind: str, codec: str, is_bad: bool, chance: random.Random) -> None:
    """What comes from another participant, over the media server."""
    stream = _object(
        objects, f"in-{other}-{kind}", type="inbound-rtp", kind=kind, ssrc=_ssrc(other, kind), codecId=codec,
        mid=f"{other}-{kind}", trackIdentifier=f"{other}-{kind}",
    )  # fmt: skip
    lost = round(PACKETS[kind] * LOST * chance.uniform(0.7, 1.3)) if is_bad else 0
    _add(stream, packetsReceived=PACKETS[kind] - lost, packetsLost=lost, bytesReceived=BYTES[kind])
    stream["jitter"] = (0.045 if is_bad else 0.004) * chance.uniform(0.8, 1.2)
    if kind == "audio":
        _add(
            stream, totalSamplesReceived=SAMPLES, totalSamplesDuration=EVERY, totalAudioEnergy=0.3,
            concealedSamples=round(SAMPLES * lost / PACKETS[kind] * 0.8), silentConcealedSamples=0,
            concealmentEvents=lost, jitterBufferEmittedCount=SAMPLES,
            jitterBufferDelay=SAMPLES * (0.12 if is_bad else 0.04),
        )  # fmt: skip
        stream["audioLevel"] = 0.25
        return
    frozen = chance.uniform(0.4, 1.4) if is_bad else 0.0
    frames = round(FRAMES * (1 - frozen / EVERY))
    _add(
        stream, framesReceived=frames, framesDecoded=frames, keyFramesDecoded=1, totalDecodeTime=frames * 0.004,
        freezeCount=2 if is_bad else 0, totalFreezesDuration=frozen, framesDropped=0,
        jitterBufferEmittedCount=frames, jitterBufferDelay=frames * (0.15 if is_bad else 0.05),
    )  # fmt: skip
    stream |= {"framesPerSecond": frames / EVERY, "frameWidth": 1280, "frameHeight": 720}


def _path(objects: Objects, name: str, mine: bool, chance: random.Random) -> None:
    network = {"wired": "ethernet"}.get(PEOPLE[name][1], PEOPLE[name][1])
    objects["local"] = {"type": "local-candidate", "candidateType": "srflx", "protocol": "udp", "networkType": network}
    objects["remote"] = {"type": "remote-candidate", "candidateType": "host", "protocol": "udp"}
    pair = _object(
        objects, "pair", type="candidate-pair", state="succeeded", nominated=True, selected=True,
        localCandidateId="local", remoteCandidateId="remote", transportId="transport",
    )  # fmt: skip
    trip = (0.19 if mine else 0.03) * chance.uniform(0.8, 1.25)
    _add(
        pair,
        responsesReceived=2,
        requestsSent=2,
        totalRoundTripTime=2 * trip,
        bytesSent=570_000,
        bytesReceived=2_280_000,
    )
    _add(pair, packetsSent=750, packetsReceived=3000)
    pair |= {"currentRoundTripTime": trip, "availableOutgoingBitrate": 620_000.0 if mine else 4_000_000.0}
    transport = _object(objects, "transport", type="transport", selectedCandidatePairId="pair", dtlsState="connected")
    _add(transport, bytesSent=570_000, bytesReceived=2_280_000, packetsSent=750, packetsReceived=3000)
    transport |= {"iceState": "connected"}


def _ssrc(name: str, kind: str) -> int:
    return 1000 + 10 * list(PEOPLE).index(name) + (kind == "video")


def _object(objects: Objects, ident: str, **members: Member) -> dict[str, Member]:
    return objects.setdefault(ident, dict(members))


def _add(members: dict[str, Member], **gained: float) -> None:
    for name, value in gained.items():
        before = members.get(name, 0)
        assert isinstance(before, int | float)
        members[name] = before + value
