"""
Formulas that say whether something is wrong rather than how much of it there is: 1.0 where it is, 0.0 where it is not.

Each reads several members, or several objects of one fold; ``signals`` has their rows.  None wherever what it takes is
not there.
"""

from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.formulas import loudness, rate
from rtc_exporter.model import Members
from rtc_exporter.plans import number

#: Fewer frames in an interval say nothing about a decoder.
FRAMES = 10
#: Above this share of lost packets nobody can tell whether the decoder is at fault (ObserveRTC).
LOSSY = 0.02
#: Bytes a second, 10 kbit/s, from which on video is being received (ObserveRTC).
FLOWING = 1250.0
#: Key frames that were asked for in an interval, from which on nobody answers (ObserveRTC).
ASKED = 2
#: Share of samples inserted or removed from which on the jitter buffer is at work (ObserveRTC).
STRETCHED = 0.02
#: Bits a second under which video cannot be sent (webrtc-issue-detector).
LEAST_BITRATE = 100_000
#: Root mean square under which a microphone captures no speech (ObserveRTC), and without noise it is switched off.
SILENT = 0.001
#: dB: what Chromium says before its canceller has an estimate (recorded: -30); a return loss under
#: the second is an echo, an enhancement under the third leaves it to be heard (rtcStats).
NO_ESTIMATE, ECHO, CANCELLED = -30.0, 10.0, 6.0
#: Share of its time that an encoder works from which on lost frames are its own fault.
BUSY = 0.4

_DECODING = rate("totalDecodeTime", most=2.0)
_ENCODING = rate("totalEncodeTime", most=2.0)


def _is_lossy(thing: MonitoredObject) -> bool:
    lost, received = thing.increments.get("packetsLost", 0.0), thing.increments.get("packetsReceived", 0.0)
    return lost > LOSSY * (received + lost)


def decode_load(thing: MonitoredObject, fold: Fold) -> float | None:
    """Share of its time that the decoder worked, of frames that came whole."""
    frames = thing.increments.get("framesReceived")
    if frames is None or frames < FRAMES or _is_lossy(thing):
        return None
    return _DECODING.formula(thing, fold)


def dropped_ratio(thing: MonitoredObject, fold: Fold) -> float | None:
    """Share of the frames that came whole and were not shown."""
    frames, dropped = thing.increments.get("framesReceived"), thing.increments.get("framesDropped")
    if frames is None or dropped is None or frames < FRAMES or thing.elapsed is None or _is_lossy(thing):
        return None
    return min(1.0, dropped / frames)


def _is_asking(thing: MonitoredObject) -> bool | None:
    """Whether nothing is decoded though key frames were asked for; None where the browser does not say."""
    decoded, asked = thing.increments.get("framesDecoded"), thing.increments.get("pliCount")
    if decoded is None or asked is None or not thing.elapsed or not thing.members.get("framesDecoded"):
        return None
    return not decoded and asked >= ASKED


def undecodable(thing: MonitoredObject, fold: Fold) -> float | None:
    """Video comes, and none of it can be decoded."""
    asking, received = _is_asking(thing), thing.increments.get("bytesReceived")
    if asking is None or received is None or not thing.elapsed:
        return None
    return float(asking and received >= FLOWING * thing.elapsed)


def unanswered(thing: MonitoredObject, fold: Fold) -> float | None:
    """Key frames are asked for, and next to nothing comes."""
    asking, received = _is_asking(thing), thing.increments.get("bytesReceived")
    if asking is None or received is None or not thing.elapsed:
        return None
    return float(asking and received < FLOWING * thing.elapsed)


def playout_offset(thing: MonitoredObject, fold: Fold) -> float | None:
    """Seconds between the sound and the picture that play now; of one stream each, since nobody says which belong."""
    mine, found = number(thing.members, "estimatedPlayoutTimestamp"), None
    if thing.elapsed is None or mine is None or thing.members.get("kind") != "video":
        return None
    for other in fold.changed:
        if other.type == "inbound-rtp" and other is not thing and other.increments.get("packetsReceived"):
            if found is not None or other.members.get("kind") != "audio":
                return None
            found = number(other.members, "estimatedPlayoutTimestamp")
    return None if found is None else abs(found - mine) / 1000


def stressed_buffer(thing: MonitoredObject, fold: Fold) -> float | None:
    """The delay that the jitter buffer aims for while it stretches time, else 0."""
    gained = thing.increments.get
    target, emitted, total = (
        gained("jitterBufferTargetDelay"), gained("jitterBufferEmittedCount"), gained("totalSamplesReceived")
    )  # fmt: skip
    more, less = gained("insertedSamplesForDeceleration"), gained("removedSamplesForAcceleration")
    if target is None or more is None or less is None or not emitted or not total or thing.elapsed is None:
        return None
    return target / emitted if (more + less) / total > STRETCHED else 0.0


def encode_load(thing: MonitoredObject, fold: Fold) -> float | None:
    """Share of its time that an encoder in software worked."""
    return None if thing.members.get("powerEfficientEncoder") is True else _ENCODING.formula(thing, fold)


def _frames_offered(thing: MonitoredObject, fold: Fold) -> float | None:
    source = fold.objects.get(str(thing.members.get("mediaSourceId", "")))
    if source is None or thing.elapsed is None or thing.members.get("active") is False:
        return None
    return source.increments.get("frames")


