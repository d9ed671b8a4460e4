"""
Every metric this exporter publishes, one row each.

The meter reads this table to turn reports into series, the exporters read it for name, kind,
unit and help, ``docs`` renders the README from it, and the tests hold dashboards and alert rules
against it.  To add a metric, add a row and run ``rtc-exporter docs --write``.

A source is ``stats-type.member`` (the member's increase is counted), ``stats-type:signal`` (a row of
``signals.SIGNALS``), or none where the pipeline records the measurement itself.  No row's name holds
a unit, and no row uses the unit ``1`` but for ratios (see ``metric``).
"""

from rtc_exporter import outcomes, w3c
from rtc_exporter.errors import Reason
from rtc_exporter.metric import Kind, Metric, Profile, Source, Tier, source

C, G, H, INFO = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM, Kind.INFO
CORE, STANDARD, FULL = Profile.CORE, Profile.STANDARD, Profile.FULL

# Attribute sets: who a series is about.
APP, VERSION = "rtc.app.name", "rtc.app.version"
BROWSER, OS = "user_agent.name", "user_agent.os.name"
AGENT, FRAMEWORK, TIMING = "gen_ai.agent.name", "rtc.voice.framework", "rtc.voice.timing.source"
KIND, CODEC, DIRECTION = "rtc.media.kind", "rtc.codec", "network.io.direction"
DEVICE = (APP, BROWSER, OS)
STREAM = (APP, KIND, CODEC, BROWSER, OS)
PATH = (APP, "network.connection.type", "rtc.ice.candidate.type", "rtc.ice.transport", "geo.country.iso_code")
EVENT = (APP, VERSION, BROWSER, OS)
ISSUE = (APP, VERSION, BROWSER, "rtc.issue", "rtc.side", "rtc.severity")
VOICE = (APP, AGENT, FRAMEWORK, TIMING)
LIVE = ("session.id", "rtc.participant.id")
LIVE_KIND = (*LIVE, KIND)
INFO_ATTRIBUTES = (
    *LIVE, APP, VERSION, BROWSER, "user_agent.version", OS, "geo.country.iso_code",
    "rtc.client.as", "network.connection.type", "rtc.ice.candidate.type", "rtc.ice.transport",
)  # fmt: skip

