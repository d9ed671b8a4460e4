"""Detectors: recorded calls, silence, and what holds of every episode whatever comes."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc_exporter.detectors import Change, Episode, Judge
from rtc_exporter.model import Members, ParticipantKey, Report, Stats
from rtc_exporter.probes import BENCH, KEPT
from rtc_exporter.rules import NO_MEDIA
from rtc_exporter.silence import traffic
from rtc_exporter.wire.rtcstats import Decoder
from tests import captures, verdicts
from tests.judging import KEY, START, Call, Interval


def test_what_causes_and_trends_need_is_read() -> None:
    """A signal is read where a rule or a level has it: what is kept of it needs one of those."""
    kept = {probe.kept for probes in (BENCH.probes, BENCH.instead) for rows in probes.values() for probe, *_ in rows}
    assert kept == {None, *KEPT}


# ── recorded calls: what was done to the network, and what is seen of it

#: Seconds by which a verdict may miss, where it is given once in five.
FOLD = 5.0


def ended(name: str) -> list[tuple[Episode, float, float]]:
    """What users noticed in a recording: episodes of more than information, in seconds since its first report."""
    call = verdicts.judge(name)
    changes = [change for _, change in call.changes]
    assert all(change.episode.end is not None for change in changes), "all is over at the end"
    return [
        (change.episode, change.episode.begin - call.begin, (change.episode.end or 0.0) - call.begin)
        for change in changes
        if change.kind == "end" and change.episode.severity != "info"
    ]


def names(recording: str) -> set[str]:
    return {episode.rule.name for episode, _, _ in ended(recording)}


DEGRADED = [name for name in captures.names() if name.startswith("degraded")]
#: Actions of degraded calls, in seconds after the connection was there: loss and delay, and the outage.
TROUBLE, OUTAGE = (10.6, 55.6), (30.6, 33.6)


@pytest.mark.parametrize("recording", DEGRADED)
def test_a_degraded_call(recording: str) -> None:
    """Ten percent loss and a round trip of 400 ms for 45 seconds, with an outage of three."""
    found = ended(recording)

    assert {"latency", "loss", "freeze", "audio_concealment", "no_media"} <= names(recording)
    for episode, begin, end in found:
        assert begin >= TROUBLE[0] - FOLD, episode
        # RTCP tells a while later; the estimate of bandwidth and a jitter buffer take time to recover.
        assert end <= TROUBLE[1] + (4 if episode.rule.name == "jitter_buffer_stress" else 2) * FOLD, episode
        assert episode.side == "network", episode
    lengths = {episode.rule.id: end - begin for episode, begin, end in found}
    assert lengths["loss.inbound.audio"] >= TROUBLE[1] - TROUBLE[0] - FOLD
    assert lengths["latency.rtcp"] >= TROUBLE[1] - TROUBLE[0] - 2 * FOLD
    worst = {episode.rule.id: episode for episode, _, _ in found}
    assert worst["loss.inbound.video"].severity == "critical"
    assert worst["loss.inbound.video"].cause == "outage"
    assert worst["freeze.inbound.video"].severity == "critical"
    assert worst["latency.rtcp"].severity == "warning"
    assert worst["loss.inbound.audio"].codec == "audio/opus"


@pytest.mark.parametrize("recording", DEGRADED)
def test_an_outage_is_seen_to_the_second(recording: str) -> None:
    """Reports tell each second whether anything arrived."""
    ((episode, begin, end),) = [row for row in ended(recording) if row[0].rule is NO_MEDIA]

    assert abs(begin - OUTAGE[0]) <= 1.0
    assert abs(end - OUTAGE[1]) <= 1.0
    assert (episode.severity, episode.cause, episode.streams) == ("warning", "outage", 2)


@pytest.mark.parametrize("recording", ["audioonly-cr.p1.frames", "audioonly-cr.p2.frames"])
def test_loss_in_an_audio_call(recording: str) -> None:
    """Five percent from 10.5 to 30.5 s: lost, and heard; no outage, no video."""
    found = {episode.rule.id: (begin, end, episode) for episode, begin, end in ended(recording)}

    assert found.keys() - {"loss.outbound.audio"} == {"loss.inbound.audio", "audio_concealment.inbound.audio"}
    for begin, end, episode in found.values():
        assert 5.5 <= begin <= 15.5
        assert 25.5 <= end <= 35.5
        assert episode.severity == "warning"
    assert found["audio_concealment.inbound.audio"][2].cause == "loss"


@pytest.mark.parametrize(
    "recording", [name for name in captures.names() if not name.startswith(("degraded", "audioonly"))]
)
def test_no_false_alarm(recording: str) -> None:
    """Nothing was done to these calls, or they never came about: hiccups of a busy machine trouble nobody."""
    assert ended(recording) == []


@pytest.mark.parametrize("recording", captures.names())
def test_what_a_delta_says_of_arrivals_is_what_its_counters_say(recording: str) -> None:
    """The text of a delta tells without being read whether any counter of what arrived has moved."""
    decoder = Decoder(ParticipantKey("s", "p"))
    totals: dict[str, float] = {}
    for frame in captures.frames(recording):
        for record in decoder.receive(frame.text, frame.time):
            if isinstance(record, Report) and not record.removed:
                peer, heard = record.key.peer_connection, record.heard
                total = traffic(record.stats)
                assert heard is (total > totals[peer] if peer in totals else None)
                totals[peer] = total


def test_verdicts_hold_at_any_pace() -> None:
    """With a fold at every report there are no false alarms either, and the trouble is found."""
    for recording in ("healthy-cr.p1.frames", "mesh-cr.p1.frames", "simulcast-cr.p2.frames"):
        critical = [
            change.episode
            for _, change in verdicts.judge(recording, 0.0).changes
            if change.episode.severity == "critical"
        ]
        assert critical == [], recording
    found = {change.episode.rule.name for _, change in verdicts.judge("degraded-cr.p1.frames", 0.0).changes}
    assert {"latency", "loss", "freeze", "audio_concealment", "no_media"} <= found


# ── silence

MEDIA: Interval = {
    "audio": {"packetsReceived": 250}, "video": {"packetsReceived": 500}, "sent video": {"packetsSent": 500},
}  # fmt: skip


def pulses(call: Call, *told: bool | None, stats: Stats | None = None, every: float = 1.0) -> list[Change]:
    """Reports, one a second, that heard something or not."""
    changes: list[Change] = []
    for heard in told:
        call.time += every
        changes += call.judge.pulse(Report(KEY, call.time, call.time, stats or {}, {}, heard))
    return changes


def flowing(interval: Interval = MEDIA) -> Call:
    """A call in which media flows."""
    call = Call()
    call.play([interval] * 3)
    assert pulses(call, True) == []
    return call


def test_a_silence_begins_with_the_last_sign_of_life() -> None:
    """It takes two reports, gets critical after five seconds, and is over before the next sign, at an unknown time."""
    call = flowing()
    heard = call.time

    assert pulses(call, False) == []
    (begin,) = pulses(call, False)
    assert (begin.kind, begin.episode.begin, begin.episode.worst) == ("begin", heard, 2.0)
    assert (begin.episode.severity, begin.episode.streams) == ("warning", 2)
    assert call.judge.quality == "bad"
    assert pulses(call, False, False) == []
    (worse,) = pulses(call, False)
    assert (worse.kind, worse.episode.severity, worse.episode.worst) == ("worse", "critical", 5.0)
    assert call.judge.open == [begin.episode]
    (end,) = pulses(call, True)
    assert (end.kind, end.episode.end) == ("end", heard + 5.5)
    assert call.judge.open == []


@pytest.mark.parametrize(("last", "begin"), [(-0.75, -0.75), (0.5, 0.0), (-20.0, 0.0)])
def test_a_silence_begins_with_the_last_packet_where_the_browser_says_when_that_was(last: float, begin: float) -> None:
    """A time that is not of the last interval is somebody else's clock, or of a path from before."""
    call = flowing({**MEDIA, "pair": {"packetsReceived": 100}})
    heard = call.time
    stats: Stats = {"pair": {"type": "candidate-pair", "lastPacketReceivedTimestamp": (heard + last) * 1000}}

    changes = pulses(call, False, False, stats=stats)

    assert [change.episode.begin for change in changes] == [pytest.approx(heard + begin)]


