"""Rules: each fires, does not fire one step below, does not fire unguarded, gets critical, and clears."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from rtc_exporter import probes, signals, spans, w3c
from rtc_exporter.detectors import Change
from rtc_exporter.rules import BY_ID, CAUSES, OUTAGE, RULES, Rule
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
    assert (episode.severity, episode.threshold, episode.streams) == ("warning", rule.on, 1)
    assert episode.worst >= value * 0.999
    assert (episode.mid, episode.ssrc, episode.codec) == case.stream
    assert call.judge.open == [episode]
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
    assert call.judge.open == []


@by_id
def test_what_means_nothing_does_not_fire(rule: Rule) -> None:
    """Few packets, a picture that stands still on purpose, silence: neither is judged as bad."""
    for thin in CASES[rule.id].thin:
        call = healthy(rule, CASES[rule.id])

        assert kinds(call.play([thin(rule.on * 1.05)] * 10), rule) == []


@by_id
def test_it_gets_critical(rule: Rule) -> None:
    """It is worse once and stays so; what goes beyond at once begins so."""
    if rule.critical >= 1.0:
        pytest.skip("never critical")
    case = CASES[rule.id]
    call = healthy(rule, case)
    changes = call.play([case.bring(rule.on * 1.05)] * rule.of[0] + [case.bring(rule.critical * 1.05)])
    changes += call.play([case.bring(rule.on * 1.05)] * 2)

    assert kinds(changes, rule) == ["begin", "worse"]
    assert changes[-1].episode.severity == "critical"
    assert changes[-1].episode.worst_time == call.at(LEAD + rule.of[0] + 1)

    call = healthy(rule, case)
    number = 1 if rule.at_once <= rule.critical else rule.of[0]
    (change,) = call.play([case.bring(rule.critical * 1.05)] * number)

    assert (change.kind, change.episode.severity) == ("begin", "critical")


@by_id
def test_it_clears(rule: Rule) -> None:
    """Between off and on it goes on; below, it is over after some folds, and ended with its last bad interval."""
    case, k = CASES[rule.id], rule.of[0]
    call = healthy(rule, case)
    call.play([case.bring(rule.on * 1.05)] * k)
    between, well = case.bring((rule.on + rule.off) / 2), case.bring(rule.off * 0.9)
    if rule.least:
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

    (change,) = [change for change in call.play([{}] * n) if change.episode.rule is rule]

    assert change.kind == "end"
    assert change.episode.end == call.at(LEAD + k)


@by_id
def test_what_is_not_reported_is_not_judged(rule: Rule) -> None:
    """A browser without the members leaves the rule without judgement, which is not health."""
    call = Call()
    call.play([{"audio": {}, "video": {}, "sent video": {}, "pair": {}}] * 5)

    assert call.judge.judged == frozenset()


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
    assert rule.source != "fold" or (rule.stats, rule.signal) in rows
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
