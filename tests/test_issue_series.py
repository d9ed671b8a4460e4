"""Series of the verdict: time, onsets, participants and quality, from recorded calls through the whole pipeline."""

import heapq
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pytest

from rtc_exporter import rules
from rtc_exporter.model import Event, Left, ParticipantKey, PeerConnectionKey, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.slots import Counter, Gauge, Histogram
from rtc_exporter.verdicts import class_of
from tests import traced
from tests.judging import CODECS, OBJECTS

Sums = Mapping[Any, float]


def series(pipeline: Pipeline, name: str, *attributes: str) -> Sums:
    """A metric summed by some of its attributes; what is 0 is left out."""
    family = pipeline.store.family(name)
    assert family is not None
    places = [family.metric.attributes.index(attribute) for attribute in attributes]
    found: dict[Any, float] = defaultdict(float)
    for slot in family.slots():
        assert isinstance(slot, Counter | Gauge)
        found[tuple(slot.values[place] for place in places)] += slot.value
    return defaultdict(float, {key: value for key, value in found.items() if value})


@lru_cache(maxsize=8)
def played(case: str) -> tuple[Pipeline, float]:
    """A case to its end, before anybody leaves; and the time."""
    pipeline: Pipeline | None = None
    now = 0.0
    for now, _, _, record in heapq.merge(*(traced.records(name, case) for name in traced.participants(case))):
        if pipeline is None:
            pipeline = Pipeline(PipelineSettings(), now)
        if not isinstance(record, Left):
            pipeline.feed(record, now)
    assert pipeline is not None
    return pipeline, now


def test_time_with_an_issue_is_a_participants() -> None:
    """Audio and video lost packets both ways for 45 s, of two participants: 90 s of loss at most, and not 360."""
    pipeline, _ = played("degraded-cr")
    time = series(pipeline, "rtc.issue.time", "rtc.issue", "rtc.side")

    assert 80 <= time["loss", "network"] <= 95
    assert 70 <= time["latency", "network"] <= 95
    assert 5 <= time["no_media", "network"] <= 8
    assert {side for _, side in time} <= {"network", "device"}
    assert {issue for issue, side in time if side == "device"} <= {"cpu_pressure"}


def test_each_episode_begins_once() -> None:
    """Onsets count episodes, under the severity that they began with."""
    pipeline, _ = played("degraded-cr")
    onsets = series(pipeline, "rtc.issue.onsets", "rtc.issue", "rtc.severity")

    assert onsets["no_media", "warning"] == 2
    assert onsets["latency", "warning"] == 2


def test_good_calls_have_no_issue_to_act_on() -> None:
    """Nobody notices anything."""
    for case in ("healthy-cr", "relay-cr", "mesh-cr", "simulcast-cr"):
        pipeline, _ = played(case)
        assert series(pipeline, "rtc.issue.onsets", "rtc.severity").keys() <= {("info",)}, case


def test_quality_time_of_paths_is_that_of_participants() -> None:
    """The same seconds in the same classes, told apart by the way that media took."""
    for case in ("healthy-cr", "degraded-cr", "mesh-cr", "relay-cr"):
        pipeline, _ = played(case)
        of_paths = series(pipeline, "rtc.path.quality.time", "rtc.quality")
        assert of_paths == series(pipeline, "rtc.participant.quality.time", "rtc.quality"), case

    pipeline, _ = played("relay-cr")
    time = series(pipeline, "rtc.path.quality.time", "rtc.ice.candidate.type", "rtc.ice.transport")
    assert max(time, key=lambda key: time[key]) == ("relay", "udp")


def test_quality_time_is_the_time_of_the_calls() -> None:
    """Each participant's time once, however many peer connections it has; all but the first moments of it."""
    for case, seconds in (("healthy-cr", 2 * 60.0), ("mesh-cr", 3 * 51.0 + 35.0)):
        pipeline, _ = played(case)
        time = series(pipeline, "rtc.participant.quality.time", "rtc.quality")
        assert sum(time.values()) == pytest.approx(seconds, abs=4 * 6), case
        if case == "healthy-cr":
            assert time[("good",)] > 0.8 * seconds


def test_bad_time_says_why() -> None:
    """The gravest issue that was open, and whose it is."""
    pipeline, _ = played("degraded-cr")
    bad = series(pipeline, "rtc.participant.bad.time", "rtc.cause", "rtc.side")
    quality = series(pipeline, "rtc.participant.quality.time", "rtc.quality")

    assert sum(bad.values()) == pytest.approx(quality[("poor",)] + quality[("bad",)])
    assert {side for _, side in bad} <= {"network", "unknown"}
    assert bad["loss", "network"] + bad["freeze", "network"] > 0.6 * sum(bad.values())
    assert bad["other", "unknown"] <= 0.3 * sum(bad.values())