def test_reports_that_are_far_apart_tell_with_one() -> None:
    """A client that reports every ten seconds has been silent for ten."""
    call = flowing()
    (begin,) = pulses(call, False, every=10.0)

    assert (begin.episode.severity, begin.episode.worst) == ("critical", 10.0)


def test_media_has_to_have_flowed() -> None:
    """A connection that is not there yet, or carries data alone, is silent and well."""
    assert pulses(Call(), False, False, False, False) == []
    for interval in ({}, {"pair": {"bytesReceived": 100}}, {"sent video": {"packetsSent": 500}}):
        assert pulses(flowing(interval), False, False, False, False) == []


def test_muted_media_is_silent_on_purpose() -> None:
    """Put on hold, the other side sends nothing, and the browser says so by muting the tracks."""
    call = flowing()
    for muted, expected in ((frozenset({"a", "v"}), 0), (frozenset({"a"}), 1)):
        changes: list[Change] = []
        for _ in range(4):
            call.time += 1.0
            changes += call.judge.pulse(Report(KEY, call.time, call.time, {}, {}, False), muted)
        assert len(changes) == expected, muted


def test_who_sends_audio_alone_hears_of_it_every_few_seconds() -> None:
    """RTCP comes every five seconds or later, so less is no fault."""
    call = flowing({"audio": {"packetsReceived": 250}, "sent audio": {"packetsSent": 250}})

    assert pulses(call, *[False] * 7) == []
    (begin,) = pulses(call, False)
    assert begin.episode.worst == 8.0


