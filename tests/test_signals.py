"""Signals: what two successive stats objects say together, each by literal members before and after."""

from collections.abc import Mapping

import pytest

from rtc_exporter import catalog, signals, w3c
from rtc_exporter.delta import Deltas, Fold
from rtc_exporter.model import Member, Members, PeerConnectionKey, Report
from rtc_exporter.quality import LEVELS
from rtc_exporter.rules import RULES

KEY = PeerConnectionKey("s", "p", "PC_0")
START = 1_760_000_000.0
SECONDS = 5.0


def folded(
    before: Mapping[str, Members],
    after: Mapping[str, Members],
    *,
    muted: frozenset[str] = frozenset(),
    gap: bool = False,
) -> Fold:
    """The second of two folds five seconds apart."""
    deltas = Deltas(created=True)
    deltas.fold(Report(KEY, START, START, before, {}))
    return deltas.fold(Report(KEY, START + SECONDS, START + SECONDS, after, {}), gap=gap, muted=muted)


def value(name: str, fold: Fold, ident: str = "it") -> float | None:
    thing = fold.objects[ident]
    formula = next(signal.formula for signal in signals.BY_TYPE[thing.type] if signal.name == name)
    return formula(thing, fold)


def read(name: str, before: Members, after: Members, muted: frozenset[str] = frozenset()) -> float | None:
    """A signal of one object; its type and what does not change stand in ``before``."""
    return value(name, folded({"it": before}, {"it": {**before, **after}}, muted=muted))


def video(**members: Member) -> Members:
    return {"type": "inbound-rtp", "kind": "video", "ssrc": 1, "trackIdentifier": "t", **members}


def audio(**members: Member) -> Members:
    return {"type": "inbound-rtp", "kind": "audio", "ssrc": 1, "trackIdentifier": "t", **members}


def sent(**members: Member) -> Members:
    return {"type": "outbound-rtp", "kind": "video", "ssrc": 1, **members}


def remote(**members: Member) -> Members:
    return {"type": "remote-inbound-rtp", "ssrc": 1, "timestamp": START, **members}


def source(**members: Member) -> Members:
    return {"type": "media-source", "trackIdentifier": "t", **members}


def pair(**members: Member) -> Members:
    return {"type": "candidate-pair", "selected": True, **members}


NOW = START + SECONDS
MILLISECONDS = NOW * 1000

