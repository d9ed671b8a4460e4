"""
Mistakes that others made in scores and exporters, each as a claim that we do not make it.

B1 to B12 are those that were found in the code of open WebRTC monitors.  B10 (turns told only at the end of a session)
is about voice agents: its test stands in ``test_mistakes_voice``.
"""

from itertools import pairwise

import pytest

from rtc_exporter import signals, w3c
from rtc_exporter.catalog import METRICS
from rtc_exporter.emodel import MOST, codec, speech
from rtc_exporter.marks import READS
from rtc_exporter.metric import Kind, Metric, Tier
from rtc_exporter.model import Members
from rtc_exporter.quality import BAD, CLASSES, FAIR, GOOD, LEVELS, POOR
from rtc_exporter.scores import Scores, Scoring, worse
from rtc_exporter.thresholds import Falling, Rising, Thresholds, sources
from tests.judging import Call
from tests.test_marks import WELL, Playing, changed
from tests.test_signals import audio, folded, read, value, video

SCORING = Scoring()


def test_b1_the_score_does_not_jump_up_with_delay() -> None:
    """Without brackets in the formula 170 ms there and back were better than 160, and 300 with 10 % loss the best."""
    milliseconds = [SCORING.audio_inbound(0.0, trip / 1000, 0.0, 0.0, "audio/opus", None) for trip in range(2000)]
    steps = [before - after for before, after in pairwise(milliseconds)]  # type: ignore[operator]

    assert all(-1e-12 <= step < 0.003 for step in steps)
    assert speech(0.10, 0.150, codec("audio/opus")) < 3.0
    for delay in (0.149, 0.150, 0.151, 0.170, 0.177, 0.178):
        assert speech(0.0, delay) - speech(0.0, delay + 0.001) < 0.003, delay


def test_b2_more_participants_do_not_make_a_network_worse() -> None:
    """Loss was summed over all streams: thirty of 1 % were 30 %."""
    stream = SCORING.audio_inbound(0.01, 0.05, 0.05, 0.03, "audio/opus", None)
    many: float | None = None
    for _ in range(30):
        many = worse(many, stream)
    assert Scores(inbound_audio=many).overall == stream

    few, crowd = Call(), Call()
    interval = {"video": {"packetsReceived": 990, "packetsLost": 10, "framesDecoded": 100}}
    few.play([interval] * 3)
    crowd.play([{f"video#{number}": interval["video"] for number in range(30)}] * 3)
    assert crowd.judge.values["rtc.packet_loss.ratio"] == few.judge.values["rtc.packet_loss.ratio"] == 0.01


@pytest.mark.parametrize("seconds", [1, 2, 5, 10, 60])
def test_b3_the_score_does_not_depend_on_the_interval(seconds: int) -> None:
    """A count of lost packets says nothing without those that came: 3 of 100 are 150 of 5000."""
    lost, received = 3 * seconds, 97 * seconds
    share = read(
        "loss_ratio", audio(packetsReceived=0, packetsLost=0), {"packetsReceived": received, "packetsLost": lost}
    )

    assert share == pytest.approx(0.03)
    assert SCORING.audio_inbound(share, 0.05, 0.05, 0.03, "audio/opus", None) == pytest.approx(
        speech(0.03, 0.1315, codec("audio/opus"))
    )


def test_b4_video_is_scored_without_what_no_browser_reports() -> None:
    """No engine has ``framesRendered``: what waits for it waits for ever."""
    assert "framesRendered" not in {member for members in READS.values() for member in members}

    frozen = Playing().fold(changed("seen", totalFreezesDuration=2.5, framesDecoded=75))

    assert frozen.inbound_video is not None
    assert SCORING.class_of(frozen.inbound_video) == BAD
    # Where a formula knows the member, it does without.
    moments: Members = {"framesDecoded": 100, "totalInterFrameDelay": 5.0, "totalSquaredInterFrameDelay": 0.5}
    assert read("interframe_jitter", video(**dict.fromkeys(moments, 0.0)), moments) is not None


def test_b5_a_bad_minute_passes() -> None:
    """Shares of lifetime counters never recover: after a bad minute a good one is good again."""
    call = Playing()
    bad = changed("heard", concealedSamples=120_000, packetsLost=100)
    bad["seen"] = {**WELL["seen"], "totalFreezesDuration": 3.0}
    worst = [call.fold(bad) for _ in range(12)]
    after = call.fold(WELL)

    assert {SCORING.class_of(scores.overall) for scores in worst} == {BAD}
    assert SCORING.class_of(after.overall) == GOOD
    assert after == pytest.approx(Playing().fold(WELL))


def test_b6_what_is_missing_is_not_perfect() -> None:
    """No round trip time is not 0 ms: there is no score, and none is not good."""
    assert SCORING.audio_inbound(0.0, None, 0.05, 0.03, "audio/opus", 0.0) is None
    assert SCORING.audio_outbound(0.0, None, "audio/opus") is None
    assert CLASSES[SCORING.verdict(GOOD, None)[0]] == "unclassified"
    assert SCORING.verdict(POOR, None) == (POOR, None)