def pair(sent: int, answered: int) -> dict[str, Members]:
    return {"pair": {"type": "candidate-pair", "selected": True, "requestsSent": sent, "responsesReceived": answered}}


def test_who_only_receives_asks_the_path() -> None:
    """A room in which nobody speaks is silent, but the path answers; in an outage it does not."""
    receiving: Interval = {"audio": {"packetsReceived": 250}, "pair": {"requestsSent": 2, "responsesReceived": 2}}
    call = flowing(receiving)
    for number in range(20):
        assert pulses(call, False, stats=pair(10 + number, 10 + number)) == []

    call = flowing(receiving)
    assert pulses(call, False, stats=pair(10, 10)) == []
    (begin,) = pulses(call, False, stats=pair(12, 10))
    assert begin.episode.rule is NO_MEDIA


def test_who_only_receives_and_cannot_ask_is_not_judged() -> None:
    """A browser that does not count its requests leaves it open."""
    assert pulses(flowing({"audio": {"packetsReceived": 250}}), *[False] * 20) == []


def test_a_pause_of_the_reports_is_no_silence() -> None:
    """A page that slept heard nothing because it did not listen."""
    call = flowing()
    (begin,) = pulses(call, False, False)
    call.time += 600.0
    (end,) = call.judge.reset()

    assert (end.kind, end.episode, end.episode.end) == ("end", begin.episode, begin.episode.last)
    assert pulses(call, False, False, False) == []
    assert pulses(call, True, False) == []
    assert [change.kind for change in pulses(call, False)] == ["begin"]


def test_silence_ends_with_the_connection() -> None:
    """What is open at the end is over then."""
    call = flowing()
    pulses(call, False, False)
    (end,) = call.judge.close(call.time + 0.5)

    assert (end.kind, end.episode.end) == ("end", call.time + 0.5)


COUNTS: Mapping[str, Members] = {
    "T": {"type": "transport", "bytesReceived": 1000}, "I": {"type": "inbound-rtp", "packetsReceived": 10},
    "O": {"type": "outbound-rtp", "packetsSent": 10}, "R": {"type": "remote-inbound-rtp", "packetsReceived": 10},
}  # fmt: skip


def test_reports_that_do_not_tell_are_compared() -> None:
    """Where the decoder does not know, counters of what arrives do; one that is gone is taken for a sign of life."""
    call = flowing()
    moved: Mapping[str, Members] = {**COUNTS, "I": {"type": "inbound-rtp", "packetsReceived": 11}}
    fewer: Mapping[str, Members] = {"T": COUNTS["T"]}

    assert traffic(COUNTS) == 1010
    assert pulses(call, None, None, stats=COUNTS) == []
    assert [change.kind for change in pulses(call, None, stats=COUNTS)] == ["begin"]
    assert [change.kind for change in pulses(call, None, stats=moved)] == ["end"]
    assert [change.kind for change in pulses(call, None, None, stats=moved)] == ["begin"]
    assert [change.kind for change in pulses(call, None, stats=fewer)] == ["end"]


# ── many streams

LOSSY: Interval = {"video": {"packetsReceived": 900, "packetsLost": 100}}


def test_the_worst_stream_speaks_for_all() -> None:
    """One episode for a connection, however many streams are bad; it names the worst of them."""
    worse: Interval = {"video#2": {"ssrc": 7, "mid": "4", "packetsReceived": 800, "packetsLost": 200}}
    fine: Interval = {"video#3": {"ssrc": 8, "mid": "5", "packetsReceived": 1000, "packetsLost": 0}}
    call = Call()
    changes = call.play([{**LOSSY, **worse, **fine}] * 4)

    (change,) = changes
    assert (change.episode.streams, change.episode.mid, change.episode.ssrc) == (2, "4", 7)
    assert change.episode.worst == pytest.approx(0.2)