Row = tuple[str, Members, Members, float | None]
# signal, before, what changes, value
ROWS: tuple[Row, ...] = (
    # ── inbound-rtp
    ("loss_ratio", video(packetsReceived=100, packetsLost=5), {"packetsReceived": 190, "packetsLost": 15}, 0.1),
    ("loss_ratio", video(packetsReceived=100, packetsLost=5), {"packetsReceived": 190, "packetsLost": 2}, 0.0),
    ("loss_ratio", video(packetsReceived=100, packetsLost=5), {}, None),
    ("loss_ratio", video(packetsReceived=100), {"packetsReceived": 190}, None),
    ("loss_ratio", video(packetsReceived=100, packetsLost=5), {"packetsReceived": 10, "packetsLost": 6}, None),
    ("jitter", audio(jitter=0.02), {"jitter": 0.03}, 0.03),
    ("jitter", audio(), {}, None),
    ("jitter", audio(jitter="x"), {}, None),
    ("jitter", audio(jitter=-1), {}, None),
    ("jitter", audio(jitter=float("nan")), {}, None),
    (
        "jitter_buffer_delay",
        audio(jitterBufferDelay=480.0, jitterBufferEmittedCount=9600),
        {"jitterBufferDelay": 960.0, "jitterBufferEmittedCount": 19200},
        0.05,
    ),
    ("jitter_buffer_delay", audio(jitterBufferDelay=1.0, jitterBufferEmittedCount=5), {}, None),
    (
        "jitter_buffer_target_delay",
        audio(jitterBufferTargetDelay=0.0, jitterBufferEmittedCount=0),
        {"jitterBufferTargetDelay": 4.0, "jitterBufferEmittedCount": 100},
        0.04,
    ),
    (
        "processing_delay",
        video(totalProcessingDelay=1.0, framesDecoded=10, jitterBufferEmittedCount=1),
        {"totalProcessingDelay": 2.0, "framesDecoded": 30, "jitterBufferEmittedCount": 2},
        0.05,
    ),
    (
        "processing_delay",
        audio(totalProcessingDelay=0.0, jitterBufferEmittedCount=0),
        {"totalProcessingDelay": 960.0, "jitterBufferEmittedCount": 9600},
        0.1,
    ),
    ("processing_delay", video(totalProcessingDelay=1.0, framesDecoded=10), {}, None),
    ("bitrate", video(bytesReceived=1000), {"bytesReceived": 6000}, 1000.0),
    ("bitrate", video(), {}, None),
    ("no_data", audio(packetsReceived=5), {}, 5.0),
    ("no_data", audio(packetsReceived=5), {"packetsReceived": 6}, 0.0),
    ("no_data", audio(packetsReceived=0), {}, None),
    ("no_data", audio(), {}, None),
    ("frame_rate", video(framesPerSecond=30, framesDecoded=0), {"framesPerSecond": 24, "framesDecoded": 100}, 24),
    ("frame_rate", video(framesDecoded=0), {"framesDecoded": 100}, 20.0),
    ("frame_rate", video(framesDecoded=10), {}, 0.0),
    ("frame_rate", audio(), {}, None),
    ("frame_height", video(framesDecoded=0, frameWidth=1280, frameHeight=720), {"framesDecoded": 1}, 720),
    ("frame_height", video(framesDecoded=0, frameWidth=360, frameHeight=640), {"framesDecoded": 1}, 360),
    ("frame_height", video(framesDecoded=0, frameHeight=480), {"framesDecoded": 1}, 480),
    ("frame_height", video(framesDecoded=0, frameWidth=1280, frameHeight=720), {}, None),
    ("frame_height", video(framesDecoded=0, frameWidth=1280), {"framesDecoded": 1}, None),
    (
        "decode_duration",
        video(totalDecodeTime=1.0, framesDecoded=10),
        {"totalDecodeTime": 2.0, "framesDecoded": 60},
        0.02,
    ),
    (
        "assembly_duration",
        video(totalAssemblyTime=0.0, framesAssembledFromMultiplePackets=0),
        {"totalAssemblyTime": 0.5, "framesAssembledFromMultiplePackets": 50},
        0.01,
    ),
    (
        # 1, 1, 3, 3 tenths of a second: mean 0.2, deviation 0.1
        "interframe_jitter",
        video(totalInterFrameDelay=0.0, totalSquaredInterFrameDelay=0.0, framesRendered=0, framesDecoded=0),
        {"totalInterFrameDelay": 0.8, "totalSquaredInterFrameDelay": 0.2, "framesRendered": 4, "framesDecoded": 9},
        0.1,
    ),
    (
        "interframe_jitter",
        video(totalInterFrameDelay=0.0, totalSquaredInterFrameDelay=0.0, framesDecoded=0),
        {"totalInterFrameDelay": 0.8, "totalSquaredInterFrameDelay": 0.16, "framesDecoded": 4},
        0.0,
    ),
    ("interframe_jitter", video(totalInterFrameDelay=0.0, framesDecoded=0), {"framesDecoded": 4}, None),
    (
        "freeze_duration",
        video(totalFreezesDuration=1.0, freezeCount=1),
        {"totalFreezesDuration": 2.0, "freezeCount": 3},
        0.5,
    ),
    ("freeze_duration", video(totalFreezesDuration=1.0, freezeCount=1), {}, None),
    ("freeze_ratio", video(totalFreezesDuration=1.0), {"totalFreezesDuration": 2.0}, 0.2),
    ("freeze_ratio", video(totalFreezesDuration=1.0), {"totalFreezesDuration": 13.0}, 1.0),
    ("freeze_ratio", audio(), {}, None),
    ("qp", video(qpSum=0, framesDecoded=0), {"qpSum": 300, "framesDecoded": 10}, 30.0),
    (
        "corruption_probability",
        video(totalCorruptionProbability=0.0, corruptionMeasurements=0),
        {"totalCorruptionProbability": 0.5, "corruptionMeasurements": 5},
        0.1,
    ),
    (
        "concealment_ratio",
        audio(concealedSamples=0, silentConcealedSamples=0, totalSamplesReceived=0),
        {"concealedSamples": 300, "silentConcealedSamples": 100, "totalSamplesReceived": 1000},
        0.2,
    ),
    ("concealment_ratio", audio(concealedSamples=0, totalSamplesReceived=0), {"totalSamplesReceived": 1000}, None),
    (
        "time_stretch_ratio",
        audio(insertedSamplesForDeceleration=0, removedSamplesForAcceleration=0, totalSamplesReceived=0),
        {"insertedSamplesForDeceleration": 10, "removedSamplesForAcceleration": 20, "totalSamplesReceived": 1000},
        0.03,
    ),
    (
        "audio_level",
        audio(totalAudioEnergy=1.0, totalSamplesDuration=10.0, audioLevel=0.9),
        {"totalAudioEnergy": 1.2, "totalSamplesDuration": 15.0},
        0.2,
    ),
    ("audio_level", audio(audioLevel=0.4), {}, 0.4),
    ("audio_level", audio(totalAudioEnergy=1.0, totalSamplesDuration=10.0, audioLevel=0.9), {}, None),
    # ── outbound-rtp
    ("bitrate", sent(bytesSent=0), {"bytesSent": 5000}, 1000.0),
    ("source_bitrate", sent(bytesSent=0), {"bytesSent": 5000}, 1000.0),
    ("source_bitrate", sent(bytesSent=0, active=False), {"bytesSent": 5000}, None),
    ("source_target_bitrate", sent(targetBitrate=800_000), {}, 100_000.0),
    ("source_target_bitrate", sent(), {}, None),
    ("source_frame_rate", sent(framesPerSecond=30), {}, 30),
    ("source_frame_rate", sent(framesEncoded=0), {"framesEncoded": 50}, 10.0),
    ("source_frame_height", sent(framesEncoded=0, frameWidth=640, frameHeight=360), {"framesEncoded": 5}, 360),
    ("source_frame_height", sent(framesEncoded=0, frameWidth=640, frameHeight=360), {}, None),
    (
        "bitrate_attainment",
        sent(bytesSent=0, totalEncodedBytesTarget=0),
        {"bytesSent": 9, "totalEncodedBytesTarget": 10},
        0.9,
    ),
    (
        "bitrate_attainment",
        sent(bytesSent=0, totalEncodedBytesTarget=0),
        {"bytesSent": 90, "totalEncodedBytesTarget": 10},
        2.0,
    ),
    ("bitrate_attainment", sent(bytesSent=0, totalEncodedBytesTarget=0), {"bytesSent": 9}, None),
    (
        "encode_duration",
        sent(totalEncodeTime=0.0, framesEncoded=0),
        {"totalEncodeTime": 0.5, "framesEncoded": 100},
        0.005,
    ),
    (
        "packet_send_delay",
        sent(totalPacketSendDelay=0.0, packetsSent=0),
        {"totalPacketSendDelay": 0.5, "packetsSent": 100},
        0.005,
    ),
    ("qp", sent(qpSum=0, framesEncoded=0), {"qpSum": 300, "framesEncoded": 10}, 30.0),
    ("psnr_y", sent(**{"psnrSum.y": 0.0, "psnrMeasurements": 0}), {"psnrSum.y": 80.0, "psnrMeasurements": 2}, 40.0),
    ("psnr_u", sent(**{"psnrSum.u": 0.0, "psnrMeasurements": 0}), {"psnrSum.u": 82.0, "psnrMeasurements": 2}, 41.0),
    ("psnr_v", sent(**{"psnrSum.v": 0.0, "psnrMeasurements": 0}), {"psnrSum.v": 84.0, "psnrMeasurements": 2}, 42.0),
    (
        "limited_ratio",
        sent(**{"qualityLimitationDurations.cpu": 1.0, "qualityLimitationDurations.bandwidth": 1.0}),
        {"qualityLimitationDurations.cpu": 2.0, "qualityLimitationDurations.bandwidth": 2.5},
        0.5,
    ),
    ("limited_ratio", sent(qualityLimitationReason="cpu"), {}, None),
    ("limited_by_cpu", sent(qualityLimitationReason="cpu"), {}, 5.0),
    ("limited_by_none", sent(qualityLimitationReason="none"), {}, 5.0),
    ("limited_by_bandwidth", sent(qualityLimitationReason="bandwidth"), {}, 5.0),
    ("limited_by_other", sent(qualityLimitationReason="cpu"), {}, 0.0),
    ("limited_by_cpu", sent(qualityLimitationReason="cpu", **{"qualityLimitationDurations.none": 0.0}), {}, None),
    ("limited_by_cpu", sent(), {}, None),
    (
        "cpu_limited_ratio",
        sent(qualityLimitationReason="none", **{"qualityLimitationDurations.cpu": 1.0}),
        {"qualityLimitationDurations.cpu": 3.0},
        0.4,
    ),
    ("cpu_limited_ratio", sent(qualityLimitationReason="cpu"), {}, 1.0),
    ("cpu_limited_ratio", sent(), {}, None),
    (
        "bandwidth_limited_ratio",
        sent(qualityLimitationReason="none", **{"qualityLimitationDurations.bandwidth": 1.0}),
        {"qualityLimitationDurations.bandwidth": 1.0},
        0.0,
    ),
    ("bandwidth_limited_ratio", sent(qualityLimitationReason="cpu"), {}, 0.0),
    # ── remote-inbound-rtp, remote-outbound-rtp
    (
        "round_trip_time",
        remote(totalRoundTripTime=1.0, roundTripTimeMeasurements=10, roundTripTime=0.5),
        {"totalRoundTripTime": 1.2, "roundTripTimeMeasurements": 12, "timestamp": NOW},
        0.1,
    ),
    (
        "round_trip_time",
        remote(totalRoundTripTime=1.0, roundTripTimeMeasurements=10, roundTripTime=0.5),
        {"timestamp": NOW},
        None,
    ),
    ("round_trip_time", remote(roundTripTime=0.5), {"timestamp": NOW}, 0.5),
    ("round_trip_time", remote(roundTripTime=0.5), {}, None),
    ("loss_ratio", remote(fractionLost=0.25), {"timestamp": NOW}, 0.25),
    ("loss_ratio", remote(fractionLost=25), {"timestamp": NOW}, None),
    ("loss_ratio", remote(), {"timestamp": NOW}, None),
    ("jitter", remote(jitter=0.01), {"timestamp": NOW}, 0.01),
    (
        "reported_lost",
        remote(packetsReportedAsLost=0, packetsReportedAsLostButRecovered=0),
        {"packetsReportedAsLost": 9, "packetsReportedAsLostButRecovered": 4, "timestamp": NOW},
        5,
    ),
    ("reported_lost", remote(), {"timestamp": NOW}, None),
    (
        "round_trip_time",
        {"type": "remote-outbound-rtp", "totalRoundTripTime": 1.0, "roundTripTimeMeasurements": 10},
        {"totalRoundTripTime": 1.2, "roundTripTimeMeasurements": 14},
        0.05,
    ),
    # ── media-source, media-playout
    ("frame_rate", source(framesPerSecond=30), {}, 30),
    ("frame_rate", source(frames=0), {"frames": 100}, 20.0),
    ("frame_height", source(width=720, height=1280), {}, 720),
    ("frame_height", source(), {}, None),
    (
        "audio_level",
        source(totalAudioEnergy=0.0, totalSamplesDuration=0.0),
        {"totalAudioEnergy": 0.05, "totalSamplesDuration": 5.0},
        0.1,
    ),
    ("silence", source(totalAudioEnergy=0.0, totalSamplesDuration=0.0), {"totalSamplesDuration": 5.0}, 5.0),
    (
        "silence",
        source(totalAudioEnergy=0.0, totalSamplesDuration=0.0),
        {"totalAudioEnergy": 0.05, "totalSamplesDuration": 5.0},
        0.0,
    ),
    ("silence", source(totalAudioEnergy=0.0, totalSamplesDuration=0.0), {}, None),
    ("silence", source(audioLevel=0.0), {}, None),
    ("silence", source(frames=5), {}, None),
    ("echo_return_loss", source(echoReturnLoss=-30), {}, -30),
    ("echo_return_loss", source(echoReturnLoss=-100), {}, None),
    ("echo_return_loss_enhancement", source(echoReturnLossEnhancement=0.17), {}, 0.17),
    ("echo_return_loss_enhancement", source(echoReturnLossEnhancement=-100), {}, None),
    (
        "delay",
        {"type": "media-playout", "totalPlayoutDelay": 0.0, "totalSamplesCount": 0},
        {"totalPlayoutDelay": 480.0, "totalSamplesCount": 48_000},
        0.01,
    ),
    (
        "glitch_ratio",
        {"type": "media-playout", "synthesizedSamplesDuration": 0.0, "totalSamplesDuration": 0.0},
        {"synthesizedSamplesDuration": 0.5, "totalSamplesDuration": 5.0},
        0.1,
    ),
    # ── candidate-pair
    (
        "round_trip_time",
        pair(totalRoundTripTime=1.0, responsesReceived=10, currentRoundTripTime=0.9),
        {"totalRoundTripTime": 1.2, "responsesReceived": 12},
        0.1,
    ),
    ("round_trip_time", pair(totalRoundTripTime=1.0, responsesReceived=10, currentRoundTripTime=0.9), {}, None),
    ("round_trip_time", pair(currentRoundTripTime=0.9), {}, 0.9),
    ("round_trip_time", pair(currentRoundTripTime=0.9), {"selected": False}, None),
    ("available_outgoing_bitrate", pair(availableOutgoingBitrate=800_000), {}, 100_000.0),
    ("available_outgoing_bitrate", pair(availableOutgoingBitrate=800_000), {"selected": False}, None),
    ("available_incoming_bitrate", pair(availableIncomingBitrate=80_000), {}, 10_000.0),
    ("available_incoming_bitrate", pair(), {}, None),
    ("silence_duration", pair(lastPacketReceivedTimestamp=MILLISECONDS - 2000), {}, 2.0),
    ("silence_duration", pair(lastPacketReceivedTimestamp=MILLISECONDS - 900), {}, None),
    ("silence_duration", pair(lastPacketReceivedTimestamp=0), {}, None),
    ("silence_duration", pair(lastPacketReceivedTimestamp=5), {}, None),
    # ── compute-pressure
    ("pressure", {"type": "compute-pressure", "cpuState": 4}, {"cpuState": 1}, 3),
    ("pressure", {"type": "compute-pressure", "cpuState": 1}, {"cpuState": 4}, 0),
    ("pressure", {"type": "compute-pressure", "cpuState": 9}, {}, None),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"), ROWS, ids=[f"{row[1]['type']}:{row[0]}-{n}" for n, row in enumerate(ROWS)]
)
def test_signal(name: str, before: Members, after: Members, expected: float | None) -> None:
    """Members before and after, five seconds apart, give this value."""
    seen = read(name, before, after)

    assert seen is None if expected is None else seen == pytest.approx(expected)