def test_who_has_an_issue_now() -> None:
    """The gauges rise with an issue and fall when it is over, or its participant gone."""
    pipeline = Pipeline(PipelineSettings(), 0.0)
    key = PeerConnectionKey("s", "p", "PC_0")
    lost = packets = 0.0
    now = 1000.0

    def fold(bad: float) -> None:
        nonlocal lost, packets, now
        now, packets, lost = now + 5.0, packets + 1000, lost + bad
        stats = {
            **CODECS,
            **{name: {**OBJECTS[name], "packetsReceived": packets, "packetsLost": lost} for name in ("audio", "video")},
        }
        pipeline.feed(Report(key, now, now, stats, {}), now)
        pipeline.tick(now)

    for bad in (0, 0, 200, 200, 200):
        fold(bad)

    who = ("rtc.issue", "rtc.side", "rtc.severity")
    held = {("loss", "network", "critical"): 1.0}
    assert series(pipeline, "rtc.issue.participants", *who) == held
    assert series(pipeline, "rtc.issue.active", "rtc.participant.id", *who) == {("p", *next(iter(held))): 2.0}
    assert series(pipeline, "rtc.issue.onsets", "rtc.issue") == {("loss",): 1.0}
    assert series(pipeline, "rtc.issue.time", "rtc.issue") == {("loss",): pytest.approx(15.0)}

    for bad in (0, 0):
        fold(bad)
    assert series(pipeline, "rtc.issue.participants", *who) == {}
    assert series(pipeline, "rtc.issue.active", *who) == {}
    assert series(pipeline, "rtc.issue.time", "rtc.issue") == {("loss",): pytest.approx(15.0)}

    for bad in (200, 200, 200):
        fold(bad)
    assert series(pipeline, "rtc.issue.participants", *who) == held
    pipeline.feed(Left(ParticipantKey("s", "p"), now, "closed"), now)
    assert series(pipeline, "rtc.issue.participants", *who) == {}


def test_an_issue_ends_where_reports_stop() -> None:
    """The client keeps its socket and says nothing: after a minute the issue is over, since it was last seen."""
    pipeline = Pipeline(PipelineSettings(), 0.0)
    key = PeerConnectionKey("s", "p", "PC_0")
    pipeline.attach(ParticipantKey("s", "p"), 1000.0)
    for number, now in enumerate((1000.0, 1005.0, 1010.0, 1015.0, 1020.0)):
        moved = {"packetsReceived": 850.0 * number, "packetsLost": 150.0 * number}
        pipeline.feed(Report(key, now, now, {**CODECS, "audio": {**OBJECTS["audio"], **moved}}, {}), now)
    for now in range(1021, 1080, 5):
        pipeline.tick(float(now))
    assert series(pipeline, "rtc.issue.participants", "rtc.issue") == {("loss",): 1.0}

    for now in range(1081, 1100, 5):
        pipeline.tick(float(now))
    assert series(pipeline, "rtc.issue.participants", "rtc.issue") == {}
    assert series(pipeline, "rtc.issue.time", "rtc.issue") == {("loss",): pytest.approx(20.0)}


def test_time_that_was_slept_through_is_nobodys() -> None:
    """A machine that slept for an hour had neither a good nor a bad call."""
    pipeline = Pipeline(PipelineSettings(), 0.0)
    key = PeerConnectionKey("s", "p", "PC_0")
    times = [1000.0 + 5 * step for step in range(5)] + [5000.0 + 5 * step for step in range(5)]
    for number, now in enumerate(times):
        stats = {**CODECS, "audio": {**OBJECTS["audio"], "packetsReceived": 250.0 * number, "packetsLost": 0.0}}
        pipeline.feed(Report(key, now, now, stats, {}), now)

    assert sum(series(pipeline, "rtc.participant.quality.time", "rtc.quality").values()) == pytest.approx(40.0)


def test_what_a_browser_does_not_report_is_not_health() -> None:
    """Firefox says nothing of limits of the encoder: no call of it was judged for them, and Chromium's were."""
    judged = series(played("healthy-ff")[0], "rtc.issue.judgements", "rtc.issue", "rtc.judgement")
    assert judged["cpu_limited", "cannot_judge"] == 2
    assert judged["cpu_limited", "judged"] == 0
    assert judged["loss", "judged"] == 2

    judged = series(played("healthy-cr")[0], "rtc.issue.judgements", "rtc.issue", "rtc.judgement")
    assert judged["cpu_limited", "judged"] == 2
    measured = {rule.name for rule in rules.RULES if rule.source in ("fold", "trend")}
    assert {issue for issue, _ in judged} == measured