def encode_shortfall(thing: MonitoredObject, fold: Fold) -> float | None:
    """
    Share of the frames captured that a busy encoder did not encode.

    An application may ask for fewer, and bandwidth may not carry more: only an encoder that has much to do is blamed.
    """
    offered, encoded = _frames_offered(thing, fold), thing.increments.get("framesEncoded")
    load, reason = encode_load(thing, fold), thing.members.get("qualityLimitationReason")
    if offered is None or encoded is None or load is None or reason is None or offered < FRAMES:
        return None
    return max(0.0, 1 - encoded / offered) if reason != "bandwidth" and load > BUSY else 0.0


def encodes_nothing(thing: MonitoredObject, fold: Fold) -> float | None:
    """The camera gives frames, the connection carries packets, and no layer encodes anything."""
    offered, mine = _frames_offered(thing, fold), thing.increments.get("framesEncoded")
    if offered is None or mine is None:
        return None
    if mine or offered < FRAMES:
        return 0.0
    source, encoded, sent = thing.members.get("mediaSourceId"), 0.0, 0.0
    for other in fold.changed:
        if other.type == "outbound-rtp":
            sent += other.increments.get("packetsSent", 0.0)
            if other.members.get("mediaSourceId") == source:
                encoded += other.increments.get("framesEncoded", 0.0)
    return float(not encoded and sent > 0)


def sends_nothing(thing: MonitoredObject, fold: Fold) -> float | None:
    """Something is captured and encoded, the other side is heard, and no packet leaves that left before."""
    members, sent = thing.members, thing.increments.get("packetsSent")
    source = fold.objects.get(str(members.get("mediaSourceId", "")))
    if source is None or sent is None or not thing.elapsed or members.get("active") is False:
        return None
    if sent or not members.get("packetsSent"):
        return 0.0
    captured = source.increments.get("frames") or source.increments.get("totalSamplesDuration")
    heard = any(other.type == "transport" and other.increments.get("packetsReceived") for other in fold.changed)
    return float(bool(captured) and heard)


def starves_top(thing: MonitoredObject, fold: Fold) -> float | None:
    """The highest simulcast layer is active and sends nothing, while a lower one does."""
    members, sent = thing.members, thing.increments.get("bytesSent")
    rank = number(members, "encodingIndex")
    if rank is None or sent is None or not thing.elapsed or members.get("rid") is None:
        return None
    source, others = members.get("mediaSourceId"), 0.0
    for other in fold.changed:
        if other.type == "outbound-rtp" and other is not thing and other.members.get("mediaSourceId") == source:
            if (number(other.members, "encodingIndex") or 0) > rank:
                return None
            others += other.increments.get("bytesSent", 0.0)
    return float(members.get("active") is not False and not sent and others > 0)


def starved(thing: MonitoredObject, fold: Fold) -> float | None:
    """The estimate of bandwidth is too low for the audio that is sent, or for any video."""
    estimate = number(thing.members, "availableOutgoingBitrate")
    if estimate is None or thing.elapsed is None or thing.id != fold.selected:
        return None
    least = 0.0
    for other in fold.changed:
        if other.type == "outbound-rtp" and other.increments.get("packetsSent"):
            is_video = other.members.get("kind") == "video"
            least += LEAST_BITRATE if is_video else number(other.members, "targetBitrate") or 0.0
    return float(estimate < least) if least else None


def _local(thing: MonitoredObject, fold: Fold) -> Members | None:
    """The local candidate of the path in use."""
    if thing.elapsed is None or thing.id != fold.selected:
        return None
    found: Members | None = fold.stats.get(str(thing.members.get("localCandidateId", "")))
    return found


def over_tcp(thing: MonitoredObject, fold: Fold) -> float | None:
    """Media goes over TCP or TLS: what is lost holds up what comes after."""
    local = _local(thing, fold)
    if local is None or "protocol" not in local:
        return None
    is_relay = local.get("candidateType") == "relay"
    return float(local.get("relayProtocol" if is_relay else "protocol") in ("tcp", "tls"))


def over_vpn(thing: MonitoredObject, fold: Fold) -> float | None:
    """Media goes through a VPN, as far as the browser knows."""
    local = _local(thing, fold)
    return None if local is None or "networkType" not in local else float(local["networkType"] == "vpn")


def stun_unanswered(thing: MonitoredObject, fold: Fold) -> float | None:
    """STUN requests went out on the path in use, and no answer came."""
    asked, answered = thing.increments.get("requestsSent"), thing.increments.get("responsesReceived")
    if asked is None or answered is None or thing.elapsed is None or thing.id != fold.selected or not asked:
        return None
    return float(not answered)


def bleached(thing: MonitoredObject, fold: Fold) -> float | None:
    """Something on the way took ECN marks off packets (RFC 9331)."""
    marked = thing.increments.get("packetsWithBleachedEct1Marking")
    return None if marked is None or thing.elapsed is None else float(marked > 0)


def silent_microphone(thing: MonitoredObject, fold: Fold) -> float | None:
    """Only noise is captured.  No noise at all is a track that is disabled, or a device that is: it is not judged."""
    level = loudness(thing)
    return None if not level or thing.elapsed is None or fold.mutes(thing) else float(level <= SILENT)


def echoes(thing: MonitoredObject, fold: Fold) -> float | None:
    """The loudspeaker is heard in the microphone, and the echo canceller takes little of it away."""
    loss, enhancement = number(thing.members, "echoReturnLoss"), number(thing.members, "echoReturnLossEnhancement")
    if thing.elapsed is None or loss is None or enhancement is None or loss <= NO_ESTIMATE:
        return None
    return float(loss < ECHO and enhancement < CANCELLED)