def test_every_signal_has_a_row() -> None:
    """The table above knows each signal, with a value; those of rules have their cases in ``test_rules``."""
    known = {(row[1]["type"], row[0]) for row in ROWS if row[3] is not None}
    known |= {(rule.stats, rule.signal) for rule in RULES}

    assert {(signal.stats, signal.name) for signal in signals.SIGNALS} <= known


def test_the_catalogue_and_the_signals_agree() -> None:
    """Every signal that a metric, a level or a rule names is computed, and none is computed for nobody."""
    named = {(source.stats, source.signal) for metric in catalog.METRICS for source in metric.sources if source.signal}
    judged = {(level.stats, level.signal) for level in LEVELS}
    judged |= {(rule.stats, rule.signal) for rule in RULES if rule.stats}

    assert named | judged == {(signal.stats, signal.name) for signal in signals.SIGNALS}


def test_signals_have_one_name_each() -> None:
    """No stats type has two signals of one name."""
    names = [(signal.stats, signal.name) for signal in signals.SIGNALS]

    assert len(names) == len(set(names))


def test_signals_read_members_that_are_kept() -> None:
    """What a formula reads is in ``w3c.STATS``, or it would never see a value."""
    for signal in signals.SIGNALS:
        assert signal.reads, f"{signal.name} reads nothing"
        for member in signal.reads:
            stats, _, name = member.partition(".")
            owner, name = (stats, name) if stats in w3c.STATS else (signal.stats, member)
            assert name in w3c.STATS[owner].members, f"{signal.stats}:{signal.name} reads {member}, which nothing keeps"


