"""
What two successive stats objects say together: ratios, rates, means, durations.

A formula gets a monitored object and the fold it is in, and answers None wherever it cannot judge: a member that the
browser does not report, nothing to divide by, a first sight, a restart, a gap.  None is never 0.  The catalogue
names signals as ``stats-type:signal``; to add one, add a row, and a formula only where no old one fits.

Rates are in bytes a second, times in seconds, levels from 0 to 1.

What is measured, judged, scored and sampled reads many of the same signals.  So a value is kept with its object for as
long as the fold lasts: ``unread`` begins the list of an object, in the order of ``BY_TYPE``, and who comes upon
``UNREAD`` computes it for all.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from math import sqrt
from typing import Final, NamedTuple

from rtc_exporter import conditions, w3c
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.formulas import Formula, Reading, by, combined, either, gauge, loudness, rate, ratio, selected
from rtc_exporter.model import Stats
from rtc_exporter.plans import number

#: Below this root mean square a microphone captures digital silence: a quiet room is at 0.001, 16-bit noise at 0.00003.
SILENCE = 1e-4
#: What Chromium reports as echo return loss before its echo canceller has an estimate.
NO_ESTIMATE = -100.0
#: A path that is silent for longer has a clock that is not the page's.
LONGEST_SILENCE = 86_400.0


class Signal(NamedTuple):
    """
    One row: the stats type it is about, its name, how it is computed, from what, and what it means.

    ``place`` is where its value stands among those of an object of this type.
    """

    stats: str
    name: str
    formula: Formula
    reads: tuple[str, ...]
    unless: str
    help: str
    place: int


#: Frames per second of the browser, who measures the last second; else the mean of the interval.
FRAMES_RECEIVED = either(gauge("framesPerSecond"), rate("framesDecoded"), "framesPerSecond")
FRAMES_ENCODED = either(gauge("framesPerSecond"), rate("framesEncoded"), "framesPerSecond")
BITRATE_SENT = rate("bytesSent")
RTCP_TIME = either(
    ratio("totalRoundTripTime", "roundTripTimeMeasurements"), gauge("roundTripTime"), "roundTripTimeMeasurements"
)
STUN_TIME = either(
    ratio("totalRoundTripTime", "responsesReceived"), gauge("currentRoundTripTime"), "totalRoundTripTime"
)


def _shorter(thing: MonitoredObject, width: str, height: str) -> float | None:
    """The shorter side, so that portrait video compares with landscape."""
    across, down = number(thing.members, width), number(thing.members, height)
    return (min(across, down) if across else down) if down else None


def _audio_level(thing: MonitoredObject, fold: Fold) -> float | None:
    if thing.elapsed is None:
        return None
    is_summed = "totalAudioEnergy" in thing.increments and "totalSamplesDuration" in thing.increments
    return loudness(thing) if is_summed else number(thing.members, "audioLevel")


def _inbound_loss(thing: MonitoredObject, fold: Fold) -> float | None:
    lost, received = thing.increments.get("packetsLost"), thing.increments.get("packetsReceived")
    if lost is None or received is None or thing.elapsed is None or not received + lost:
        return None
    return lost / (received + lost)


def _processing_delay(thing: MonitoredObject, fold: Fold) -> float | None:
    unit = "framesDecoded" if thing.members.get("kind") == "video" else "jitterBufferEmittedCount"
    done, delay = thing.increments.get(unit), thing.increments.get("totalProcessingDelay")
    return None if not done or delay is None or thing.elapsed is None else delay / done


def _no_data(thing: MonitoredObject, fold: Fold) -> float | None:
    received = thing.increments.get("packetsReceived")
    if received is None or thing.elapsed is None or fold.mutes(thing) or not thing.members.get("packetsReceived"):
        return None
    return 0.0 if received else thing.elapsed


def _inbound_frame_rate(thing: MonitoredObject, fold: Fold) -> float | None:
    """A muted camera sends no frames, or black ones now and then: neither says anything about the network."""
    return None if fold.mutes(thing) else FRAMES_RECEIVED.formula(thing, fold)


def _inbound_height(thing: MonitoredObject, fold: Fold) -> float | None:
    if thing.elapsed is None or not thing.increments.get("framesDecoded"):
        return None
    return _shorter(thing, "frameWidth", "frameHeight")


def _interframe_jitter(thing: MonitoredObject, fold: Fold) -> float | None:
    gained = thing.increments.get
    frames = gained("framesRendered", gained("framesDecoded"))
    total, squared = gained("totalInterFrameDelay"), gained("totalSquaredInterFrameDelay")
    if not frames or total is None or squared is None or thing.elapsed is None:
        return None
    return sqrt(max(0.0, squared / frames - (total / frames) ** 2))


def _layers(thing: MonitoredObject, fold: Fold) -> list[MonitoredObject]:
    """The active layers of a media source, when asked of the top one; none for the others, so that a source speaks once."""
    if fold.sources is None:
        fold.sources = {}
        for layer in fold.objects.values():
            if layer.type == "outbound-rtp" and layer.members.get("active") is not False:
                fold.sources.setdefault(layer.members.get("mediaSourceId", layer.id), []).append(layer)
        for layers in fold.sources.values():
            layers.sort(key=_rank, reverse=True)
    layers = fold.sources.get(thing.members.get("mediaSourceId", thing.id), [])
    return layers if layers and layers[0] is thing else []


def _rank(layer: MonitoredObject) -> tuple[bool, float, float]:
    """The top layer is the largest of those that encode: an active one may be starved of bandwidth."""
    area = (number(layer.members, "frameWidth") or 0) * (number(layer.members, "frameHeight") or 0)
    return bool(layer.increments.get("framesEncoded")), area, number(layer.members, "encodingIndex") or 0


def _source_bitrate(thing: MonitoredObject, fold: Fold) -> float | None:
    rates = [BITRATE_SENT.formula(layer, fold) for layer in _layers(thing, fold)]
    known = [value for value in rates if value is not None]
    return sum(known) if known and len(known) == len(rates) else None


def _source_target(thing: MonitoredObject, fold: Fold) -> float | None:
    if thing.elapsed is None:
        return None
    targets = [number(layer.members, "targetBitrate") for layer in _layers(thing, fold)]
    known = [value for value in targets if value is not None]
    return sum(known) / 8 if known and len(known) == len(targets) else None


def _source_frame_rate(thing: MonitoredObject, fold: Fold) -> float | None:
    return FRAMES_ENCODED.formula(thing, fold) if _layers(thing, fold) else None


def _source_height(thing: MonitoredObject, fold: Fold) -> float | None:
    if thing.elapsed is None or not thing.increments.get("framesEncoded") or not _layers(thing, fold):
        return None
    return _shorter(thing, "frameWidth", "frameHeight")


def _limited(thing: MonitoredObject, fold: Fold) -> float | None:
    cpu = thing.increments.get("qualityLimitationDurations.cpu")
    bandwidth = thing.increments.get("qualityLimitationDurations.bandwidth")
    if cpu is None or bandwidth is None or not thing.elapsed:
        return None
    return min((cpu + bandwidth) / thing.elapsed, 1.0)


def limited_by(reason: str) -> Reading:
    """Time under a reason for browsers that say which it is now but do not add up how long."""

    def formula(thing: MonitoredObject, fold: Fold) -> float | None:
        now = thing.members.get("qualityLimitationReason")
        if now is None or "qualityLimitationDurations.none" in thing.members or thing.elapsed is None:
            return None
        return thing.elapsed if now == reason else 0.0

    return Reading(formula, ("qualityLimitationReason",), unless="qualityLimitationDurations.none")


def limited_share(reason: str) -> Reading:
    """Share of time under a reason: as added up, else all or nothing, by the reason given now."""
    total = f"qualityLimitationDurations.{reason}"

    def formula(thing: MonitoredObject, fold: Fold) -> float | None:
        if not thing.elapsed:
            return None
        gained = thing.increments.get(total)
        if gained is not None:
            return min(gained / thing.elapsed, 1.0)
        now = None if total in thing.members else thing.members.get("qualityLimitationReason")
        return None if now is None else float(now == reason)

    return Reading(formula, (total, "qualityLimitationReason"))


def _remote_loss(thing: MonitoredObject, fold: Fold) -> float | None:
    """
    Lost packets among those sent in the same time.

    The other side reports when RTCP lets it.  One report says it itself.  For several, what was sent in our interval
    is scaled to the interval of theirs, which is only right while as much is sent.
    """
    if thing.elapsed and thing.increments.get("roundTripTimeMeasurements") == 1:
        told = number(thing.members, "fractionLost")
        if told is not None:
            return told
    local = fold.objects.get(str(thing.members.get("localId", "")))
    lost = thing.increments.get("packetsLost")
    sent = local.increments.get("packetsSent") if local is not None else None
    if not thing.elapsed:
        return None
    if lost is None or local is None or sent is None or not local.elapsed:
        return number(thing.members, "fractionLost")
    sent *= thing.elapsed / local.elapsed
    return min(1.0, lost / sent) if sent else None


def _reported_lost(thing: MonitoredObject, fold: Fold) -> float | None:
    """A count and not a judgement: it holds after a gap too."""
    lost = thing.increments.get("packetsReportedAsLost")
    return None if lost is None else max(0.0, lost - thing.increments.get("packetsReportedAsLostButRecovered", 0.0))


def _source_side(thing: MonitoredObject, fold: Fold) -> float | None:
    return None if thing.elapsed is None else _shorter(thing, "width", "height")


def _silence(thing: MonitoredObject, fold: Fold) -> float | None:
    level = None if thing.elapsed is None or fold.mutes(thing) else loudness(thing)
    if level is None or thing.elapsed is None:
        return None
    return thing.elapsed if level < SILENCE else 0.0


def _path_time(thing: MonitoredObject, fold: Fold) -> float | None:
    return None if fold.switched else STUN_TIME.formula(thing, fold)


def _path_silence(thing: MonitoredObject, fold: Fold) -> float | None:
    last = number(thing.members, "lastPacketReceivedTimestamp")
    if not last or thing.elapsed is None:
        return None
    silence = thing.time - last / 1000
    return silence if 1.0 < silence < LONGEST_SILENCE else None


def _pressure(thing: MonitoredObject, fold: Fold) -> float | None:
    """A state and not an interval: it holds from its first report.  rtcstats-js counts from 4, nominal, down to 1."""
    state = number(thing.members, "cpuState")
    return 4 - state if state in (1, 2, 3, 4) else None


def codec_of(thing: MonitoredObject, stats: Stats) -> str | None:
    """The MIME type of a stream's codec; what the other side reports has that of the stream it is about."""
    members = thing.members
    codec = members.get("codecId")
    if codec is None:
        local = stats.get(str(members.get("localId", members.get("remoteId", ""))))
        codec = local.get("codecId") if local is not None else None
    found = stats.get(str(codec)) if codec is not None else None
    mime = found.get("mimeType") if found is not None else None
    return mime if isinstance(mime, str) else None