def test_what_is_left_of_a_stream_whose_sender_has_gone_is_no_bad_call() -> None:
    """The last fold of a call is as short as it happens to be: it is not judged, and the class before it stands."""
    pipeline = Pipeline(PipelineSettings(), 0.0)
    key = PeerConnectionKey("s", "p", "PC_0")
    packets = 0.0
    for now in (1000.0, 1005.0, 1010.0, 1015.0, 1016.0):
        is_last = now == 1016.0
        packets += 50 if is_last else 250
        lost = 40.0 if is_last else 0.0
        audio = {**OBJECTS["audio"], "packetsReceived": packets, "packetsLost": lost, "jitter": 0.01}
        told = {"told audio": {**OBJECTS["told audio"], "roundTripTime": 0.05, "timestamp": now}}
        pipeline.feed(Report(key, now, now, {**CODECS, "audio": audio, **told}, {}), now)
    pipeline.feed(Left(ParticipantKey("s", "p"), now, "closed"), now)

    time = series(pipeline, "rtc.participant.quality.time", "rtc.quality")
    assert time.keys() == {("good",)}
    assert time[("good",)] == pytest.approx(16.0)
    assert series(pipeline, "rtc.issue.onsets", "rtc.issue") == {}


def test_scores_are_kept_by_direction_and_kind() -> None:
    """A degraded call has poor scores of all four, and the live gauge has the newest of each kind."""
    pipeline, _ = played("degraded-cr")
    family = pipeline.store.family("rtc.participant.quality.score")
    assert family is not None
    of = [family.metric.attributes.index(name) for name in ("rtc.media.direction", "rtc.media.kind")]
    means = {}
    for slot in family.slots():
        assert isinstance(slot, Histogram)
        means[tuple(slot.values[place] for place in of)] = slot.sum / slot.count
    assert means.keys() == {(way, kind) for way in ("inbound", "outbound") for kind in ("audio", "video")}
    assert all(1.0 <= mean < 4.0 for mean in means.values()), means
    now = series(pipeline, "rtc.participant.score", "rtc.participant.id", "rtc.media.kind")
    assert now.keys() == {(who, kind) for who in ("p1", "p2") for kind in ("audio", "video")}
    assert min(now.values()) > 3.5, "it has recovered"


def test_a_rating_stands_beside_the_score_of_its_minutes() -> None:
    """The users of the recording gave four stars after all was over; here is one who gives one."""
    pipeline, now = played("degraded-cr")
    family = pipeline.store.family("rtc.feedback.score")
    assert family is not None
    participant = pipeline.sessions.participants[ParticipantKey("degraded-cr", "p1")]
    rating = Event(PeerConnectionKey("degraded-cr", "p1", ""), participant.sent, "feedback", {"value": 1.4})
    pipeline.feed(rating, now)
    pipeline.feed(rating._replace(facts={"value": 9.0}), now)
    pipeline.feed(rating._replace(facts={"issue": "audio"}), now)

    slots = {slot.values[-1]: slot for slot in family.slots() if isinstance(slot, Histogram)}
    assert {stars: slot.count for stars, slot in slots.items()} == {"4": 2, "1": 1}
    assert 3.0 < slots["1"].sum < 4.0, "the trouble was 20 s ago"


def test_a_captured_screen_is_known_to_who_judges_cameras() -> None:
    """From the next fold on, for every peer connection of the page."""
    pipeline = Pipeline(PipelineSettings(), 0.0)
    key = PeerConnectionKey("s", "p", "PC_0")
    pipeline.feed(Event(key._replace(peer_connection=""), 1.0, "getDisplayMediaOnSuccess", {}), 1.0)
    pipeline.feed(Report(key, 2.0, 2.0, {"audio": OBJECTS["audio"]}, {}), 2.0)

    connection = pipeline.sessions.participants[ParticipantKey("s", "p")].peer_connections["PC_0"]
    assert connection.judge.shares_screen


def test_a_failed_connection_that_was_forgotten_says_nothing_once_another_is_up() -> None:
    """Until then it is what the participant has."""
    pipeline = Pipeline(PipelineSettings(), 0.0)
    failed, up = (PeerConnectionKey("s", "p", name) for name in ("PC_0", "PC_1"))
    packets = 0.0

    def fold(*keys: PeerConnectionKey) -> str:
        nonlocal packets
        packets += 250
        for key in keys:
            moved = {"packetsReceived": packets, "packetsLost": 0.0, "jitter": 0.01} if key is up else {}
            stats = {**CODECS, "audio": {**OBJECTS["audio"], **moved}}
            pipeline.feed(Report(key, packets / 50, packets / 50, stats, {}), packets / 50)
        return class_of(pipeline.sessions.participants[ParticipantKey("s", "p")])

    pipeline.feed(Event(failed, 1.0, "create", {}), 1.0)
    pipeline.feed(Event(failed, 2.0, "connectionstatechange", {"state": "failed"}), 2.0)
    assert [fold(failed) for _ in range(3)][-1] == "bad"
    pipeline.feed(Event(up, packets / 50, "create", {}), packets / 50)
    assert [fold(failed, up) for _ in range(3)][-1] == "bad"
    pipeline.feed(Event(up, packets / 50, "connectionstatechange", {"state": "connected"}), packets / 50)
    assert fold(failed, up) in ("good", "unclassified")