#: Counts and states hold without an interval.
TIMELESS = {"reported_lost", "pressure"}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row[3] is not None], ids=lambda row: f"{row[1]['type']}:{row[0]}"
)
def test_nothing_is_judged_after_a_gap(row: Row) -> None:
    """The same members after a gap give no value."""
    name, before, after, _ = row
    seen = value(name, folded({"it": before}, {"it": {**before, **after}}, gap=True))

    assert (seen is None) is (name not in TIMELESS)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row[3] is not None], ids=lambda row: f"{row[1]['type']}:{row[0]}"
)
def test_nothing_is_judged_at_first_sight(row: Row) -> None:
    """An object that was not there before gives no value."""
    name, before, after, _ = row
    seen = value(name, folded({}, {"it": {**before, **after}}))

    assert (seen is None) is (name not in TIMELESS)


MUTED = frozenset({"t"})
MUTABLE: tuple[tuple[str, Members, Members], ...] = (
    ("no_data", audio(packetsReceived=5), {}),
    ("frame_rate", video(framesPerSecond=2), {}),
    ("silence", source(totalAudioEnergy=0.0, totalSamplesDuration=0.0), {"totalSamplesDuration": 5.0}),
)


@pytest.mark.parametrize(("name", "before", "after"), MUTABLE, ids=[row[0] for row in MUTABLE])
def test_muted_tracks_are_not_judged(name: str, before: Members, after: Members) -> None:
    """A muted track is silent, dark and idle on purpose."""
    assert read(name, before, after) is not None
    assert read(name, before, after, muted=MUTED) is None