# fmt: off
_ROWS: tuple[tuple[str, str, Reading, str], ...] = (
    # stats type           name                          formula                                                                          help
    ("inbound-rtp",        "loss_ratio",                 by(_inbound_loss, "packetsLost packetsReceived"),                                "Share of packets lost; packets that come late do not make up for others."),
    ("inbound-rtp",        "jitter",                     gauge("jitter"),                                                                 "Packet jitter (RFC 3550)."),
    ("inbound-rtp",        "jitter_buffer_delay",        ratio("jitterBufferDelay", "jitterBufferEmittedCount"),                          "Mean time in the jitter buffer."),
    ("inbound-rtp",        "jitter_buffer_target_delay", ratio("jitterBufferTargetDelay", "jitterBufferEmittedCount"),                    "Mean delay that the jitter buffer aimed for."),
    ("inbound-rtp",        "processing_delay",           by(_processing_delay, "totalProcessingDelay framesDecoded jitterBufferEmittedCount kind"), "Mean time from the first packet to the decoded frame or sample."),
    ("inbound-rtp",        "bitrate",                    rate("bytesReceived"),                                                           "Payload received."),
    ("inbound-rtp",        "no_data",                    by(_no_data, "packetsReceived trackIdentifier"),                                 "Time without a packet, for a stream that had some and is not muted."),
    ("inbound-rtp",        "frame_rate",                 by(_inbound_frame_rate, "framesPerSecond framesDecoded trackIdentifier"),        "Frames received; not while muted."),
    ("inbound-rtp",        "frame_height",               by(_inbound_height, "frameHeight frameWidth framesDecoded"),                     "Shorter side of the pictures decoded."),
    ("inbound-rtp",        "decode_duration",            ratio("totalDecodeTime", "framesDecoded"),                                       "Mean time to decode a frame."),
    ("inbound-rtp",        "assembly_duration",          ratio("totalAssemblyTime", "framesAssembledFromMultiplePackets"),                "Mean time to assemble a frame."),
    ("inbound-rtp",        "interframe_jitter",          by(_interframe_jitter, "totalInterFrameDelay totalSquaredInterFrameDelay framesRendered framesDecoded"), "Standard deviation of the time between frames."),
    ("inbound-rtp",        "freeze_duration",            ratio("totalFreezesDuration", "freezeCount"),                                    "Mean length of a freeze; observe it once for each freeze."),
    ("inbound-rtp",        "freeze_ratio",               rate("totalFreezesDuration", most=1.0),                                          "Share of time frozen; a long freeze is told at its end."),
    ("inbound-rtp",        "qp",                         ratio("qpSum", "framesDecoded"),                                                 "Mean quantisation."),
    ("inbound-rtp",        "corruption_probability",     ratio("totalCorruptionProbability", "corruptionMeasurements"),                   "Mean probability that a frame was corrupt."),
    ("inbound-rtp",        "concealment_ratio",          combined("concealedSamples", -1, "silentConcealedSamples", "totalSamplesReceived"), "Share of samples made up, silence not counted."),
    ("inbound-rtp",        "time_stretch_ratio",         combined("insertedSamplesForDeceleration", 1, "removedSamplesForAcceleration", "totalSamplesReceived"), "Share of samples inserted or removed to stretch time."),
    ("inbound-rtp",        "audio_level",                by(_audio_level, "totalAudioEnergy totalSamplesDuration audioLevel"),            "Root mean square of the audio."),
    ("inbound-rtp",        "discarded_ratio",            ratio("packetsDiscarded", "packetsReceived"),                                    "Share of the packets received that came too late or too early to be played."),
    ("inbound-rtp",        "stressed_buffer",            by(conditions.stressed_buffer, "jitterBufferTargetDelay jitterBufferEmittedCount totalSamplesReceived insertedSamplesForDeceleration removedSamplesForAcceleration"), "Delay that the jitter buffer aims for while it stretches time, else 0."),
    ("inbound-rtp",        "decode_load",                by(conditions.decode_load, "totalDecodeTime framesReceived packetsReceived packetsLost"), "Share of its time that the decoder worked; not while packets are lost."),
    ("inbound-rtp",        "dropped_ratio",              by(conditions.dropped_ratio, "framesDropped framesReceived packetsReceived packetsLost"), "Share of frames dropped after they came; not while packets are lost."),
    ("inbound-rtp",        "key_frame_requests",         rate("pliCount"),                                                                "Key frames asked for."),
    ("inbound-rtp",        "undecodable",                by(conditions.undecodable, "framesDecoded pliCount bytesReceived"),              "1 where video comes and none of it can be decoded."),
    ("inbound-rtp",        "unanswered",                 by(conditions.unanswered, "framesDecoded pliCount bytesReceived"),               "1 where key frames are asked for and next to nothing comes."),
    ("inbound-rtp",        "playout_offset",             by(conditions.playout_offset, "estimatedPlayoutTimestamp kind packetsReceived"), "Seconds between sound and picture, where there is one stream of each."),
    ("outbound-rtp",       "bitrate",                    BITRATE_SENT,                                                                    "Payload sent, this layer alone."),
    ("outbound-rtp",       "source_bitrate",             by(_source_bitrate, "bytesSent mediaSourceId active"),                           "Payload sent, over the active layers of the media source; told by its top layer."),
    ("outbound-rtp",       "source_target_bitrate",      by(_source_target, "targetBitrate mediaSourceId active"),                        "What the encoders aim for, over the active layers; told by the top one."),
    ("outbound-rtp",       "source_frame_rate",          by(_source_frame_rate, "framesPerSecond framesEncoded mediaSourceId active"),    "Frames sent in the top active layer."),
    ("outbound-rtp",       "source_frame_height",        by(_source_height, "frameHeight frameWidth framesEncoded mediaSourceId active"), "Shorter side of the top active layer."),
    ("outbound-rtp",       "bitrate_attainment",         ratio("bytesSent", "totalEncodedBytesTarget", most=2.0),                         "Bytes sent for each byte aimed for."),
    ("outbound-rtp",       "encode_duration",            ratio("totalEncodeTime", "framesEncoded"),                                       "Mean time to encode a frame."),
    ("outbound-rtp",       "packet_send_delay",          ratio("totalPacketSendDelay", "packetsSent"),                                    "Mean time in the pacer."),
    ("outbound-rtp",       "retransmitted_ratio",        ratio("retransmittedBytesSent", "bytesSent"),                                    "Share of bytes sent that were sent again."),
    ("outbound-rtp",       "encode_load",                by(conditions.encode_load, "totalEncodeTime powerEfficientEncoder"),             "Share of its time that an encoder in software worked."),
    ("outbound-rtp",       "encode_shortfall",           by(conditions.encode_shortfall, "framesEncoded totalEncodeTime qualityLimitationReason media-source.frames powerEfficientEncoder"), "Share of frames captured that a busy encoder did not encode."),
    ("outbound-rtp",       "encodes_nothing",            by(conditions.encodes_nothing, "framesEncoded packetsSent media-source.frames mediaSourceId"), "1 where frames are captured and none are encoded."),
    ("outbound-rtp",       "sends_nothing",              by(conditions.sends_nothing, "packetsSent media-source.frames media-source.totalSamplesDuration transport.packetsReceived mediaSourceId"), "1 where something is captured and no packet leaves."),
    ("outbound-rtp",       "starves_top",                by(conditions.starves_top, "bytesSent encodingIndex rid mediaSourceId"),         "1 where the highest simulcast layer sends nothing and a lower one does."),
    ("outbound-rtp",       "qp",                         ratio("qpSum", "framesEncoded"),                                                 "Mean quantisation."),
    ("outbound-rtp",       "psnr_y",                     ratio("psnrSum.y", "psnrMeasurements"),                                          "Mean PSNR of luma."),
    ("outbound-rtp",       "psnr_u",                     ratio("psnrSum.u", "psnrMeasurements"),                                          "Mean PSNR of the blue difference."),
    ("outbound-rtp",       "psnr_v",                     ratio("psnrSum.v", "psnrMeasurements"),                                          "Mean PSNR of the red difference."),
    ("outbound-rtp",       "limited_ratio",              by(_limited, "qualityLimitationDurations.cpu qualityLimitationDurations.bandwidth"), "Share of time limited by cpu or bandwidth."),
    *(("outbound-rtp",     f"limited_by_{reason}",       limited_by(reason),                                                              f"Time under the reason {reason}, where the browser does not add it up.") for reason in w3c.LIMITATION_REASONS),
    ("outbound-rtp",       "cpu_limited_ratio",          limited_share("cpu"),                                                            "Share of time in which the machine held the encoder back."),
    ("outbound-rtp",       "bandwidth_limited_ratio",    limited_share("bandwidth"),                                                      "Share of time in which the network held the encoder back."),
    ("remote-inbound-rtp", "round_trip_time",            RTCP_TIME,                                                                       "Mean round trip time by RTCP."),
    ("remote-inbound-rtp", "loss_ratio",                 by(_remote_loss, "packetsLost localId outbound-rtp.packetsSent fractionLost"),   "Share of packets sent that the other side lost."),
    ("remote-inbound-rtp", "jitter",                     gauge("jitter"),                                                                 "Packet jitter at the other side."),
    ("remote-inbound-rtp", "reported_lost",              by(_reported_lost, "packetsReportedAsLost packetsReportedAsLostButRecovered"),   "Packets reported as lost that did not come after all (RFC 8888)."),
    ("remote-inbound-rtp", "bleached",                   by(conditions.bleached, "packetsWithBleachedEct1Marking"),                       "1 where ECN marks were taken off packets."),
    ("remote-outbound-rtp", "round_trip_time",           RTCP_TIME,                                                                       "Mean round trip time by RTCP (RFC 3611)."),
    ("media-source",       "frame_rate",                 either(gauge("framesPerSecond"), rate("frames"), "framesPerSecond"),             "Frames captured."),
    ("media-source",       "frame_height",               by(_source_side, "height width"),                                                 "Shorter side of the picture captured."),
    ("media-source",       "audio_level",                by(_audio_level, "totalAudioEnergy totalSamplesDuration audioLevel"),            "Root mean square of the audio captured."),
    ("media-source",       "silence",                    by(_silence, "totalAudioEnergy totalSamplesDuration trackIdentifier"),           "Time in which an unmuted microphone captured digital silence."),
    ("media-source",       "silent_microphone",          by(conditions.silent_microphone, "totalAudioEnergy totalSamplesDuration trackIdentifier"), "1 where only noise is captured."),
    ("media-source",       "echoes",                     by(conditions.echoes, "echoReturnLoss echoReturnLossEnhancement"),               "1 where an echo is left."),
    ("media-source",       "echo_return_loss",           gauge("echoReturnLoss", above=NO_ESTIMATE),                                                          "Echo return loss."),
    ("media-source",       "echo_return_loss_enhancement", gauge("echoReturnLossEnhancement", above=NO_ESTIMATE),                                             "What the echo canceller adds to it."),
    ("media-playout",      "delay",                      ratio("totalPlayoutDelay", "totalSamplesCount"),                                 "Mean time from the jitter buffer to the speaker."),
    ("media-playout",      "glitch_ratio",               ratio("synthesizedSamplesDuration", "totalSamplesDuration"),                     "Share of playout made up because the device ran dry."),
    ("candidate-pair",     "round_trip_time",            selected(by(_path_time, "totalRoundTripTime responsesReceived currentRoundTripTime")), "Mean round trip time of the path; not in the first interval of a path."),
    ("candidate-pair",     "available_outgoing_bitrate", selected(gauge("availableOutgoingBitrate"), scale=0.125),                        "Estimated bandwidth upwards."),
    ("candidate-pair",     "available_incoming_bitrate", selected(gauge("availableIncomingBitrate"), scale=0.125),                        "Estimated bandwidth downwards."),
    ("candidate-pair",     "silence_duration",           selected(by(_path_silence, "lastPacketReceivedTimestamp")),                      "Time since the last packet, when over a second."),
    ("candidate-pair",     "starved",                    by(conditions.starved, "availableOutgoingBitrate outbound-rtp.packetsSent outbound-rtp.targetBitrate"), "1 where the estimate of bandwidth is too low for what is sent."),
    ("candidate-pair",     "over_tcp",                   by(conditions.over_tcp, "localCandidateId"),                                     "1 where media goes over TCP or TLS."),
    ("candidate-pair",     "over_vpn",                   by(conditions.over_vpn, "localCandidateId"),                                     "1 where media goes through a VPN."),
    ("candidate-pair",     "stun_unanswered",            by(conditions.stun_unanswered, "requestsSent responsesReceived"),                "1 where STUN requests were sent and not answered."),
    ("compute-pressure",   "pressure",                   by(_pressure, "cpuState"),                                                       "0 nominal, 1 fair, 2 serious, 3 critical."),
)
# fmt: on