def test_bad_intervals_before_a_gap_and_after_it_do_not_add_up() -> None:
    """What was open has ended before, with its last bad interval, and begins anew."""
    call = Call()
    (begin,) = call.play([LOSSY] * 3)
    last = call.time

    (end,) = call.fold(LOSSY, gap=True)
    assert (end.kind, end.episode, end.episode.end) == ("end", begin.episode, last)
    assert call.play([LOSSY]) == []
    assert [change.kind for change in call.play([LOSSY])] == ["begin"]


def test_a_healthy_connection_holds_nothing() -> None:
    """No rule is watched that has nothing to say."""
    call = Call()
    call.play([{"video": {"packetsReceived": 1000, "packetsLost": 0}}] * 3)

    assert call.judge._watches == {}
    call.play([LOSSY, *[{"video": {"packetsReceived": 1000, "packetsLost": 0}}] * 3])
    assert call.judge._watches == {}


# ── whatever comes

shares = st.sampled_from([0.0, 0.02, 0.05, 0.2, 1.0])
intervals = st.fixed_dictionaries(
    {},
    optional={
        "loss": shares, "freeze": shares, "concealment": shares, "cpu": shares, "round_trip": shares,
        "bandwidth": shares,
    },
)  # fmt: skip
steps = st.lists(st.one_of(intervals, st.sampled_from(["gap", "reset", "silent", "heard"])), max_size=40)


def bring(told: Mapping[str, float]) -> Interval:
    """An interval in which some things are measured."""
    found: dict[str, dict[str, float]] = {"sent video": {"packetsSent": 1000}}
    if "loss" in told:
        for ident in ("audio", "video"):
            found[ident] = {"packetsReceived": 1000 - 1000 * told["loss"], "packetsLost": 1000 * told["loss"]}
    if "freeze" in told:
        more = {"totalFreezesDuration": 5 * told["freeze"], "freezeCount": 1, "framesDecoded": 100}
        found["video"] = {**found.get("video", {}), **more}
    if "concealment" in told:
        more = {"totalSamplesReceived": 240_000, "concealedSamples": 240_000 * told["concealment"]}
        found["audio"] = {**found.get("audio", {}), **more, "silentConcealedSamples": 0}
    for reason in ("cpu", "bandwidth"):
        if reason in told:
            found["sent video"][f"qualityLimitationDurations.{reason}"] = 5 * told[reason]
    if "round_trip" in told:
        found["told video"] = {"totalRoundTripTime": told["round_trip"], "roundTripTimeMeasurements": 1}
    return found


def hold(changes: Sequence[Change], judge: Judge, known: dict[int, Episode]) -> None:
    """Each change follows from what was open before."""
    for kind, episode in changes:
        if kind == "begin":
            assert all(other.rule is not episode.rule for other in known.values()), "one open episode of a rule"
            known[id(episode)] = episode
            assert episode.end is None or episode.end >= episode.begin
        else:
            assert known[id(episode)] is episode, "what gets worse or ends had begun"
        if kind == "worse":
            assert episode.severity == "critical"
        if kind == "end":
            assert episode.end is not None
            del known[id(episode)]
        assert episode.begin <= episode.worst_time <= episode.last
        assert episode.end is None or episode.begin <= episode.last <= episode.end
        assert episode.worst > episode.threshold * 0.89
    assert {id(episode) for episode in judge.open} == known.keys()


@given(steps)
@settings(max_examples=150, deadline=None)
def test_episodes_are_well_formed(sequence: list[Mapping[str, float] | str]) -> None:
    """None ends before it begins, at most one of a rule is open, and none outlives its connection."""
    call, known = Call(), dict[int, Episode]()
    for step in sequence:
        if step in ("silent", "heard"):
            hold(pulses(call, step == "heard"), call.judge, known)
        elif step == "reset":
            hold(call.judge.reset(), call.judge, known)
        elif isinstance(step, str):
            hold(call.fold({}, gap=True), call.judge, known)
        else:
            hold(call.fold(bring(step)), call.judge, known)
    hold(call.judge.close(max(call.time, START)), call.judge, known)

    assert known == {}
    assert call.judge.open == []