def test_what_the_other_side_lost_is_compared_with_what_was_sent() -> None:
    """The increase of packets lost among those sent in the same time, which include the lost ones."""
    before = {"it": remote(localId="out", packetsLost=0), "out": sent(packetsSent=0)}
    after = {"it": remote(localId="out", packetsLost=10, timestamp=NOW), "out": sent(packetsSent=100)}

    assert value("loss_ratio", folded(before, after)) == pytest.approx(0.1)


def test_sent_packets_are_scaled_to_the_interval_of_the_other_side() -> None:
    """A receiver report that covers half of our interval is compared with half of what was sent."""
    before = {"it": remote(localId="out", packetsLost=0), "out": sent(packetsSent=0)}
    after = {"it": remote(localId="out", packetsLost=10, timestamp=START + 2.5), "out": sent(packetsSent=200)}

    assert value("loss_ratio", folded(before, after)) == pytest.approx(0.1)


def test_a_receiver_report_about_nothing_sent_is_not_judged() -> None:
    """Without packets there is no share of them."""
    before = {"it": remote(localId="out", packetsLost=0), "out": sent(packetsSent=0)}
    after = {"it": remote(localId="out", packetsLost=0, timestamp=NOW), "out": sent(packetsSent=0)}

    assert value("loss_ratio", folded(before, after)) is None


