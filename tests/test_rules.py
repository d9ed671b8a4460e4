"""Rules: each fires, does not fire one step below, does not fire unguarded, gets critical, and clears."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import pytest

from rtc_exporter import probes, signals, spans, w3c
from rtc_exporter.detectors import Change
from rtc_exporter.episodes import side_of
from rtc_exporter.model import Member
from rtc_exporter.rules import BY_ID, CAUSES, OUTAGE, RULES, SEVERITIES, SIDES, Rule
from rtc_exporter.rules.rule import SOURCES
from rtc_exporter.trends import STREAMS, TRENDS
from tests.judging import SECONDS, Call, Interval

Bring = Callable[[float], Interval]


def lost(value: float, packets: int = 1000) -> dict[str, float]:
    return {"packetsReceived": packets - value * packets, "packetsLost": value * packets}


def limited(reason: str, value: float) -> dict[str, float]:
    return {f"qualityLimitationDurations.{reason}": value * SECONDS}


def frozen(value: float, frames: float = 100) -> dict[str, float]:
    return {"totalFreezesDuration": value * SECONDS, "freezeCount": 2, "framesDecoded": frames}


def concealed(value: float, samples: float = 240_000, silent: float = 0) -> dict[str, float]:
    return {
        "totalSamplesReceived": samples, "concealedSamples": value * samples + silent, "silentConcealedSamples": silent,
    }  # fmt: skip


def told(kind: str, value: float, packets: int = 1000) -> Interval:
    return {f"sent {kind}": {"packetsSent": packets}, f"told {kind}": {"packetsLost": value * packets}}


def pcma(interval: Interval) -> Interval:
    return {ident: {**changes, "codecId": "pcma"} for ident, changes in interval.items()}


def buffered(delay: float, stretched: float) -> dict[str, float]:
    return {
        "jitterBufferEmittedCount": 240_000, "jitterBufferTargetDelay": delay * 240_000,
        "totalSamplesReceived": 240_000, "insertedSamplesForDeceleration": stretched,
        "removedSamplesForAcceleration": 0,
    }  # fmt: skip


def heard(level: float) -> dict[str, float]:
    return {"totalSamplesDuration": SECONDS, "totalAudioEnergy": level**2 * SECONDS}


def arrived(frames: float = 100, lost: float = 0) -> dict[str, float]:
    return {"packetsReceived": 500, "packetsLost": lost, "framesReceived": frames}


def waits(decoded: float, asked: float, received: float) -> dict[str, float]:
    return {"framesDecoded": decoded, "pliCount": asked, "bytesReceived": received}


def encoded(missing: float, load: float, reason: str) -> Interval:
    told: dict[str, Member] = {
        "framesEncoded": 100 - missing * 100, "totalEncodeTime": load * SECONDS, "qualityLimitationReason": reason,
    }  # fmt: skip
    return {"source video": {"frames": 100}, "sent video": told}


def sending(packets: float) -> Interval:
    return {
        "transport": {"packetsReceived": 100}, "source audio": {"totalSamplesDuration": SECONDS},
        "sent audio": {"packetsSent": packets},
    }  # fmt: skip


def layered(top: float, lower: float = 20_000, active: bool = True) -> Interval:
    return {
        "sent video#low": {"ssrc": 9, "encodingIndex": 0, "rid": "l", "bytesSent": lower},
        "sent video": {"encodingIndex": 1, "rid": "h", "bytesSent": top, "active": active},
    }


def apart(seconds: float) -> Interval:
    playing = 3.9e12
    return {
        "audio": {"packetsReceived": 250, "estimatedPlayoutTimestamp": playing},
        "video": {"packetsReceived": 500, "estimatedPlayoutTimestamp": playing + seconds * 1000},
    }


@dataclass(frozen=True)
class Case:
    """What an interval of a value brings, and intervals of the same value that mean nothing."""

    bring: Bring
    thin: tuple[Bring, ...] = ()
    #: Which stream is told to be the worst: mid, SSRC, codec.
    stream: tuple[str | None, int | None, str | None] = (None, None, None)


AUDIO, VIDEO = ("0", 1, "audio/opus"), ("1", 2, "video/VP8")
SENT_AUDIO, SENT_VIDEO = ("0", 3, "audio/opus"), ("1", 4, "video/VP8")

CASES: dict[str, Case] = {
    "freeze.inbound.video": Case(
        lambda value: {"video": frozen(max(value, 0.11) if value > 0.05 else value)},
        # A static screen or a disabled camera; and single short freezes, as on any busy machine.
        (lambda value: {"video": frozen(value, frames=5)}, lambda value: {"video": frozen(min(value, 0.09))}),
        VIDEO,
    ),
    "audio_concealment.inbound.audio": Case(
        lambda value: {"audio": concealed(value)},
        (
            lambda value: {"audio": concealed(value, samples=20_000)},
            # Silence is made up all the time, and nobody hears it.
            lambda value: {"audio": concealed(0.0, silent=100_000)},
        ),
        AUDIO,
    ),
    "loss.inbound.audio": Case(
        lambda value: {"audio": lost(value)}, (lambda value: {"audio": lost(value, packets=40)},), AUDIO
    ),
    "loss.inbound.audio.narrow": Case(
        lambda value: pcma({"audio": lost(value)}),
        # Opus hides what G.711 cannot.
        (
            lambda value: pcma({"audio": lost(value, packets=40)}),
            lambda value: {"audio": {**lost(0.039), "codecId": "opus"}},
        ),
        ("0", 1, "audio/PCMA"),
    ),
    "loss.inbound.video": Case(
        lambda value: {"video": lost(value)}, (lambda value: {"video": lost(value, packets=40)},), VIDEO
    ),
    "loss.outbound.audio": Case(
        lambda value: told("audio", value), (lambda value: told("audio", value, packets=40),), SENT_AUDIO
    ),
    "loss.outbound.audio.narrow": Case(
        lambda value: pcma(told("audio", value)), (lambda value: pcma(told("audio", value, packets=40)),),
        ("0", 3, "audio/PCMA"),
    ),
    "loss.outbound.video": Case(
        lambda value: told("video", value), (lambda value: told("video", value, packets=40),), SENT_VIDEO
    ),
    "latency.rtcp": Case(
        lambda value: {"told audio": {"totalRoundTripTime": value * 2, "roundTripTimeMeasurements": 2}},
        (lambda value: {"told audio": {"totalRoundTripTime": value, "roundTripTimeMeasurements": 0}},),
        ("0", 3, "audio/opus"),
    ),
    "latency.ice": Case(
        lambda value: {"pair": {"totalRoundTripTime": value * 2, "responsesReceived": 2}},
        # RTCP measures the same, and better: never both.
        (
            lambda value: {
                "pair": {"totalRoundTripTime": value * 2, "responsesReceived": 2},
                "told audio": {"totalRoundTripTime": 0.2, "roundTripTimeMeasurements": 2},
            },
        ),
    ),
    "cpu_limited.outbound.video": Case(lambda value: {"sent video": limited("cpu", value)}, (), SENT_VIDEO),
    "bandwidth_limited.outbound.video": Case(
        lambda value: {"sent video": limited("bandwidth", value)}, (), SENT_VIDEO
    ),
    "jitter.inbound.audio": Case(
        lambda value: {"audio": {"packetsReceived": 250, "jitter": value}},
        (lambda value: {"audio": {"packetsReceived": 40, "jitter": value}},), AUDIO,
    ),
    "jitter.inbound.video": Case(
        lambda value: {"video": {"packetsReceived": 500, "jitter": value}},
        (lambda value: {"video": {"packetsReceived": 40, "jitter": value}},), VIDEO,
    ),
    "bandwidth_starved.outbound": Case(
        lambda value: {
            "pair": {"availableOutgoingBitrate": 90_000 if value > 0.5 else 110_000}, "sent video": {"packetsSent": 9},
        },
        # Nothing is sent, or audio that needs less.
        (
            lambda value: {"pair": {"availableOutgoingBitrate": 90_000}},
            lambda value: {
                "pair": {"availableOutgoingBitrate": 90_000}, "sent audio": {"packetsSent": 9, "targetBitrate": 32_000},
            },
        ),
    ),
    "pacer_delay.outbound": Case(
        lambda value: {"sent audio": {"packetsSent": 100, "totalPacketSendDelay": value * 100}},
        (lambda value: {"sent audio": {"packetsSent": 0, "totalPacketSendDelay": value}},), SENT_AUDIO,
    ),
    "late_packets.inbound.audio": Case(
        lambda value: {"audio": {"packetsReceived": 1000, "packetsDiscarded": value * 1000}},
        (lambda value: {"audio": {"packetsReceived": 40, "packetsDiscarded": value * 40}},), AUDIO,
    ),
    "retransmissions.outbound.video": Case(
        lambda value: {
            "sent video": {"packetsSent": 100, "bytesSent": 100_000, "retransmittedBytesSent": value * 100_000},
        },
        (
            lambda value: {
                "sent video": {"packetsSent": 40, "bytesSent": 40_000, "retransmittedBytesSent": value * 40_000},
            },
        ),
        SENT_VIDEO,
    ),
    "tcp_media": Case(
        lambda value: {"pair": {"bytesSent": 1}, "host": {"protocol": "tcp" if value > 0.5 else "udp"}},
        # Candidates of a relay have a protocol too, which is not the one to the relay.
        (
            lambda value: {
                "pair": {"bytesSent": 1}, "host": {"candidateType": "relay", "protocol": "tcp", "relayProtocol": "udp"},
            },
        ),
    ),
    "vpn": Case(
        lambda value: {"pair": {"bytesSent": 1}, "host": {"networkType": "vpn" if value > 0.5 else "wifi"}},
        (lambda value: {"pair": {"bytesSent": 1}, "relay": {"networkType": "vpn"}},),
    ),
    "stun_unanswered": Case(
        lambda value: {"pair": {"requestsSent": 2, "responsesReceived": 0 if value > 0.5 else 2}},
        (lambda value: {"pair": {"requestsSent": 0, "responsesReceived": 0}},),
    ),
    "ecn_bleached.outbound": Case(
        lambda value: {
            "sent audio": {"packetsSent": 9}, "told audio": {"packetsWithBleachedEct1Marking": 5 if value > 0.5 else 0},
        },
        (lambda value: {"sent audio": {"packetsSent": 9}, "told audio": {"packetsReceivedWithEct1": 5}},), SENT_AUDIO,
    ),
    "jitter_buffer_stress.inbound.audio": Case(
        lambda value: {"audio": buffered(value, 6000)}, (lambda value: {"audio": buffered(value, 4000)},), AUDIO
    ),
    "playout_underrun.inbound": Case(
        lambda value: {"playout": {"totalSamplesDuration": 5.0, "synthesizedSamplesDuration": value * 5}},
        (lambda value: {"playout": {"totalSamplesDuration": 0.0, "synthesizedSamplesDuration": value * 5}},),
    ),
    "microphone_silent.outbound.audio": Case(
        lambda value: {"source audio": heard(0.0005 if value > 0.5 else 0.002)},
        # No noise at all: somebody has switched it off.
        (lambda value: {"source audio": heard(0.0)},),
    ),
    "echo_risk.outbound.audio": Case(
        lambda value: {"source audio": {"echoReturnLoss": 5, "echoReturnLossEnhancement": 3 if value > 0.5 else 7}},
        # What Chromium says before it knows, and a loudspeaker that is not heard.
        (
            lambda value: {"source audio": {"echoReturnLoss": -30, "echoReturnLossEnhancement": 0.18}},
            lambda value: {"source audio": {"echoReturnLoss": 25, "echoReturnLossEnhancement": 3}},
        ),
    ),
    "decoder_overload.inbound.video.time": Case(
        lambda value: {"video": {**arrived(), "totalDecodeTime": value * SECONDS}},
        (
            lambda value: {"video": {**arrived(frames=9), "totalDecodeTime": value * SECONDS}},
            lambda value: {"video": {**arrived(lost=20), "totalDecodeTime": value * SECONDS}},
        ),
        VIDEO,
    ),
    "decoder_overload.inbound.video.dropped": Case(
        lambda value: {"video": {**arrived(), "framesDropped": value * 100}},
        (
            lambda value: {"video": {**arrived(frames=9), "framesDropped": 9}},
            lambda value: {"video": {**arrived(lost=20), "framesDropped": value * 100}},
        ),
        VIDEO,
    ),
    "key_frame_missing.inbound.video": Case(
        lambda value: {"video": waits(0, 2, 1000) if value > 0.5 else waits(100, 0, 100_000)},
        (lambda value: {"video": waits(0, 1, 1000)}, lambda value: {"video": waits(1, 2, 1000)}), VIDEO,
    ),
    "decoder_stuck.inbound.video": Case(
        lambda value: {"video": waits(0, 2, 10_000) if value > 0.5 else waits(100, 0, 100_000)},
        (lambda value: {"video": waits(0, 1, 10_000)}, lambda value: {"video": waits(0, 2, 1000)}), VIDEO,
    ),
    "key_frame_storm.inbound.video": Case(
        lambda value: {"video": waits(100, value * SECONDS, 100_000)},
        (lambda value: {"video": {"framesDecoded": 100, "firCount": 5}},), VIDEO,
    ),
    "encoder_failed.outbound.video": Case(
        lambda value: {
            "source video": {"frames": 100},
            "sent video": {"framesEncoded": 0 if value > 0.5 else 100, "packetsSent": 9},
        },
        # Nothing leaves at all, and a layer that is switched off.
        (
            lambda value: {
                "source video": {"frames": 100}, "sent video": {"framesEncoded": 0, "packetsSent": 0},
            },
            lambda value: {
                "source video": {"frames": 100}, "sent video": {"framesEncoded": 0, "packetsSent": 9, "active": False},
            },
        ),
        SENT_VIDEO,
    ),
    "encoder_overload.outbound.video.time": Case(
        lambda value: {"sent video": {"framesEncoded": 100, "totalEncodeTime": value * SECONDS}},
        (
            lambda value: {
                "sent video": {"totalEncodeTime": value * SECONDS, "powerEfficientEncoder": True},
            },
        ),
        SENT_VIDEO,
    ),
    "encoder_overload.outbound.video.frames": Case(
        lambda value: encoded(value, 0.5, "none"),
        # The network carries no more, and an application that wants no more.
        (lambda value: encoded(value, 0.5, "bandwidth"), lambda value: encoded(value, 0.3, "none")), SENT_VIDEO,
    ),
    "nothing_sent.outbound": Case(
        lambda value: sending(0 if value > 0.5 else 250),
        # Nothing is heard either; a stream that is switched off; a track that gives nothing.
        (
            lambda value: {**sending(0), "transport": {"packetsReceived": 0}},
            lambda value: {**sending(0), "sent audio": {"packetsSent": 0, "active": False}},
            lambda value: {**sending(0), "source audio": {"totalSamplesDuration": 0}},
        ),
        SENT_AUDIO,
    ),
    "cpu_pressure": Case(
        lambda value: {"pressure": {"cpuState": 2 if value > 1.5 else 3}},
        (lambda value: {"pressure": {"cpuState": 0}},),
    ),
    "top_layer_lost.outbound.video": Case(
        lambda value: layered(0 if value > 0.5 else 50_000),
        # It is switched off, or no layer sends.
        (lambda value: layered(0, active=False), lambda value: layered(0, lower=0)), SENT_VIDEO,
    ),
    "av_desync.inbound.video": Case(
        apart,
        # Who of three belong together, nobody says.
        (lambda value: {**apart(value), "audio#2": {"ssrc": 9, "packetsReceived": 250}},), VIDEO,
    ),
    "corruption.inbound.video": Case(
        lambda value: {"video": {"corruptionMeasurements": 10, "totalCorruptionProbability": value * 10}},
        (lambda value: {"video": {"corruptionMeasurements": 0, "totalCorruptionProbability": value}},), VIDEO,
    ),
}  # fmt: skip

FOLDED = [rule for rule in RULES if rule.source == "fold"]
by_id = pytest.mark.parametrize("rule", FOLDED, ids=lambda rule: rule.id)

#: Folds before anything can be judged: first sight, and the twenty seconds of a new connection.
LEAD = 6


def healthy(rule: Rule, case: Case) -> Call:
    """A call in which all is well so far, and everything can be judged."""
    call = Call()
    # The stream that RTCP is about.
    call.fold({"sent audio": {"packetsSent": 0}} if rule.stats == "remote-inbound-rtp" else {})
    assert call.play([case.bring(0.0)] * (LEAD - 1)) == []
    return call


def kinds(changes: list[Change], rule: Rule) -> list[str]:
    return [change.kind for change in changes if change.episode.rule is rule]


def test_every_rule_has_a_case() -> None:
    """A rule that is decided by folds is tested below."""
    assert {rule.id for rule in FOLDED} == CASES.keys()


@by_id
def test_it_fires(rule: Rule) -> None:
    """It begins with the first of the bad intervals, not when enough have passed."""
    case = CASES[rule.id]
    call = healthy(rule, case)
    value = rule.on * 1.05
    k = rule.of[0]

    assert kinds(call.play([case.bring(value)] * (k - 1)), rule) == []
    (change,) = [change for change in call.fold(case.bring(value)) if change.episode.rule is rule]

    episode = change.episode
    assert change.kind == "begin"
    assert (episode.begin, episode.last, episode.end) == (call.at(LEAD), call.at(LEAD + k), None)
    assert (episode.severity, episode.threshold, episode.streams) == (rule.severity, rule.on, 1)
    assert episode.side == (rule.side if not episode.cause else side_of(rule, episode.cause))
    assert episode.worst >= value * 0.999
    assert (episode.mid, episode.ssrc, episode.codec) == case.stream
    assert episode in call.judge.open
    assert rule.id in call.judge.judged


@by_id
def test_it_does_not_fire_one_step_below(rule: Rule) -> None:
    """The threshold itself is still well, for as long as it may last."""
    case = CASES[rule.id]
    call = healthy(rule, case)

    assert kinds(call.play([case.bring(rule.on * 0.99)] * 10), rule) == []
    assert rule.id in call.judge.judged


@by_id
def test_single_bad_intervals_are_not_enough(rule: Rule) -> None:
    """One fewer than it takes, over and over with so many good ones that they do not add up."""
    case, (k, n) = CASES[rule.id], rule.of
    call = healthy(rule, case)
    value = rule.on * 1.05

    assert kinds(call.play(([case.bring(value)] * (k - 1) + [case.bring(0.0)] * (n - k + 1)) * 4), rule) == []
    assert [episode for episode in call.judge.open if episode.rule is rule] == []


@by_id
def test_what_means_nothing_does_not_fire(rule: Rule) -> None:
    """Few packets, a picture that stands still on purpose, silence: neither is judged as bad."""
    for thin in CASES[rule.id].thin:
        call = healthy(rule, CASES[rule.id])

        assert kinds(call.play([thin(rule.on * 1.05)] * 10), rule) == []


@pytest.mark.parametrize("rule", [rule for rule in FOLDED if rule.critical < inf], ids=lambda rule: rule.id)
def test_it_gets_critical(rule: Rule) -> None:
    """It is worse once and stays so; what goes beyond at once begins so."""
    case = CASES[rule.id]
    call = healthy(rule, case)
    changes = call.play([case.bring(rule.on * 1.05)] * rule.of[0] + [case.bring(rule.critical * 1.05)])
    changes += call.play([case.bring(rule.on * 1.05)] * 2)

    assert kinds(changes, rule) == ["begin", "worse"]
    (episode,) = [episode for episode in call.judge.open if episode.rule is rule]
    assert episode.severity == "critical"
    assert episode.worst_time == call.at(LEAD + rule.of[0] + 1)

    call = healthy(rule, case)
    number = 1 if rule.at_once <= rule.critical else rule.of[0]
    changes = call.play([case.bring(rule.critical * 1.05)] * number)
    (change,) = [change for change in changes if change.episode.rule is rule]

    assert (change.kind, change.episode.severity) == ("begin", "critical")


@by_id
def test_it_clears(rule: Rule) -> None:
    """Between off and on it goes on; below, it is over after some folds, and ended with its last bad interval."""
    case, k = CASES[rule.id], rule.of[0]
    call = healthy(rule, case)
    call.play([case.bring(rule.on * 1.05)] * k)
    between, well = case.bring((rule.on + rule.off) / 2), case.bring(rule.off * 0.9)
    if rule.least or rule.on == rule.off:
        between = case.bring(rule.on * 1.01)

    assert kinds(call.play([between, *[well] * (rule.clears_after - 1), between]), rule) == []
    assert kinds(call.play([well] * (rule.clears_after - 1)), rule) == []
    (change,) = [change for change in call.fold(well) if change.episode.rule is rule]

    assert change.kind == "end"
    assert change.episode.end == call.at(LEAD + k + 1 + rule.clears_after)
    assert [episode for episode in call.judge.open if episode.rule is rule] == []


@by_id
def test_it_ends_where_nothing_can_be_judged_any_more(rule: Rule) -> None:
    """A stream that is gone takes its episode with it, when the rule has waited long enough."""
    case, (k, n) = CASES[rule.id], rule.of
    call = healthy(rule, case)
    call.play([case.bring(rule.on * 1.05)] * k)
    call.empty()

    (change,) = [change for change in call.play([{}] * n) if change.episode.rule is rule]

    assert change.kind == "end"
    assert change.episode.end == call.at(LEAD + k)


@by_id
def test_what_is_not_reported_is_not_judged(rule: Rule) -> None:
    """A browser without the members leaves the rule without judgement, which is not health."""
    call = Call()
    call.play([{"audio": {}, "video": {}, "sent video": {}, "pair": {}}] * 5)

    assert call.judge.judged == frozenset()


# ── trends


@dataclass(frozen=True)
class Course:
    """What comes before, what is bad, what is one step short of it, what looks like it and is not, and what ends it."""

    before: Sequence[Interval]
    bad: Sequence[Interval]
    below: Sequence[Interval]
    unmet: Sequence[Interval]
    over: Sequence[Interval]


def rtt(seconds: float) -> Interval:
    return {"told audio": {"totalRoundTripTime": seconds * 2, "roundTripTimeMeasurements": 2}}


def held(share: float, loss: float) -> Interval:
    return {
        "sent video": {**limited("bandwidth", share), "packetsSent": 1000}, "told video": {"packetsLost": loss * 1000},
    }  # fmt: skip


def hops(number: int) -> Interval:
    return {"transport": {"selectedCandidatePairChanges": number}}


def direct(name: str = "pair") -> Interval:
    return {"host": {"candidateType": "host"}, "pair": {"selected": False}, name: {"selected": True, "bytesSent": 1}}


RELAYED: Interval = {
    "relay": {"candidateType": "relay"}, "pair": {"selected": False, "bytesSent": 0},
    "pair#relay": {"selected": True, "localCandidateId": "relay", "bytesSent": 1},
}  # fmt: skip


def delayed(seconds: float) -> Interval:
    return {"audio": {"jitterBufferEmittedCount": 240_000, "jitterBufferDelay": seconds * 240_000}}


def spoken(level: float) -> Interval:
    return {"audio": {"packetsReceived": 250, "audioLevel": level}}


def filmed(rate: float, size: float = 5000) -> Interval:
    frames = rate * SECONDS
    return {"source video": {"frames": frames}, "sent video": {"framesEncoded": frames, "bytesSent": frames * size}}


def drawn(height: int, frames: int = 100) -> Interval:
    return {"sent video": {"framesEncoded": frames, "frameWidth": height * 4 // 3, "frameHeight": height}}


def decoded_by(is_hardware: bool) -> Interval:
    return {"video": {"powerEfficientDecoder": is_hardware, "framesDecoded": 100}}


def microphone(level: float) -> Interval:
    return {"source audio": heard(level)}


COURSES: dict[str, Course] = {
    "latency_step": Course(
        [rtt(0.1)] * 4, [rtt(0.16)], [rtt(0.149)],
        # A connection that is new: its first round trips are those of its setup.
        [rtt(0.1), rtt(0.3)], [rtt(0.12)],
    ),
    "congestion.outbound": Course(
        [held(0.0, 0.0)] * 6, [held(0.3, 0.06)] * 2, [held(0.3, 0.05)] * 4,
        # Bandwidth estimation starts low.
        [held(1.0, 0.1)] * 4, [held(0.0, 0.0)] * 2,
    ),
    "unstable_path": Course(
        [hops(0)] * 4, [hops(1)] * 3, [hops(1), hops(1), *[hops(0)] * 6],
        # As many, over more time.
        [*[hops(0)] * 4, *[hops(1), *[hops(0)] * 6] * 4], [hops(0)] * 7,
    ),
    "relay_fallback": Course(
        [direct()] * 3, [RELAYED], [direct(), direct("pair#other")],
        # It was a relay from the start.
        [RELAYED] * 4, [RELAYED],
    ),
    "creeping_delay.inbound.audio": Course(
        [delayed(0.2 + step / 100) for step in range(10)], [delayed(0.3 + step / 100) for step in range(30)],
        [delayed(0.1 + step / 200) for step in range(40)],
        # Long, and it has always been.
        [delayed(0.5)] * 40, [delayed(0.1)],
    ),
    "microphone_faint.outbound.audio": Course(
        [microphone(0.004)] * 6, [microphone(0.004), microphone(0.009)] * 4, [microphone(0.004), microphone(0.011)] * 8,
        # It is switched off.
        [microphone(0.0)] * 20, [microphone(0.1)],
    ),
    "low_volume.inbound.audio": Course(
        [spoken(0.1)] * 10, [spoken(0.1)] * 15, [*[spoken(0.2)] * 24, *[spoken(0.1), spoken(0.2)] * 20],
        # Nobody speaks.
        [spoken(0.05)] * 40, [spoken(0.3)] * 20,
    ),
    "capture_starved.outbound.video": Course(
        [filmed(30)] * 3, [filmed(14)] * 2, [filmed(15)] * 6,
        # A camera that is disabled sends small black frames.
        [*[filmed(30)] * 3, *[filmed(1, size=150)] * 6], [filmed(30)] * 2,
    ),
    "resolution_drop.outbound.video": Course(
        [drawn(480)] * 3, [drawn(240)], [drawn(480), drawn(720)],
        # Nothing is encoded of what it says.
        [drawn(480), drawn(480), drawn(240, frames=0)], [drawn(240)],
    ),
    "software_fallback.video": Course(
        [decoded_by(True)] * 3, [decoded_by(False)], [decoded_by(True)] * 3,
        [decoded_by(False)] * 3 + [decoded_by(True)], [decoded_by(False)],
    ),
}  # fmt: skip

TREND_RULES = [rule for rule in RULES if rule.source == "trend"]
by_trend = pytest.mark.parametrize("rule", TREND_RULES, ids=lambda rule: rule.id)


def lead(rule: Rule) -> Call:
    """A call up to where it would begin; what RTCP is about is known."""
    call = Call()
    call.fold({"sent audio": {"packetsSent": 0}, "sent video": {"packetsSent": 0}})
    assert kinds(call.play(COURSES[rule.id].before), rule) == []
    return call


def test_every_trend_has_a_course() -> None:
    """As with rules that are decided by folds."""
    assert {rule.id for rule in TREND_RULES} == COURSES.keys()


@by_trend
def test_a_trend_fires_and_is_over(rule: Rule) -> None:
    """Once, with the severity and the side of its row, unless a cause is known; and it ends."""
    call = lead(rule)
    changes = call.play(COURSES[rule.id].bad)

    assert kinds(changes, rule)[:1] == ["begin"]
    (episode,) = {id(change.episode): change.episode for change in changes if change.episode.rule is rule}.values()
    assert episode.severity == rule.severity
    assert episode.side == (side_of(rule, episode.cause) if episode.cause else rule.side)
    assert rule.id in call.judge.judged
    ends = kinds([*changes, *call.play(COURSES[rule.id].over)], rule)
    assert ends == ["begin", "end"]


@by_trend
def test_a_trend_does_not_fire_one_step_below(rule: Rule) -> None:
    """What is nearly so is well."""
    call = lead(rule)

    assert kinds(call.play(COURSES[rule.id].below), rule) == []


@by_trend
def test_what_only_looks_like_a_trend_does_not_fire(rule: Rule) -> None:
    """From the start of a connection, what has another reason."""
    call = Call()
    call.fold({"sent audio": {"packetsSent": 0}, "sent video": {"packetsSent": 0}})

    assert kinds(call.play(COURSES[rule.id].unmet), rule) == []


def test_streams_that_have_gone_do_not_keep_a_trend_from_what_comes_later() -> None:
    """A room in which people come and go all day: what is remembered first is forgotten first."""
    (rule,) = (rule for rule in TREND_RULES if rule.id == "software_fallback.video")
    call = Call()
    for number in range(STREAMS + 6):
        call.fold({f"video#{number}": decoded_by(True)["video"]})
        call.empty()

    assert kinds(call.play([*COURSES[rule.id].before, *COURSES[rule.id].bad]), rule)[:1] == ["begin"]
    trends = call.judge._trends
    assert all(len(table) <= STREAMS for table in (trends._power, trends._sizes, trends._best))


def test_a_smaller_picture_is_of_whoever_holds_the_encoder_back() -> None:
    """The application, unless the browser says that it is bandwidth or the machine."""
    for reason, side in (("none", "application"), ("bandwidth", "network"), ("cpu", "device")):
        told = {"qualityLimitationReason": reason}
        call = Call()
        call.play([{"sent video": {**drawn(480)["sent video"], **told}}] * 3)
        changes = call.play([{"sent video": {**drawn(240)["sent video"], **told}}])

        assert [change.episode.side for change in changes if change.episode.rule.name == "resolution_drop"] == [side]


def test_a_shared_screen_is_no_camera() -> None:
    """It gives frames when something moves."""
    call = Call()
    call.judge.shares_screen = True
    call.play([{}, *[filmed(30)] * 3])

    assert [change.episode.rule.name for change in call.play([filmed(1)] * 5)] == []


def test_a_new_connection_may_take_its_time() -> None:
    """Bandwidth estimation starts low: the first twenty seconds are not judged."""
    rule = BY_ID["bandwidth_limited.outbound.video"]
    bring = CASES[rule.id].bring
    call = Call()

    assert call.play([bring(0.0), *[bring(1.0)] * 4, *[bring(0.0)] * 3]) == []


def test_a_reason_stands_in_for_durations() -> None:
    """Where the browser does not add up times, what it says now stands for the interval."""
    call = Call()
    changes = call.play([{"sent video": {"qualityLimitationReason": "cpu"}}] * 3)
    changes += call.play([{"sent video": {"qualityLimitationReason": "none", "packetsSent": 1}}] * 2)

    assert [(change.kind, change.episode.rule.name) for change in changes] == [
        ("begin", "cpu_limited"), ("end", "cpu_limited"),
    ]  # fmt: skip


def test_ice_tells_the_round_trip_when_rtcp_is_silent_for_long() -> None:
    """One way to measure replaces the other, and they are not mixed."""
    both = {
        "pair": {"totalRoundTripTime": 1.0, "responsesReceived": 2},
        "told audio": {"totalRoundTripTime": 0.2, "roundTripTimeMeasurements": 2},
    }
    call = Call()
    call.play([both] * 3)
    assert call.judge.values["rtc.round_trip_time"] == pytest.approx(0.1)

    call.play([{"pair": both["pair"]}] * 6)
    assert "rtc.round_trip_time" not in call.judge.values

    call.fold({"pair": both["pair"]})
    assert call.judge.values["rtc.round_trip_time"] == pytest.approx(0.5)


# ── the table


def test_names_are_those_of_the_spans() -> None:
    """Each episode has a span, and each span a rule."""
    assert {rule.name for rule in RULES} == set(spans.EPISODES)


def test_ids_are_unique() -> None:
    """Two rows are told apart by what they are about."""
    assert len(BY_ID) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rows_make_sense(rule: Rule) -> None:
    """Thresholds rise from off to critical, and what is read is there."""
    k, n = rule.of
    rows = {(signal.stats, signal.name) for signal in signals.SIGNALS}

    assert rule.off <= rule.on <= rule.critical
    assert rule.on <= rule.at_once
    assert 1 <= k <= n
    assert rule.source in SOURCES
    assert rule.source != "fold" or (rule.stats, rule.signal) in rows
    assert rule.source != "trend" or rule.signal in TRENDS
    assert rule.side in SIDES
    assert rule.severity in SEVERITIES
    assert rule.issue.help.endswith(".")
    assert rule.issue.advice.endswith(".")
    assert rule.kind in ("", *w3c.MEDIA_KINDS)
    assert rule.direction in ("", "inbound", "outbound")
    assert rule.help.endswith(".")
    assert rule.origin
    assert set(rule.causes) <= {*CAUSES, OUTAGE}


def test_causes_are_measured() -> None:
    """A cause is a signal."""
    rows = {(signal.stats, signal.name) for signal in signals.SIGNALS}

    assert {(cause.stats, cause.signal) for cause in CAUSES.values()} <= rows


def test_what_has_to_be_followed_is_known() -> None:
    """The members that rules read are counters and gauges of their stats types."""
    for stats, members in probes.READS.items():
        known = {*w3c.STATS[stats].numbers, *w3c.STATS[stats].words, *w3c.STATS[stats].identity}
        assert set(members) <= known, stats
    assert {"totalFreezesDuration", "nackCount"} <= set(probes.READS["inbound-rtp"])
    assert "packetsSent" in probes.READS["outbound-rtp"]