def test_b6_small_loss_is_not_rounded_away() -> None:
    """0.4 % was 0 %."""
    none, little, more = (
        SCORING.audio_inbound(loss, 0.05, 0.05, 0.03, "audio/opus", None) for loss in (0, 0.004, 0.008)
    )

    assert none > little > more  # type: ignore[operator]


def test_b6_scores_end_where_opinions_do() -> None:
    """From 1 to 4.5, and not from 0 to 5."""
    assert SCORING.audio_inbound(0.0, 0.0, 0.0, 0.0, "audio/PCMU", 0.0) <= MOST  # type: ignore[operator]
    assert SCORING.audio_inbound(1.0, 10.0, 5.0, 1.0, "audio/opus", 1.0) == 1.0
    assert SCORING.video_inbound(0.0, 1.0, is_troubled=True) == 1.0


def test_b6_audio_and_video_are_not_mixed() -> None:
    """Jitter of video is not that of speech, and a mean of both is of nothing."""
    assert {level.kind for level in LEVELS if level.signal == "jitter"} == {"audio"}
    one = Playing().fold(WELL)
    other = Playing().fold(WELL, seen={"jitter": 0.4})

    assert one.inbound_audio == other.inbound_audio


def test_b6_packets_that_turn_up_are_no_negative_loss() -> None:
    """``packetsLost`` may fall."""
    found = read("loss_ratio", audio(packetsReceived=0, packetsLost=9), {"packetsReceived": 100, "packetsLost": 4})

    assert found == 0.0


#: What is of one object, person or page: bounded by nothing.
UNBOUNDED = {
    "id",
    "trackIdentifier",
    "codecId",
    "mid",
    "ssrc",
    "rid",
    "transportId",
    "url",
    "page",
    "timestamp",
    "address",
}


def test_b7_a_long_way_is_not_the_servers_fault() -> None:
    """A round trip of half a second, with nothing lost and no jitter, is the network's."""
    call = Call()
    call.fold({"sent audio": {"packetsSent": 0}})
    far = {"told audio": {"totalRoundTripTime": 1.0, "roundTripTimeMeasurements": 2}}
    changes = call.play([far] * 6)

    assert {(change.episode.rule.name, change.episode.side) for change in changes} == {("latency", "network")}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_b8_counters_are_counters_and_no_label_is_an_id(metric: Metric) -> None:
    """Gauges of counters, with stats ids and addresses of pages for labels."""
    for source in metric.sources:
        row = w3c.STATS[source.stats]
        if source.member in (*row.anchors, *row.counters, *row.signed):
            assert metric.kind is Kind.COUNTER
    words = {word for attribute in metric.attributes for word in (attribute, attribute.rpartition(".")[2])}
    ids = {"session.id", "rtc.participant.id", "id"} if metric.tier is Tier.PARTICIPANT else set()

    assert words & UNBOUNDED <= ids


def test_b9_all_lost_is_all() -> None:
    """Lost packets are not among the received ones: 100 lost and none received are 100 %, and 50 with 50 are half."""
    before = audio(packetsReceived=10, packetsLost=0)

    assert read("loss_ratio", before, {"packetsReceived": 10, "packetsLost": 100}) == 1.0
    assert read("loss_ratio", before, {"packetsReceived": 60, "packetsLost": 50}) == 0.5
    assert SCORING.class_of(SCORING.audio_inbound(1.0, 0.05, 0.05, 0.03, "audio/opus", None)) == BAD


def test_b11_thresholds_have_a_source_and_can_be_others() -> None:
    """A score of 3.4 is poor by Twilio's documents and not low by its code: who runs it says which."""
    lenient = Scoring(Thresholds(score=Falling(3.5, 3.0, 2.5), freeze=Rising(0.2, 0.4)))

    assert (SCORING.class_of(3.4), lenient.class_of(3.4)) == (POOR, FAIR)
    assert SCORING.class_of(SCORING.video_inbound(30.0, 0.15)) == POOR
    assert lenient.class_of(lenient.video_inbound(30.0, 0.15)) == GOOD
    assert all(source for _, source in sources().values())


def test_b12_a_growing_jitter_buffer_shows_at_once() -> None:
    """An hour at 40 ms and five seconds at 400 are 400 now, and 40.5 as a mean of the lifetime."""
    hour, now = 48_000 * 3600, 48_000 * 5
    before = audio(jitterBufferDelay=hour * 0.04, jitterBufferEmittedCount=hour)
    after = {"jitterBufferDelay": hour * 0.04 + now * 0.4, "jitterBufferEmittedCount": hour + now}

    assert value("jitter_buffer_delay", folded({"it": before}, {"it": {**before, **after}})) == pytest.approx(0.4)
    assert {signal.reads for signal in signals.SIGNALS if signal.name == "jitter_buffer_delay"} == {
        ("jitterBufferDelay", "jitterBufferEmittedCount")
    }