def layer(ssrc: int, height: int, **members: Member) -> Members:
    size: Members = {"frameWidth": height * 2, "frameHeight": height, "mediaSourceId": "camera", "encodingIndex": ssrc}
    return sent(ssrc=ssrc, bytesSent=0, framesEncoded=0, targetBitrate=8000, **size, **members)


def grown(members: Members, **changes: Member) -> Members:
    return {**members, "bytesSent": 5000, "framesEncoded": 50, **changes}


def test_a_media_source_speaks_through_its_top_layer() -> None:
    """Three layers of a camera make one bitrate, one target, one rate and one height."""
    before = {"low": layer(1, 180), "high": layer(3, 720), "mid": layer(2, 360)}
    fold = folded(before, {ident: grown(members) for ident, members in before.items()})

    for name, expected in (("source_bitrate", 3000.0), ("source_target_bitrate", 3000.0), ("source_frame_height", 720)):
        assert value(name, fold, "high") == pytest.approx(expected), name
        assert (value(name, fold, "low"), value(name, fold, "mid")) == (None, None), name
    assert value("source_frame_rate", fold, "high") == 10.0
    assert value("bitrate", fold, "low") == 1000.0


def test_layers_that_are_off_do_not_count() -> None:
    """An inactive layer is not part of what is sent, and cannot be the top one."""
    before = {"low": layer(1, 180), "high": layer(3, 720, active=False)}
    fold = folded(before, {ident: grown(members) for ident, members in before.items()})

    assert value("source_bitrate", fold, "low") == 1000.0
    assert value("source_frame_height", fold, "low") == 180
    assert value("source_frame_height", fold, "high") is None