_places: dict[str, Iterator[int]] = defaultdict(count)
SIGNALS: tuple[Signal, ...] = tuple(
    Signal(stats, name, reading.formula, reading.reads, reading.unless, text, next(_places[stats]))
    for stats, name, reading, text in _ROWS
)

#: The signals of each stats type.
BY_TYPE: dict[str, tuple[Signal, ...]] = {
    stats: tuple(signal for signal in SIGNALS if signal.stats == stats) for stats in {row.stats for row in SIGNALS}
}
BY_NAME: dict[tuple[str, str], Signal] = {(signal.stats, signal.name): signal for signal in SIGNALS}

#: Stands where a value was not asked for yet; told by identity.
UNREAD: Final = float("nan")
_UNREAD = {stats: [UNREAD] * len(rows) for stats, rows in BY_TYPE.items()}


def unread(thing: MonitoredObject) -> list[float | None]:
    """Begin the values of an object of a type that has signals."""
    values: list[float | None] = list(_UNREAD[thing.type])
    thing.values = values
    return values


def once(stats: str, name: str) -> Formula:
    """The formula of a signal, for objects that others read too: in one fold it is computed once."""
    signal = BY_NAME[stats, name]
    formula, place = signal.formula, signal.place

    def read(thing: MonitoredObject, fold: Fold) -> float | None:
        values = thing.values or unread(thing)
        value = values[place]
        if value is UNREAD:
            value = values[place] = formula(thing, fold)
        return value

    return read