# Upper bounds.  The ratio set starts at 0.001, so that ``bucket{le="0.001"}`` is the share of intervals without any.
RTT = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 2.0, 5.0)
JITTER = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
DELAY = (0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)
RATIO = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
SETUP = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)
FRAME = (0.001, 0.002, 0.004, 0.006, 0.008, 0.0125, 0.0167, 0.025, 0.0333, 0.05, 0.1, 0.2)
FPS = (1.0, 5.0, 7.5, 10.0, 12.0, 15.0, 20.0, 24.0, 28.0, 30.0, 45.0, 60.0)
RATE = (1e3, 2e3, 4e3, 6e3, 1e4, 2e4, 4e4, 8e4, 1.25e5, 2e5, 3.5e5, 6e5, 1e6, 2.5e6)
FREEZE = (0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
DURATION = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 2700.0, 3600.0, 5400.0, 7200.0, 14400.0, 28800.0)
SCORE = (1.5, 2.0, 2.5, 3.0, 3.25, 3.5, 3.75, 4.0, 4.1, 4.2, 4.3, 4.4)
QP = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 51.0, 64.0, 90.0, 127.0, 255.0)
STARS = (1.0, 2.0, 3.0, 4.0, 5.0)
LAG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
HEIGHT = (90.0, 180.0, 240.0, 360.0, 480.0, 540.0, 720.0, 1080.0, 1440.0, 2160.0)
HEAP = (1e7, 2.5e7, 5e7, 1e8, 2e8, 4e8, 8e8, 1.6e9, 3.2e9)
LOOP = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# Voice agents: answers are looked for at 0.8 and 1.5 s, the way at 0.25 s, dead air from 2 s on.
ANSWER = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
WAY = (0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0)
SILENCE = (2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
RENDER = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

# Closed label sets, known before anything happened.
OUTCOMES = ("connected", "ice_failed", "dtls_failed", "timeout", "abandoned")
RESTART_OUTCOMES = ("recovered", "failed", "superseded")
STAGES = (
    "get_user_media", "create_offer", "set_local", "set_remote", "ice_gathering", "ice_connected", "dtls_connected",
    "first_packet", "first_frame", "total",
)  # fmt: skip
#: What becomes of a request of OTLP, and why it gives something up.
OTLP_OUTCOMES = ("delivered", "retried", "refused")
#: Why a call can no longer be looked up.
HISTORY_DROPS = ("too_many", "too_old", "memory")
OTLP_DROPS = ("queue_full", "refused", "expired", "superseded", "too_large", "shutdown")
FORMAT_NAMES = (
    "rtcstats", "rtc-exporter", "rtcstats-legacy", "jitsi", "jitsi-service", "observertc", "peermetrics", "pushgateway",
    "json", "dump", "internals",
)  # fmt: skip
DROPS = (*(reason.value for reason in Reason), "duplicate", "out_of_order", "rejected_value", "between_calls")
STATES = tuple(
    name for name in w3c.STATS if name not in ("codec", "certificate", "local-candidate", "remote-candidate")
)


def M(  # noqa: N802 - reads as a column head
    name: str, kind: Kind, unit: str, attributes: tuple[str, ...], sources: str | tuple[Source, ...], help: str,
    buckets: tuple[float, ...] = (), profile: Profile = STANDARD,
) -> Metric:  # fmt: skip
    """A cohort row; several sources of one row are separated by blanks."""
    return Metric(name, kind, unit, attributes, _sources(sources), help, buckets, profile)


def L(  # noqa: N802
    name: str, unit: str, attributes: tuple[str, ...], sources: str, fold: str, help: str, smooth: float = 0.0,
    profile: Profile = STANDARD,
) -> Metric:  # fmt: skip
    """A gauge of one live participant."""
    return Metric(name, G, unit, attributes, _sources(sources), help, (), profile, Tier.PARTICIPANT, fold, smooth)


def X(  # noqa: N802
    name: str, kind: Kind, unit: str, attributes: tuple[str, ...], help: str, buckets: tuple[float, ...] = (),
    zeros: tuple[tuple[str, ...], ...] = (),
) -> Metric:  # fmt: skip
    """A row about the exporter itself."""
    return Metric(name, kind, unit, attributes, (), help, buckets, CORE, Tier.SELF, zeros=zeros)


def _sources(sources: str | tuple[Source, ...]) -> tuple[Source, ...]:
    return tuple(source(text) for text in sources.split()) if isinstance(sources, str) else sources


def each(attribute: str, /, **values: str) -> tuple[Source, ...]:
    """One source for each value of an attribute: ``each("rtc.rtcp.type", nack="inbound-rtp.nackCount")``."""
    return tuple(source(text, {attribute: value}) for value, texts in values.items() for text in texts.split())


def _feedback(stats: str) -> tuple[Source, ...]:
    return each("rtc.rtcp.type", nack=f"{stats}.nackCount", pli=f"{stats}.pliCount", fir=f"{stats}.firCount")


def _both_ways(sent: str, received: str) -> tuple[Source, ...]:
    return each(DIRECTION, transmit=sent, receive=received)


# fmt: off
METRICS: tuple[Metric, ...] = (
    # name                                          kind unit          attributes  sources                                            help                                                     buckets  profile
    # ── inbound-rtp: what this participant receives
    M("rtc.inbound.packets",                         C, "{packet}",      STREAM, "inbound-rtp.packetsReceived",                     "RTP packets received.", (), CORE),
    M("rtc.inbound.io",                              C, "By",            STREAM, "inbound-rtp.bytesReceived",                       "RTP payload bytes received.", (), CORE),
    M("rtc.inbound.header.io",                       C, "By",            STREAM, "inbound-rtp.headerBytesReceived",                 "RTP header and padding bytes received.", (), FULL),
    M("rtc.inbound.packets.lost",                    C, "{packet}",      STREAM, "inbound-rtp.packetsLost",                         "RTP packets lost on the way to this participant; packets that come late are not given back.", (), CORE),
    M("rtc.inbound.packets.discarded",               C, "{packet}",      STREAM, "inbound-rtp.packetsDiscarded",                    "RTP packets that came too late or too early to be played."),
    M("rtc.inbound.packets.retransmitted",           C, "{packet}",      STREAM, "inbound-rtp.retransmittedPacketsReceived",        "Retransmitted RTP packets received, padding included."),
    M("rtc.inbound.retransmitted.io",                C, "By",            STREAM, "inbound-rtp.retransmittedBytesReceived",          "Retransmitted RTP payload bytes received.", (), FULL),
    M("rtc.inbound.packets.fec",                     C, "{packet}",      STREAM, "inbound-rtp.fecPacketsReceived",                  "Forward error correction packets received."),
    M("rtc.inbound.packets.fec.discarded",           C, "{packet}",      STREAM, "inbound-rtp.fecPacketsDiscarded",                 "Forward error correction packets that were not needed.", (), FULL),
    M("rtc.inbound.fec.io",                          C, "By",            STREAM, "inbound-rtp.fecBytesReceived",                    "Forward error correction bytes received.", (), FULL),
    M("rtc.inbound.packets.reported_lost",           C, "{packet}",      STREAM, "inbound-rtp.packetsReportedAsLost",               "RTP packets that this receiver reported as lost (RFC 8888).", (), FULL),
    M("rtc.inbound.packets.reported_lost.recovered", C, "{packet}",      STREAM, "inbound-rtp.packetsReportedAsLostButRecovered",   "RTP packets reported as lost that came after all (RFC 8888).", (), FULL),
    M("rtc.inbound.packets.ecn",                     C, "{packet}",      (*STREAM, "rtc.ecn"), each("rtc.ecn", ect1="inbound-rtp.packetsReceivedWithEct1", ce="inbound-rtp.packetsReceivedWithCe"), "RTP packets received with an ECN mark.", (), FULL),
    M("rtc.inbound.rtcp.feedback",                   C, "{message}",     (*STREAM, "rtc.rtcp.type"), _feedback("inbound-rtp"),       "RTCP feedback sent by this receiver: it asks for packets (nack) or for a key frame (pli, fir)."),
    M("rtc.inbound.packet_loss.ratio",               H, "1",             STREAM, "inbound-rtp:loss_ratio",                          "Share of RTP packets lost, per stream and fold.", RATIO, CORE),
    M("rtc.inbound.jitter",                          H, "s",             STREAM, "inbound-rtp:jitter",                              "Packet jitter as the receiver estimates it (RFC 3550).", JITTER, CORE),
    M("rtc.inbound.jitter_buffer.delay",             H, "s",             STREAM, "inbound-rtp:jitter_buffer_delay",                 "Mean time that samples or frames spent in the jitter buffer.", DELAY, CORE),
    M("rtc.inbound.jitter_buffer.target_delay",      H, "s",             STREAM, "inbound-rtp:jitter_buffer_target_delay",          "Mean delay that the jitter buffer aimed for.", DELAY, FULL),
    M("rtc.inbound.processing.delay",                H, "s",             STREAM, "inbound-rtp:processing_delay",                    "Mean time from the first packet received to the frame or sample decoded.", DELAY),
    M("rtc.inbound.bitrate",                         H, "By/s",          STREAM, "inbound-rtp:bitrate",                             "RTP payload received.", RATE),
    M("rtc.inbound.no_data.duration",                C, "s",             STREAM, "inbound-rtp:no_data",                             "Time in which a stream that had media before, and is not muted, received no packet.", (), CORE),
    # ── inbound-rtp, video
    M("rtc.inbound.frames.received",                 C, "{frame}",       STREAM, "inbound-rtp.framesReceived",                      "Video frames received completely."),
    M("rtc.inbound.frames.decoded",                  C, "{frame}",       STREAM, "inbound-rtp.framesDecoded",                       "Video frames decoded.", (), CORE),
    M("rtc.inbound.frames.key",                      C, "{frame}",       STREAM, "inbound-rtp.keyFramesDecoded",                    "Key frames decoded."),
    M("rtc.inbound.frames.rendered",                 C, "{frame}",       STREAM, "inbound-rtp.framesRendered",                      "Video frames shown."),
    M("rtc.inbound.frames.dropped",                  C, "{frame}",       STREAM, "inbound-rtp.framesDropped",                       "Video frames dropped before they were shown."),
    M("rtc.inbound.frames.assembled",                C, "{frame}",       STREAM, "inbound-rtp.framesAssembledFromMultiplePackets",  "Video frames made of more than one packet.", (), FULL),
    M("rtc.inbound.freezes",                         C, "{freeze}",      STREAM, "inbound-rtp.freezeCount",                         "Video freezes.", (), CORE),
    M("rtc.inbound.freeze.time",                     C, "s",             STREAM, "inbound-rtp.totalFreezesDuration",                "Time in which video was frozen.", (), CORE),
    M("rtc.inbound.pauses",                          C, "{pause}",       STREAM, "inbound-rtp.pauseCount",                          "Video pauses: no frame for more than five seconds."),
    M("rtc.inbound.pause.time",                      C, "s",             STREAM, "inbound-rtp.totalPausesDuration",                 "Time in which video was paused."),
    M("rtc.inbound.corruption.measurements",         C, "{measurement}", STREAM, "inbound-rtp.corruptionMeasurements",              "Frames whose corruption was measured.", (), FULL),
    M("rtc.inbound.frame_rate",                      H, "{frame}/s",     STREAM, "inbound-rtp:frame_rate",                          "Video frame rate received.", FPS, CORE),
    M("rtc.inbound.frame.height",                    H, "{pixel}",       STREAM, "inbound-rtp:frame_height",                        "Shorter side of the video received.", HEIGHT),
    M("rtc.inbound.decode.duration",                 H, "s",             (*STREAM, "rtc.hardware_accelerated"), "inbound-rtp:decode_duration", "Mean time to decode a video frame.", FRAME),
    M("rtc.inbound.frame.assembly.duration",         H, "s",             STREAM, "inbound-rtp:assembly_duration",                   "Mean time from the first to the last packet of a frame.", FRAME, FULL),
    M("rtc.inbound.interframe.jitter",               H, "s",             STREAM, "inbound-rtp:interframe_jitter",                   "Standard deviation of the time between frames: how smooth the video is.", FRAME),
    M("rtc.inbound.freeze.duration",                 H, "s",             STREAM, "inbound-rtp:freeze_duration*freezeCount",         "Mean length of the freezes of a fold, once for each freeze.", FREEZE),
    M("rtc.inbound.freeze.ratio",                    H, "1",             STREAM, "inbound-rtp:freeze_ratio",                        "Share of the time in which video was frozen.", RATIO, CORE),
    M("rtc.inbound.qp",                              H, "{qp}",          STREAM, "inbound-rtp:qp",                                  "Mean quantisation of the video received; the scale depends on the codec.", QP, FULL),
    M("rtc.inbound.corruption.probability",          H, "1",             STREAM, "inbound-rtp:corruption_probability",              "Mean probability that a frame was corrupt.", RATIO, FULL),
    # ── inbound-rtp, audio
    M("rtc.inbound.samples",                         C, "{sample}",      STREAM, "inbound-rtp.totalSamplesReceived",                "Audio samples played, concealed ones included."),
    M("rtc.inbound.samples.concealed",               C, "{sample}",      STREAM, "inbound-rtp.concealedSamples",                    "Audio samples made up for missing ones.", (), CORE),
    M("rtc.inbound.samples.concealed.silent",        C, "{sample}",      STREAM, "inbound-rtp.silentConcealedSamples",              "Audio samples made up as silence or comfort noise."),
    M("rtc.inbound.concealments",                    C, "{event}",       STREAM, "inbound-rtp.concealmentEvents",                   "Times that concealment began."),
    M("rtc.inbound.samples.inserted",                C, "{sample}",      STREAM, "inbound-rtp.insertedSamplesForDeceleration",      "Audio samples inserted to slow playout down."),
    M("rtc.inbound.samples.removed",                 C, "{sample}",      STREAM, "inbound-rtp.removedSamplesForAcceleration",       "Audio samples removed to speed playout up."),
    M("rtc.inbound.audio.time",                      C, "s",             STREAM, "inbound-rtp.totalSamplesDuration",                "Audio played."),
    M("rtc.inbound.concealment.ratio",               H, "1",             STREAM, "inbound-rtp:concealment_ratio",                   "Share of audio samples that were made up and not silent.", RATIO, CORE),
    M("rtc.inbound.time_stretch.ratio",              H, "1",             STREAM, "inbound-rtp:time_stretch_ratio",                  "Share of audio samples inserted or removed to stretch time.", RATIO),
    M("rtc.inbound.audio.level",                     H, "1",             STREAM, "inbound-rtp:audio_level",                         "Loudness received: root mean square, 0 to 1.", RATIO, FULL),
    # ── outbound-rtp: what this participant sends
    M("rtc.outbound.packets",                        C, "{packet}",      STREAM, "outbound-rtp.packetsSent",                        "RTP packets sent.", (), CORE),
    M("rtc.outbound.io",                             C, "By",            STREAM, "outbound-rtp.bytesSent",                          "RTP payload bytes sent.", (), CORE),
    M("rtc.outbound.header.io",                      C, "By",            STREAM, "outbound-rtp.headerBytesSent",                    "RTP header and padding bytes sent.", (), FULL),
    M("rtc.outbound.packets.retransmitted",          C, "{packet}",      STREAM, "outbound-rtp.retransmittedPacketsSent",           "RTP packets sent again."),
    M("rtc.outbound.retransmitted.io",               C, "By",            STREAM, "outbound-rtp.retransmittedBytesSent",             "RTP payload bytes sent again.", (), FULL),
    M("rtc.outbound.packets.ect1",                   C, "{packet}",      STREAM, "outbound-rtp.packetsSentWithEct1",                "RTP packets sent with ECN mark ECT(1).", (), FULL),
    M("rtc.outbound.frames.encoded",                 C, "{frame}",       STREAM, "outbound-rtp.framesEncoded",                      "Video frames encoded.", (), CORE),
    M("rtc.outbound.frames.key",                     C, "{frame}",       STREAM, "outbound-rtp.keyFramesEncoded",                   "Key frames encoded."),
    M("rtc.outbound.frames.sent",                    C, "{frame}",       STREAM, "outbound-rtp.framesSent",                         "Video frames sent."),
    M("rtc.outbound.frames.huge",                    C, "{frame}",       STREAM, "outbound-rtp.hugeFramesSent",                     "Video frames more than two and a half times the average size.", (), FULL),
    M("rtc.outbound.quality_limitation.resolution_changes", C, "{change}", STREAM, "outbound-rtp.qualityLimitationResolutionChanges", "Changes of resolution because of cpu or bandwidth."),
    M("rtc.outbound.rtcp.feedback",                  C, "{message}",     (*STREAM, "rtc.rtcp.type"), _feedback("outbound-rtp"),      "RTCP feedback that came to this sender."),
    M("rtc.outbound.quality_limitation.time",        C, "s",             (*STREAM, "rtc.quality_limitation.reason"), each("rtc.quality_limitation.reason", **{reason: f"outbound-rtp.qualityLimitationDurations.{reason} outbound-rtp:limited_by_{reason}" for reason in w3c.LIMITATION_REASONS}), "Time sent under each limitation of quality.", (), CORE),
    M("rtc.outbound.bitrate",                        H, "By/s",          STREAM, "outbound-rtp:source_bitrate",                     "RTP payload sent per media source, over all its layers.", RATE),
    M("rtc.outbound.target_bitrate",                 H, "By/s",          STREAM, "outbound-rtp:source_target_bitrate",              "What the encoders of a media source aimed for, over all its layers.", RATE),
    M("rtc.outbound.bitrate.attainment.ratio",       H, "1",             STREAM, "outbound-rtp:bitrate_attainment",                 "Bytes sent for each byte aimed for, at most 2.", RATIO, FULL),
    M("rtc.outbound.frame_rate",                     H, "{frame}/s",     STREAM, "outbound-rtp:source_frame_rate",                  "Video frame rate sent in the top active layer.", FPS, CORE),
    M("rtc.outbound.frame.height",                   H, "{pixel}",       STREAM, "outbound-rtp:source_frame_height",                "Shorter side of the video sent in the top active layer.", HEIGHT),
    M("rtc.outbound.encode.duration",                H, "s",             (*STREAM, "rtc.hardware_accelerated"), "outbound-rtp:encode_duration", "Mean time to encode a video frame.", FRAME),
    M("rtc.outbound.packet.send_delay",              H, "s",             STREAM, "outbound-rtp:packet_send_delay",                  "Mean time that packets waited in the pacer.", DELAY),
    M("rtc.outbound.qp",                             H, "{qp}",          STREAM, "outbound-rtp:qp",                                 "Mean quantisation of the video sent; the scale depends on the codec.", QP, FULL),
    M("rtc.outbound.psnr",                           H, "{dB}",          (*STREAM, "rtc.video.component"), each("rtc.video.component", y="outbound-rtp:psnr_y", u="outbound-rtp:psnr_u", v="outbound-rtp:psnr_v"), "Mean peak signal to noise ratio of the video encoded.", QP, FULL),
    # ── remote-inbound-rtp: what the other side says about what this participant sends
    M("rtc.remote_inbound.round_trip_time",          H, "s",             STREAM, "remote-inbound-rtp:round_trip_time",              "Round trip time from RTCP receiver reports.", RTT, CORE),
    M("rtc.remote_inbound.packet_loss.ratio",        H, "1",             STREAM, "remote-inbound-rtp:loss_ratio",                   "Share of the RTP packets sent that the other side lost.", RATIO, CORE),
    M("rtc.remote_inbound.packets.lost",             C, "{packet}",      STREAM, "remote-inbound-rtp.packetsLost",                  "RTP packets sent that the other side lost.", (), CORE),
    M("rtc.remote_inbound.jitter",                   H, "s",             STREAM, "remote-inbound-rtp:jitter",                       "Packet jitter that the other side sees.", JITTER),
    M("rtc.remote_inbound.packets",                  C, "{packet}",      STREAM, "remote-inbound-rtp.packetsReceived",              "RTP packets sent that the other side received.", (), FULL),
    M("rtc.remote_inbound.packets.reported_lost",    C, "{packet}",      STREAM, "remote-inbound-rtp:reported_lost",                "RTP packets sent that were reported as lost and did not come after all (RFC 8888).", (), FULL),
    M("rtc.remote_inbound.packets.ecn",              C, "{packet}",      (*STREAM, "rtc.ecn"), each("rtc.ecn", ect1="remote-inbound-rtp.packetsReceivedWithEct1", ce="remote-inbound-rtp.packetsReceivedWithCe", bleached="remote-inbound-rtp.packetsWithBleachedEct1Marking"), "RTP packets sent that the other side received, by ECN mark.", (), FULL),
    # ── remote-outbound-rtp: what the other side says about what it sends
    M("rtc.remote_outbound.round_trip_time",         H, "s",             STREAM, "remote-outbound-rtp:round_trip_time",             "Round trip time from RTCP sender reports (RFC 3611 DLRR).", RTT, FULL),
    M("rtc.remote_outbound.packets",                 C, "{packet}",      STREAM, "remote-outbound-rtp.packetsSent",                 "RTP packets that the other side sent."),
    M("rtc.remote_outbound.io",                      C, "By",            STREAM, "remote-outbound-rtp.bytesSent",                   "RTP payload bytes that the other side sent.", (), FULL),
    M("rtc.remote_outbound.reports",                 C, "{report}",      STREAM, "remote-outbound-rtp.reportsSent",                 "RTCP sender reports that the other side sent.", (), FULL),
    # ── media-source: camera and microphone
    M("rtc.source.frames",                           C, "{frame}",       STREAM, "media-source.frames",                             "Video frames from the camera or screen."),
    M("rtc.source.frame_rate",                       H, "{frame}/s",     STREAM, "media-source:frame_rate",                         "Video frame rate of the camera or screen.", FPS),
    M("rtc.source.frame.height",                     H, "{pixel}",       STREAM, "media-source:frame_height",                       "Shorter side of the camera or screen picture.", HEIGHT, FULL),
    M("rtc.source.audio.time",                       C, "s",             STREAM, "media-source.totalSamplesDuration",               "Audio captured."),
    M("rtc.source.audio.level",                      H, "1",             STREAM, "media-source:audio_level",                        "Loudness captured: root mean square, 0 to 1.", RATIO, FULL),
    M("rtc.source.audio.silence.time",               C, "s",             STREAM, "media-source:silence",                            "Time in which an unmuted microphone captured digital silence.", (), CORE),
    M("rtc.source.echo_return_loss",                 H, "{dB}",          (*DEVICE, "rtc.echo.stage"), each("rtc.echo.stage", loss="media-source:echo_return_loss", enhancement="media-source:echo_return_loss_enhancement"), "Echo return loss, and its enhancement by the echo canceller.", QP, FULL),
    # ── media-playout: the speaker
    M("rtc.playout.synthesized.time",                C, "s",             DEVICE, "media-playout.synthesizedSamplesDuration",        "Audio made up because the playout device ran dry."),
    M("rtc.playout.synthesized.events",              C, "{event}",       DEVICE, "media-playout.synthesizedSamplesEvents",          "Times that the playout device began to run dry."),
    M("rtc.playout.time",                            C, "s",             DEVICE, "media-playout.totalSamplesDuration",              "Audio played out."),
    M("rtc.playout.delay",                           H, "s",             DEVICE, "media-playout:delay",                             "Mean time from the jitter buffer to the speaker.", DELAY),
    M("rtc.playout.glitch.ratio",                    H, "1",             DEVICE, "media-playout:glitch_ratio",                      "Share of audio played out that was made up.", RATIO),
    # ── candidate-pair: the path; histograms of the selected pair, counters of every pair
    M("rtc.candidate_pair.round_trip_time",          H, "s",             PATH,   "candidate-pair:round_trip_time",                  "Round trip time of STUN checks on the selected path.", RTT, CORE),
    M("rtc.candidate_pair.available_outgoing_bitrate", H, "By/s",        PATH,   "candidate-pair:available_outgoing_bitrate",       "Estimated bandwidth upwards.", RATE, CORE),
    M("rtc.candidate_pair.available_incoming_bitrate", H, "By/s",        PATH,   "candidate-pair:available_incoming_bitrate",       "Estimated bandwidth downwards.", RATE, FULL),
    M("rtc.candidate_pair.io",                       C, "By",            (*PATH, DIRECTION), _both_ways("candidate-pair.bytesSent", "candidate-pair.bytesReceived"), "Payload bytes by path.", (), CORE),
    M("rtc.candidate_pair.packets",                  C, "{packet}",      (*PATH, DIRECTION), _both_ways("candidate-pair.packetsSent", "candidate-pair.packetsReceived"), "Packets by path."),
    M("rtc.candidate_pair.discarded.packets",        C, "{packet}",      PATH,   "candidate-pair.packetsDiscardedOnSend",           "Packets that the socket refused."),
    M("rtc.candidate_pair.discarded.io",             C, "By",            PATH,   "candidate-pair.bytesDiscardedOnSend",             "Bytes that the socket refused.", (), FULL),
    M("rtc.candidate_pair.stun.messages",            C, "{message}",     (*PATH, "rtc.stun.type"), each("rtc.stun.type", request_sent="candidate-pair.requestsSent", request_received="candidate-pair.requestsReceived", response_sent="candidate-pair.responsesSent", response_received="candidate-pair.responsesReceived", consent_sent="candidate-pair.consentRequestsSent"), "STUN messages.", (), FULL),
    M("rtc.candidate_pair.silence.duration",         H, "s",             PATH,   "candidate-pair:silence_duration",                 "Time since the last packet on the selected path, when over a second.", FREEZE),
    # ── transport
    M("rtc.transport.io",                            C, "By",            (*DEVICE, DIRECTION), _both_ways("transport.bytesSent", "transport.bytesReceived"), "Payload bytes, over all paths and ICE restarts.", (), CORE),
    M("rtc.transport.packets",                       C, "{packet}",      (*DEVICE, DIRECTION), _both_ways("transport.packetsSent", "transport.packetsReceived"), "Packets, over all paths and ICE restarts."),
    M("rtc.transport.ccfb.messages",                 C, "{message}",     (*DEVICE, DIRECTION), _both_ways("transport.ccfbMessagesSent", "transport.ccfbMessagesReceived"), "RFC 8888 congestion control feedback.", (), FULL),
    M("rtc.transport.path_changes",                  C, "{change}",      DEVICE, (),                                                "Changes of the selected candidate pair after the first selection.", (), CORE),
    M("rtc.transport.state.changes",                 C, "{change}",      (*DEVICE, "rtc.transport.layer", "rtc.transport.state"), (), "Changes of ICE and DTLS state seen in reports."),
    M("rtc.transport.connections",                   C, "{connection}",  (*DEVICE, "tls.protocol.version", "rtc.dtls.cipher", "rtc.srtp.cipher"), (), "Transports whose DTLS connected, by protocol and ciphers."),
    # ── certificate, codec, data-channel
    M("rtc.certificate.connections",                 C, "{connection}",  (*DEVICE, "rtc.certificate.algorithm"), (),                "Certificates seen, by fingerprint algorithm; rtcstats-js does not send them.", (), FULL),
    M("rtc.codec.streams",                           G, "{stream}",      (*DEVICE, KIND, "rtc.media.direction", CODEC), (),         "Live streams by codec."),
    M("rtc.data_channel.messages",                   C, "{message}",     (*DEVICE, DIRECTION), _both_ways("data-channel.messagesSent", "data-channel.messagesReceived"), "Data channel messages."),
    M("rtc.data_channel.io",                         C, "By",            (*DEVICE, DIRECTION), _both_ways("data-channel.bytesSent", "data-channel.bytesReceived"), "Data channel payload bytes."),
    M("rtc.data_channel.state.changes",              C, "{change}",      (*DEVICE, "rtc.data_channel.state"), (),                   "Data channels that came into each state.", (), FULL),
    M("rtc.data_channel.events",                     C, "{event}",       (*DEVICE, "rtc.event.type"), each("rtc.event.type", opened="peer-connection.dataChannelsOpened", closed="peer-connection.dataChannelsClosed"), "Data channels opened and closed."),
    # ── session and participant
    M("rtc.sessions.active",                         G, "{session}",     DEVICE, (),                                                "Sessions with a live participant, under the cohort of its first participant.", (), CORE),
    M("rtc.participants.active",                     G, "{participant}", EVENT,  (),                                                "Live participants.", (), CORE),
    M("rtc.peer_connections.active",                 G, "{connection}",  (*DEVICE, "rtc.peer_connection.state"), (),                "Live peer connections by state.", (), CORE),
    M("rtc.participant.joins",                       C, "{participant}", (*EVENT, "geo.country.iso_code"), (),                      "Participants that came.", (), CORE),
    M("rtc.participant.leaves",                      C, "{participant}", (*EVENT, "rtc.leave.reason"), (),                          "Participants that went, by reason.", (), CORE),
    M("rtc.participant.duration",                    H, "s",             EVENT,  (),                                                "Time from join to leave.", DURATION, CORE),
    M("rtc.session.duration",                        H, "s",             DEVICE, (),                                                "Time from the first join to the last leave.", DURATION),
    # ── the verdict
    M("rtc.participant.quality.time",                C, "s",             (*EVENT, "rtc.quality"), (),                               "Time of calls by quality class, each participant once; time that was slept through is left out.", (), CORE),
    M("rtc.participant.quality.score",               H, "{score}",       (*EVENT, KIND, "rtc.media.direction"), (),                  "Score from 1 to 4.5 of each fold: of speech by the E-model (ITU-T G.107), of video by its worst side.", SCORE, CORE),
    M("rtc.path.quality.time",                       C, "s",             (*PATH, "rtc.quality"), (),                                "Time of calls by quality class and the path in use, each participant once: which countries, networks and relays suffer.", (), CORE),
    M("rtc.participant.bad.time",                    C, "s",             (*EVENT, "rtc.cause", "rtc.side"), (),                     "Time of quality class poor or bad, by the gravest issue open then and whose it is; other and unknown where none was.", (), CORE),
    M("rtc.issue.time",                              C, "s",             ISSUE,  (),                                                "Time in which participants had an issue.", (), CORE),
    M("rtc.issue.onsets",                            C, "{onset}",       ISSUE,  (),                                                "Times that an issue began.", (), CORE),
    M("rtc.issue.participants",                      G, "{participant}", (APP, "rtc.issue", "rtc.side", "rtc.severity"), (),        "Participants that have an issue now.", (), CORE),
    M("rtc.issue.judgements",                        C, "{connection}",  (APP, BROWSER, "rtc.issue", "rtc.judgement"), (),          "Peer connections of which an issue could be judged, or not because the browser does not report what it takes; decided once, after half a minute or at the end.", (), CORE),
    # ── setup and API events
    M("rtc.setup.duration",                          H, "s",             (*EVENT, "rtc.setup.stage"), (),                           "Time that each stage of setting up a call took, on the client's clock.", SETUP, CORE),
    M("rtc.api.calls",                               C, "{call}",        (*EVENT, "rtc.api.method"), (),                            "Calls of the WebRTC API."),
    M("rtc.api.errors",                              C, "{error}",       (*EVENT, "rtc.api.method", "error.type"), (),              "Calls of the WebRTC API that failed, by name of the DOMException.", (), CORE),
    M("rtc.connection.attempts",                     C, "{connection}",  (*EVENT, "rtc.outcome"), (),                               "Peer connections by how the attempt to connect ended, once each.", (), CORE),
    M("rtc.ice.state.changes",                       C, "{change}",      (*EVENT, "rtc.ice.state"), (),                             "Changes of iceConnectionState."),
    M("rtc.ice.restarts",                            C, "{restart}",     (*EVENT, "rtc.outcome"), (),                               "ICE restarts by how they ended.", (), CORE),
    M("rtc.ice.disconnected.duration",               H, "s",             EVENT,  (),                                                "Time from disconnected to connected again.", FREEZE, CORE),
    M("rtc.ice.candidate.errors",                    C, "{error}",       (*EVENT, "rtc.ice.server.scheme", "error.type"), (),       "Errors of STUN and TURN servers while gathering, by code (RFC 8489, RFC 8656; 701: not reached).", (), CORE),
    M("rtc.ice.candidates",                          C, "{candidate}",   (*EVENT, "rtc.ice.candidate.type", "rtc.ice.transport"), (), "Local candidates gathered."),
    M("rtc.track.events",                            C, "{event}",       (*EVENT, KIND, "rtc.event.type"), (),                      "Tracks muted, unmuted, ended and replaced."),
    M("rtc.device.changes",                          C, "{event}",       EVENT,  (),                                                "Changes of the set of media devices."),
    # ── client machine and page
    M("rtc.client.pressure.time",                    C, "s",             (*DEVICE, "rtc.pressure.source", "rtc.pressure.state"), (), "Time under each state of the Compute Pressure API."),
    M("rtc.client.memory.heap",                      H, "By",            DEVICE, (),                                                "Memory that the page uses, where the application sends it.", HEAP, FULL),
    M("rtc.client.long_tasks.time",                  C, "s",             DEVICE, (),                                                "Time that the page's main thread was blocked, where the application sends it.", (), FULL),
    M("rtc.client.hidden.time",                      C, "s",             DEVICE, (),                                                "Time that the page was hidden, where the application sends it.", (), FULL),
    M("rtc.client.network.downlink",                 H, "By/s",          PATH,   (),                                                "The browser's estimate of bandwidth downwards, where the application sends it.", RATE, FULL),
    M("rtc.client.network.round_trip_time",          H, "s",             PATH,   (),                                                "The browser's estimate of the round trip time, where the application sends it.", RTT, FULL),
    M("rtc.client.network.changes",                  C, "{change}",      (*DEVICE, "network.connection.type"), (),                  "Changes of the network, where the application sends them."),
    M("rtc.client.battery.discharging.time",         C, "s",             (*DEVICE, "rtc.battery.low"), (),                          "Time on battery, where the application sends it.", (), FULL),
    # ── user feedback
    M("rtc.feedback.rating",                         H, "{star}",        EVENT,  (),                                                "Ratings by users, 1 to 5.", STARS, CORE),
    M("rtc.feedback.score",                          H, "{score}",       (*EVENT, "rtc.feedback.stars"), (),                        "Score of the last minutes at the time of a rating, by stars: whether what is measured is what users feel.", SCORE, CORE),
    M("rtc.client.issues",                           C, "{issue}",       (*EVENT, "rtc.client.issue"), (),                          "What the client's own library found wrong, as it began."),
    M("rtc.feedback.reports",                        C, "{report}",      (*EVENT, "rtc.feedback.issue"), (),                        "What users complained about."),
    # ── voice agents: what is heard at the client
    M("rtc.voice.turns",                             C, "{turn}",        (*VOICE, "rtc.voice.outcome"), (),                         "Turns of users, by what became of them.", (), CORE),
    M("rtc.voice.turn.latency",                      H, "s",             VOICE,  (),                                                "Voice to voice: from the end of the user's speech to the first audio of the agent, as heard.", ANSWER, CORE),
    M("rtc.voice.turn.transport.latency",            H, "s",             VOICE,  (),                                                "The way of a turn, up and down: packetisation, pacer, round trip by RTCP, jitter buffer, playout.", WAY, CORE),
    M("rtc.voice.turn.pipeline.latency",             H, "s",             VOICE,  (),                                                "What the way does not account for: the agent.", ANSWER, CORE),
    M("rtc.voice.turn.agent.latency",                H, "s",             VOICE,  (),                                                "A turn as the agent measured it, where it tells.", ANSWER),
    M("rtc.voice.turn.unexplained.latency",          H, "s",             VOICE,  (),                                                "What neither the way nor the agent's own figure accounts for.", ANSWER),
    M("rtc.voice.turn.stage.duration",               H, "s",             (APP, AGENT, FRAMEWORK, "rtc.voice.stage"), (),            "Parts of the agent's own time, where it tells them.", ANSWER),
    M("rtc.voice.interruption.latency",              H, "s",             VOICE,  (),                                                "From the user's first sound, while the agent speaks, to the agent's last.", ANSWER),
    M("rtc.voice.interruptions",                     C, "{interruption}", (*VOICE, "rtc.voice.interruption"), (),                   "Times that both spoke at once, by what came of it."),
    M("rtc.voice.double_talk.time",                  C, "s",             VOICE,  (),                                                "Time in which both spoke at once."),
    M("rtc.voice.dead_air.duration",                 H, "s",             VOICE,  (),                                                "Silences of more than two seconds while a turn was owed; ten where there was no answer.", SILENCE, CORE),
    M("rtc.voice.agent.first_audio",                 H, "s",             VOICE,  (),                                                "From connected to the agent's greeting, where it speaks first.", ANSWER),
    M("rtc.voice.gaps",                              C, "{gap}",         (*VOICE, "rtc.voice.gap.cause"), (),                       "Gaps in the middle of what the agent said, by whose they are."),
    M("rtc.voice.gap.time",                          C, "s",             (*VOICE, "rtc.voice.gap.cause"), (),                       "Time of these gaps."),
    # ── live participants
    L("rtc.participant.packet_loss.ratio",           "1",         LIVE_KIND, "inbound-rtp:loss_ratio",           "max",  "Share of packets lost in the worst stream received, smoothed over 15 s.", 15.0),
    L("rtc.participant.jitter",                      "s",         LIVE_KIND, "inbound-rtp:jitter",               "max",  "Packet jitter of the worst stream received."),
    L("rtc.participant.jitter_buffer.delay",         "s",         LIVE_KIND, "inbound-rtp:jitter_buffer_delay",  "max",  "Jitter buffer delay of the worst stream received."),
    L("rtc.participant.concealment.ratio",           "1",         LIVE_KIND, "inbound-rtp:concealment_ratio",    "max",  "Share of audio made up in the worst stream received."),
    L("rtc.participant.freeze.ratio",                "1",         LIVE_KIND, "inbound-rtp:freeze_ratio",         "max",  "Share of time frozen in the worst video received."),
    L("rtc.participant.frame_rate",                  "{frame}/s", LIVE_KIND, "inbound-rtp:frame_rate",           "min",  "Lowest frame rate of the videos received."),
    L("rtc.participant.inbound.bitrate",             "By/s",      LIVE_KIND, "inbound-rtp:bitrate",              "sum",  "RTP payload received."),
    L("rtc.participant.outbound.bitrate",            "By/s",      LIVE_KIND, "outbound-rtp:bitrate",             "sum",  "RTP payload sent."),
    L("rtc.participant.remote_packet_loss.ratio",    "1",         LIVE_KIND, "remote-inbound-rtp:loss_ratio",    "max",  "Share of packets sent that the other side lost, worst stream."),
    L("rtc.participant.round_trip_time",             "s",         LIVE,      "candidate-pair:round_trip_time",   "max",  "Round trip time of the selected path."),
    L("rtc.participant.available_outgoing_bitrate",  "By/s",      LIVE,      "candidate-pair:available_outgoing_bitrate", "sum", "Estimated bandwidth upwards."),
    L("rtc.participant.cpu_pressure",                "{state}",   LIVE,      "compute-pressure:pressure",        "max",  "Compute pressure: 0 nominal, 1 fair, 2 serious, 3 critical."),
    L("rtc.participant.quality_limited.ratio",       "1",         LIVE,      "outbound-rtp:limited_ratio",       "max",  "Share of time in which cpu or bandwidth limited what is sent, smoothed over a minute.", 60.0),
    L("rtc.participant.score",                       "{score}",   LIVE_KIND, "",                                 "min",  "Score of the newest fold, the worse of what is sent and received, 1 to 4.5."),
    Metric("rtc.issue.active", G, "{issue}", (*LIVE, "rtc.issue", "rtc.side", "rtc.severity"), (), "Peer connections and streams of a live participant that have an issue now; absent where there is none.", tier=Tier.PARTICIPANT),
    L("rtc.participant.start.timestamp",             "s",         LIVE,      "",                                 "last", "Unix time of the join."),
    L("rtc.participant.last_report.timestamp",       "s",         LIVE,      "",                                 "last", "Unix time of the newest report."),
    Metric("rtc.participant.info", INFO, "", INFO_ATTRIBUTES, (), "1 for each live participant; join it with group_left to get its labels.", tier=Tier.PARTICIPANT),
    Metric("rtc.participants.exported", G, "{participant}", ("rtc.budget.reason",), (), "Participants that have series of their own: all of them, the worst, or pinned.", tier=Tier.SELF, profile=CORE),
    # ── this exporter
    X("rtc.exporter.reports",               C, "{report}",     ("rtc.transport.protocol", "rtc.outcome"),  "Reports that clients sent, by format.", (), tuple((name, outcome) for name in FORMAT_NAMES for outcome in ("accepted", "dropped"))),
    X("rtc.exporter.reports.dropped",       C, "{report}",     ("rtc.drop.reason",),                       "Frames, bodies, connections and values refused, by reason; nothing of them is counted elsewhere.", (), tuple((name,) for name in DROPS)),
    X("rtc.exporter.connections",           G, "{connection}", ("rtc.transport.protocol",),                "WebSocket connections open."),
    X("rtc.exporter.connections.opened",    C, "{connection}", ("rtc.transport.protocol",),                "WebSocket connections accepted."),
    X("rtc.exporter.connections.refused",   C, "{connection}", ("rtc.limit",),                             "Connections and requests that there was no room for, by the limit that was reached.", (), tuple((name,) for name in outcomes.ROOMS)),
    X("rtc.exporter.clients.remembered",    G, "{client}",     (),                                         "Page loads of rtc-exporter-client whose numbers are remembered, so that nothing is counted twice."),
    X("rtc.exporter.events.unknown",        C, "{event}",      (),                                         "Events whose name is not known.", (), ((),)),
    X("rtc.exporter.errors.internal",       C, "{error}",      (),                                         "Faults of this program; each is logged with its trace.", (), ((),)),
    X("rtc.exporter.stats_object.resets",   C, "{reset}",      ("rtc.stats.type",),                        "Stats objects whose counters went back.", (), tuple((name,) for name in STATES)),
    X("rtc.exporter.report.gaps",           C, "{gap}",        (),                                         "Reports after more than three of the client's usual intervals: a page that slept.", (), ((),)),
    X("rtc.exporter.participants.evicted",  C, "{participant}", (),                                        "Participants that went without a word: nothing was heard of them for participants.expiry.", (), ((),)),
    X("rtc.exporter.series",                G, "{series}",     ("rtc.metric.family",),                     "Series held."),
    X("rtc.exporter.series.limited",        C, "{event}",      ("rtc.metric.family",),                     "New label sets folded into the overflow series because the family is over its budget."),
    X("rtc.exporter.series.expired",        C, "{series}",     ("rtc.metric.family",),                     "Series removed because nothing had changed for a day, or the participant left."),
    X("rtc.exporter.label_values.limited",  C, "{event}",      ("rtc.attribute",),                         "New values of a capped attribute that became other."),
    X("rtc.exporter.client.clock_offset",   H, "s",            (),                                         "How far client clocks are from ours, either way.", LAG),
    X("rtc.exporter.report.delay",          H, "s",            (),                                         "Time from a client's sample to us, after its clock was corrected.", LAG),
    X("rtc.exporter.admin.requests",        C, "{request}",    ("rtc.outcome",),                           "Requests of operators: answered, without the right password, or over the rate limit of the web config file.", (), tuple((name,) for name in outcomes.ADMIN_OUTCOMES)),
    X("rtc.exporter.scrapes",               C, "{scrape}",     ("rtc.outcome",),                           "Scrapes: rendered, given what another has just had, or cut because nobody read them.", (), tuple((name,) for name in outcomes.SCRAPE_OUTCOMES)),
    X("rtc.exporter.last_scrape.timestamp", G, "s",            (),                                         "Unix time of the newest scrape that was rendered to its end.", (), ((),)),
    X("rtc.exporter.build.info",            INFO, "",          ("service.version", "process.runtime.version"), "1, with the version of the exporter and of Python."),
    X("rtc.exporter.config.reloads",        C, "{reload}",     ("rtc.config.file", "rtc.outcome"),         "Configurations that were read again: applied whole, or refused whole.", (), tuple((file, name) for file in outcomes.CONFIG_FILES for name in outcomes.RELOAD_OUTCOMES)),
    X("rtc.exporter.config.applied.timestamp", G, "s",         ("rtc.config.file",),                       "Unix time since when the configuration in use is in use.", (), tuple((file,) for file in outcomes.CONFIG_FILES)),
    X("rtc.exporter.ready",                 G, "{state}",      (),                                         "1 while it is ready, 0 once it is about to end.", (), ((),)),
    X("rtc.exporter.shard.up",              G, "{state}",      (),                                         "1 for each of several processes of one host that answers, 0 for one that does not; absent where there is one process."),
    X("rtc.exporter.shard.restarts",        C, "{restart}",    (),                                         "Times that this one of several processes ended by itself and was started again."),
    X("rtc.exporter.shard.connections",     C, "{connection}", (),                                         "Connections of clients that were handed to this one of several processes."),
    X("rtc.exporter.engine.batches",        C, "{batch}",      ("rtc.outcome",),                           "Batches of the engine: at an edge stored, refused, failed or too large; at an aggregator read, repeated, spoilt or lost.", (), tuple((name,) for name in outcomes.BATCH_OUTCOMES)),
    X("rtc.exporter.engine.waiting",        G, "By",           (),                                         "What an edge holds that the engine has not stored yet.", (), ((),)),
    X("rtc.exporter.engine.behind",         G, "{batch}",      (),                                         "Batches that are stored and not read yet, of the partitions of this aggregator.", (), ((),)),
    X("rtc.exporter.engine.partitions",     G, "{partition}",  ("rtc.state",),                             "Partitions of this aggregator: those that it has, and those of them that it shows.", (), tuple((name,) for name in outcomes.PARTITION_STATES)),
    X("rtc.exporter.engine.snapshots",      C, "{snapshot}",   ("rtc.outcome",),                           "Snapshots of partitions: saved, failed, restored, or begun anew because another version or other settings had made them.", (), tuple((name,) for name in outcomes.SNAPSHOT_OUTCOMES)),
    X("rtc.exporter.memory.usage",          G, "By",           (),                                         "Memory that the process holds.", (), ((),)),
    X("rtc.exporter.memory.reusable",       G, "By",           (),                                         "Part of it that was in use and is free for what comes next.", (), ((),)),
    X("rtc.exporter.memory.limit",          G, "By",           (),                                         "Memory that it may hold; 0 for no limit.", (), ((),)),
    X("rtc.exporter.memory.stage",          G, "{stage}",      (),                                         "0 all is taken, 1 new clients are refused, 2 reports are dropped and events kept, 3 the heaviest clients are closed.", (), ((),)),
    X("rtc.exporter.memory.shed",           C, "{item}",       ("rtc.shed",),                              "What was given up because memory ran short.", (), tuple((name,) for name in outcomes.SHED)),
    X("rtc.exporter.loop.lag",              H, "s",            (),                                         "How late the event loop comes to what is due, ten times a second.", LOOP, ((),)),
    X("rtc.exporter.loop.stalls",           C, "{stall}",      (),                                         "Times that the event loop hung for a second; the log says where.", (), ((),)),
    X("rtc.exporter.clock.offset",          G, "s",            (),                                         "How far the wall clock is ahead of the time in use, which is led to it slowly.", (), ((),)),
    X("rtc.exporter.log.suppressed",        C, "{line}",       (),                                         "Lines that were not logged because there were too many of them.", (), ((),)),
    X("rtc.exporter.history.sessions",      G, "{session}",    (),                                         "Sessions that ended and can still be looked up.", (), ((),)),
    X("rtc.exporter.history.usage",         G, "By",           (),                                         "Memory for what is remembered of calls, as estimated.", (), ((),)),
    X("rtc.exporter.history.dropped",       C, "{session}",    ("rtc.drop.reason",),                       "Sessions that ended and are no longer remembered, by reason; and live participants of whom nothing is remembered for want of memory.", (), tuple((name,) for name in HISTORY_DROPS)),
    # ── OpenTelemetry
    X("rtc.exporter.spans",                 C, "{span}",       ("rtc.outcome",),                           "Finished spans: queued for OTLP, left out by sampling, or over the budget of their participant.", (), tuple((name,) for name in outcomes.SPAN_OUTCOMES)),
    X("rtc.exporter.spans.buffered",        G, "{span}",       (),                                         "Finished spans of participants that sampling has not decided on yet.", (), ((),)),
    X("rtc.exporter.otlp.requests",         C, "{request}",    ("rtc.signal", "rtc.outcome"),              "OTLP requests: taken by the receiver, to be sent again, or refused for good.", (), tuple((signal, name) for signal in outcomes.SIGNAL_NAMES for name in OTLP_OUTCOMES)),
    X("rtc.exporter.otlp.queued",           C, "{item}",       ("rtc.signal",),                            "Spans and metric points that were to be sent: what was delivered, dropped or still waits.", (), tuple((name,) for name in outcomes.SIGNAL_NAMES)),
    X("rtc.exporter.otlp.delivered",        C, "{item}",       ("rtc.signal",),                            "Spans and metric points that the receiver took.", (), tuple((name,) for name in outcomes.SIGNAL_NAMES)),
    X("rtc.exporter.otlp.dropped",          C, "{item}",       ("rtc.signal", "rtc.drop.reason"),          "Spans and metric points that were given up, by reason.", (), tuple((signal, name) for signal in outcomes.SIGNAL_NAMES for name in OTLP_DROPS)),
    X("rtc.exporter.otlp.waiting",          G, "{item}",       ("rtc.signal",),                            "Spans and metric points that wait for the receiver.", (), tuple((name,) for name in outcomes.SIGNAL_NAMES)),
    X("rtc.exporter.otlp.export.duration",  H, "s",            ("rtc.signal",),                            "Time of an OTLP request, from encoding to the answer.", LAG),
    X("rtc.exporter.render.duration",       H, "s",            ("rtc.output",),                            "Time to render an exposition, the turns of others between its parts included.", RENDER),
)
# fmt: on

BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