def test_a_starved_layer_is_not_the_top_one() -> None:
    """A layer that is active but encodes nothing, for want of bandwidth, does not say how large the picture is."""
    before = {"low": layer(1, 180), "high": layer(3, 720)}
    fold = folded(before, {"low": grown(before["low"]), "high": before["high"]})

    assert value("source_frame_height", fold, "low") == 180
    assert value("source_bitrate", fold, "low") == 1000.0


def test_a_source_with_a_new_layer_is_not_judged() -> None:
    """The rate of a layer that has just begun is not known, so neither is the sum."""
    before = {"low": layer(1, 180)}
    fold = folded(before, {"low": grown(before["low"]), "high": grown(layer(3, 720))})

    assert (value("source_bitrate", fold, "low"), value("source_bitrate", fold, "high")) == (None, None)


def test_the_first_interval_of_a_path_has_no_round_trip_time() -> None:
    """Checks made while the pair was not in use say nothing about the path."""
    deltas = Deltas(created=True)
    reports = [
        {"a": pair(selected=n < 1, currentRoundTripTime=0.1), "b": pair(selected=n >= 1, currentRoundTripTime=0.2)}
        for n in range(3)
    ]
    folds = [deltas.fold(Report(KEY, START + n, START + n, stats, {})) for n, stats in enumerate(reports[:2])]
    assert value("round_trip_time", folds[1], "b") is None

    assert value("round_trip_time", deltas.fold(Report(KEY, START + 2, START + 2, reports[2], {})), "b") == 0.2


VP8: Members = {"type": "codec", "mimeType": "video/VP8"}
CODECS: tuple[tuple[str, Members, Mapping[str, Members], str | None], ...] = (
    ("its own", video(codecId="c"), {"c": VP8}, "video/VP8"),
    ("of the stream it is about", remote(localId="out"), {"c": VP8, "out": sent(codecId="c")}, "video/VP8"),
    ("of the stream about it", video(remoteId="far"), {"c": VP8, "far": remote(codecId="c")}, "video/VP8"),
    ("not there", video(codecId="c"), {}, None),
    ("not told", video(), {"c": VP8}, None),
    ("no text", video(codecId="c"), {"c": {"type": "codec", "mimeType": 8}}, None),
)


@pytest.mark.parametrize(("members", "stats", "expected"), [row[1:] for row in CODECS], ids=[row[0] for row in CODECS])
def test_codec_of(members: Members, stats: Mapping[str, Members], expected: str | None) -> None:
    """The codec of a stream is found by reference."""
    fold = folded({}, {"it": members, **stats})

    assert signals.codec_of(fold.objects["it"], fold.stats) == expected


@pytest.mark.parametrize(
    ("stats", "signal", "members"),
    [
        ("inbound-rtp", "jitter", {"jitter": 9e15}),
        ("inbound-rtp", "jitter", {"jitter": -1}),
        ("inbound-rtp", "frame_rate", {"framesPerSecond": 3e15, "framesDecoded": 1}),
        ("outbound-rtp", "source_target_bitrate", {"targetBitrate": -3e15}),
        ("outbound-rtp", "source_frame_rate", {"framesPerSecond": 1001, "framesEncoded": 1}),
        ("remote-inbound-rtp", "round_trip_time", {"roundTripTime": 1e9}),
        ("remote-inbound-rtp", "loss_ratio", {"fractionLost": 1.5}),
        ("media-source", "frame_height", {"height": 1e9}),
    ],
)
def test_what_no_browser_can_mean_is_no_value(stats: str, signal: str, members: Members) -> None:
    """One absurd gauge would spoil the sum of a histogram for ever, and a negative one would break its rate."""
    thing: Members = {"type": stats, "ssrc": 1, "kind": "video", "timestamp": START, **members}

    assert value(signal, folded({"it": thing}, {"it": {**thing, "timestamp": NOW}})) is None
