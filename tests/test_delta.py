"""The delta engine, rule by rule: what was reported before, what after, and what was gained."""

from collections.abc import Mapping

import pytest

from rtc_exporter import catalog, w3c
from rtc_exporter.cadence import Cadence
from rtc_exporter.delta import KEPT, Deltas, Fold, MonitoredObject
from rtc_exporter.model import Member, Members, PeerConnectionKey, Report
from rtc_exporter.plans import PLANS, possible

KEY = PeerConnectionKey("s", "p", "PC_0")
START = 1_760_000_000.0


def report(seconds: float, stats: Mapping[str, Members], removed: Mapping[str, Members] | None = None) -> Report:
    return Report(KEY, START + seconds, START + seconds, stats, removed or {})


def stream(**members: Member) -> Members:
    return {"type": "inbound-rtp", "kind": "video", "ssrc": 1, **members}


def fold(deltas: Deltas, seconds: float, *, gap: bool = False, **stats: Members) -> Fold:
    return deltas.fold(report(seconds, stats), gap=gap)


def gained(before: Members, after: Members) -> MonitoredObject:
    """The object after two folds five seconds apart."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=before)
    return fold(deltas, 5, it=after).changed[0]


STEPS: tuple[tuple[str, Members, Members, Mapping[str, float]], ...] = (
    ("counters give their increase", stream(packetsReceived=10), stream(packetsReceived=25), {"packetsReceived": 15}),
    ("standing still gives 0", stream(packetsReceived=10), stream(packetsReceived=10), {"packetsReceived": 0}),
    ("what is not reported is not 0", stream(packetsReceived=10), stream(), {}),
    ("a member that comes later began at 0", stream(), stream(freezeCount=2), {"freezeCount": 2}),
    ("gauges are no counters", stream(jitter=0.1), stream(jitter=0.3), {}),
    (
        "an anchor that falls restarts the whole object",
        stream(packetsReceived=100, framesDecoded=50, packetsLost=7),
        stream(packetsReceived=10, framesDecoded=60, packetsLost=2),
        {"packetsReceived": 10, "framesDecoded": 60, "packetsLost": 2},
    ),
    (
        "a decoder counter that falls restarts alone",
        stream(packetsReceived=100, framesDecoded=50, qpSum=500),
        stream(packetsReceived=110, framesDecoded=5, qpSum=510),
        {"packetsReceived": 10, "framesDecoded": 5, "qpSum": 10},
    ),
    (
        "without anchors any fall is a restart",
        {"type": "media-source", "frames": 100, "totalSamplesDuration": 4.0},
        {"type": "media-source", "frames": 10, "totalSamplesDuration": 5.0},
        {"frames": 10, "totalSamplesDuration": 5.0},
    ),
    (
        "rounding is no restart",
        stream(packetsReceived=1, totalDecodeTime=2.0000001),
        stream(packetsReceived=2, totalDecodeTime=2.0),
        {"packetsReceived": 1, "totalDecodeTime": 0},
    ),
    ("signed counters count new maxima", stream(packetsLost=5), stream(packetsLost=8), {"packetsLost": 3}),
    ("signed counters that fall count nothing", stream(packetsLost=5), stream(packetsLost=2), {"packetsLost": 0}),
    ("signed counters may start below 0", stream(packetsLost=-3), stream(packetsLost=2), {"packetsLost": 2}),
    ("another ssrc is new", stream(packetsReceived=9), stream(packetsReceived=12, ssrc=2), {"packetsReceived": 12}),
    (
        "another type is another object",
        stream(packetsReceived=9),
        {"type": "transport", "packetsReceived": 12},
        {"packetsReceived": 12},
    ),
    (
        "an identity that was not told before is no change",
        {"type": "data-channel", "messagesSent": 3},
        {"type": "data-channel", "messagesSent": 4, "dataChannelIdentifier": 1},
        {"messagesSent": 1},
    ),
    ("NaN is refused", stream(packetsReceived=1), stream(packetsReceived=float("nan")), {}),
    ("infinity is refused", stream(packetsReceived=1), stream(packetsReceived=float("inf")), {}),
    ("negative counters are refused", stream(packetsReceived=1), stream(packetsReceived=-1), {}),
    ("more than 2^53 is refused", stream(packetsReceived=1), stream(packetsReceived=2**53 + 1), {}),
    ("more digits than a float has are refused", stream(totalDecodeTime=1.5), stream(totalDecodeTime=10**400), {}),
    ("text is refused", stream(packetsReceived=1), stream(packetsReceived="9"), {}),
    ("truth is no number", stream(packetsReceived=5), stream(packetsReceived=True), {}),
    ("more than 10 Gbit/s is refused", stream(bytesReceived=0), stream(bytesReceived=20_000_000_000), {}),
    ("10 Gbit/s is possible", stream(bytesReceived=0), stream(bytesReceived=5 * 10**9), {"bytesReceived": 5 * 10**9}),
    ("more than 1,000 frames a second are refused", stream(framesDecoded=0), stream(framesDecoded=10_001), {}),
)  # fmt: skip


@pytest.mark.parametrize(("before", "after", "increments"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS])
def test_increments(before: Members, after: Members, increments: Mapping[str, float]) -> None:
    """Two reports of one object, five seconds apart, give these increments."""
    assert gained(before, after).increments == pytest.approx(increments)


RESTARTS: tuple[tuple[str, Members, Members, bool], ...] = (
    ("plain growth", stream(packetsReceived=1), stream(packetsReceived=2), False),
    ("anchor", stream(packetsReceived=2), stream(packetsReceived=1), True),
    ("decoder", stream(framesDecoded=2), stream(framesDecoded=1), True),
    ("signed", stream(packetsLost=2), stream(packetsLost=1), False),
    ("refused", stream(packetsReceived=2), stream(packetsReceived=-1), False),
)


@pytest.mark.parametrize(
    ("before", "after", "restarted"), [row[1:] for row in RESTARTS], ids=[row[0] for row in RESTARTS]
)
def test_restarted_objects_are_not_judged(before: Members, after: Members, restarted: bool) -> None:
    """After a restart increments count, but there is no interval to judge."""
    thing = gained(before, after)

    assert thing.restarted is restarted
    assert thing.elapsed == (None if restarted else 5.0)


def test_refused_values_are_counted_one_by_one() -> None:
    """``rejected`` counts every value that was refused, and a string is not an increment of 0."""
    deltas = Deltas(created=True)

    assert fold(deltas, 0, it=stream(packetsReceived=-1, bytesReceived="x", framesDecoded=3)).rejected == 2


def test_a_refused_jump_becomes_the_new_baseline() -> None:
    """What an impossible jump leads to is where counting goes on."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(bytesReceived=10))
    jump = fold(deltas, 5, it=stream(bytesReceived=10**12))

    assert (jump.rejected, jump.changed[0].increments) == (1, {})
    assert fold(deltas, 10, it=stream(bytesReceived=10**12 + 7)).changed[0].increments == {"bytesReceived": 7}


def test_the_way_back_from_a_refused_jump_is_no_restart() -> None:
    """A glitch up and down again must not count the whole object a second time."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(bytesReceived=1000, packetsReceived=10))
    fold(deltas, 5, it=stream(bytesReceived=10**12, packetsReceived=20))
    back = fold(deltas, 10, it=stream(bytesReceived=3000, packetsReceived=30)).changed[0]

    assert (back.restarted, back.increments) == (False, {"packetsReceived": 10})
    assert (
        fold(deltas, 15, it=stream(bytesReceived=3500, packetsReceived=30)).changed[0].increments["bytesReceived"]
        == 500
    )


def test_a_member_that_was_refused_at_first_is_a_baseline_later() -> None:
    """Nobody knows what it was before, so only what comes after is counted."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived="many"))

    assert fold(deltas, 5, it=stream(packetsReceived=500)).changed[0].increments == {}
    assert fold(deltas, 10, it=stream(packetsReceived=510)).changed[0].increments == {"packetsReceived": 10}


def test_a_member_that_was_away_goes_on() -> None:
    """A member that is left out of one report keeps its baseline."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10, nackCount=3))
    fold(deltas, 5, it=stream(packetsReceived=20))

    assert fold(deltas, 10, it=stream(packetsReceived=30, nackCount=4)).changed[0].increments["nackCount"] == 1


def test_what_a_new_connection_reports_first_counts_whole() -> None:
    """Everything was gained since the creation that was seen, but over an unknown time."""
    thing = fold(Deltas(created=True), 0, it=stream(packetsReceived=10, packetsLost=2)).changed[0]

    assert thing.increments == {"packetsReceived": 10, "packetsLost": 2}
    assert (thing.first, thing.elapsed) == (True, None)


def test_a_connection_joined_late_starts_at_its_first_report() -> None:
    """After a restart of this program nothing is counted that may have been counted before."""
    deltas = Deltas(created=False)

    assert fold(deltas, 0, it=stream(packetsReceived=1000, packetsLost=9)).changed[0].increments == {}
    assert fold(deltas, 5, it=stream(packetsReceived=1001, packetsLost=9)).changed[0].increments == {
        "packetsReceived": 1,
        "packetsLost": 0,
    }


def test_objects_that_appear_later_count_whole_even_after_a_late_join() -> None:
    """An object that the first report did not hold began after it."""
    deltas = Deltas(created=False)
    fold(deltas, 0, it=stream(packetsReceived=1000))

    assert fold(deltas, 5, it=stream(), new=stream(packetsReceived=3, ssrc=2)).changed[1].increments == {
        "packetsReceived": 3
    }


def test_a_first_value_that_nobody_can_reach_is_refused() -> None:
    """The first value of an object is held to a minute at full speed."""
    seen = fold(Deltas(created=True), 0, it=stream(framesDecoded=60_001, packetsReceived=5))

    assert (seen.rejected, seen.changed[0].increments) == (1, {"packetsReceived": 5})


def test_after_a_gap_increments_count_and_nothing_is_judged() -> None:
    """What was gained while the page slept is true; how it went is not known."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10))
    slept = fold(deltas, 300, gap=True, it=stream(packetsReceived=40))

    assert (slept.gap, slept.elapsed, slept.changed[0].elapsed) == (True, None, None)
    assert slept.changed[0].increments == {"packetsReceived": 30}
    assert fold(deltas, 305, it=stream(packetsReceived=41)).changed[0].elapsed == 5.0


def test_objects_whose_time_stands_still_have_no_sample() -> None:
    """An object that is repeated with its old timestamp is alive, but has not changed."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10, timestamp=START))
    again = fold(deltas, 5, it=stream(packetsReceived=10, timestamp=START))

    assert (list(again.objects), again.changed) == (["it"], [])
    assert (again.objects["it"].elapsed, again.objects["it"].increments) == (None, {})


def test_elapsed_is_by_the_clock_of_the_object() -> None:
    """Objects sampled at their own time have their own interval."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(timestamp=START - 0.5))

    assert fold(deltas, 5, it=stream(timestamp=START + 4.75)).changed[0].elapsed == 5.25


def test_a_clock_that_runs_ahead_does_not_stop_an_object() -> None:
    """A timestamp from the far future is cut to just ahead of the report."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=1, timestamp=START * 1000))

    assert fold(deltas, 100, it=stream(packetsReceived=2)).changed[0].increments == {"packetsReceived": 1}


def test_very_short_intervals_are_not_judged() -> None:
    """Two reports within a tenth of a second count, but give no rates."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=1))
    thing = fold(deltas, 0.05, it=stream(packetsReceived=2)).changed[0]

    assert (thing.elapsed, thing.increments) == (None, {"packetsReceived": 1})


def test_an_object_that_comes_back_continues() -> None:
    """A candidate pair that was away for a while goes on counting from where it was, and is not judged at once."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10))
    alive = dict(fold(deltas, 5).objects)
    back = fold(deltas, 10, it=stream(packetsReceived=12))

    assert alive == {}
    assert (back.changed[0].increments, back.changed[0].elapsed, back.changed[0].first) == (
        {"packetsReceived": 2},
        None,
        False,
    )


def test_an_object_that_comes_back_after_it_was_forgotten_is_a_baseline() -> None:
    """Its counters are gone, but that it was counted is not: nothing is counted twice."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10))
    for n in range(KEPT + 2):
        fold(deltas, 5 + n)

    assert fold(deltas, 100, it=stream(packetsReceived=12)).changed[0].increments == {}
    assert fold(deltas, 105, it=stream(packetsReceived=13)).changed[0].increments == {"packetsReceived": 1}


def test_a_forgotten_object_keeps_its_high_water_mark() -> None:
    """Packets lost and found again before it was forgotten are not lost once more when it is back."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsLost=20))
    for n in range(KEPT + 2):
        fold(deltas, 5 + n)
    fold(deltas, 100, it=stream(packetsLost=18))

    assert fold(deltas, 105, it=stream(packetsLost=21)).changed[0].increments == {"packetsLost": 1}


def test_a_forgotten_id_with_another_ssrc_is_new() -> None:
    """Ids are used again; the ssrc tells that this is another stream."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10))
    for n in range(KEPT + 2):
        fold(deltas, 5 + n)

    assert fold(deltas, 100, it=stream(packetsReceived=12, ssrc=2)).changed[0].increments == {"packetsReceived": 12}


def test_removed_objects_are_counted_a_last_time() -> None:
    """What an object gained before it was removed counts; it is no longer alive and not judged."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10))
    last = deltas.fold(report(5, {}, {"it": stream(packetsReceived=14)}))

    assert last.objects == {}
    assert [(thing.increments, thing.elapsed) for thing in last.changed] == [({"packetsReceived": 4}, None)]
    assert fold(deltas, 10, it=stream(packetsReceived=15)).changed[0].increments == {"packetsReceived": 1}


def test_an_object_removed_before_it_was_ever_folded_counts() -> None:
    """An object that came and went between two folds is in ``removed`` alone."""
    deltas = Deltas(created=True)
    fold(deltas, 0)
    last = deltas.fold(report(5, {}, {"it": stream(packetsReceived=14)}))

    assert [thing.increments for thing in last.changed] == [{"packetsReceived": 14}]


def test_an_object_removed_and_replaced_in_one_fold_counts_both() -> None:
    """The old and the new holder of an id are two objects in ``changed``."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10))
    both = deltas.fold(report(5, {"it": stream(packetsReceived=3, ssrc=2)}, {"it": stream(packetsReceived=14)}))

    assert [thing.increments for thing in both.changed] == [{"packetsReceived": 4}, {"packetsReceived": 3}]


def test_an_object_removed_and_back_in_one_fold_is_not_counted_twice() -> None:
    """Over this fold and the next the sum is right."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream(packetsReceived=10))
    both = deltas.fold(report(5, {"it": stream(packetsReceived=16)}, {"it": stream(packetsReceived=14)}))
    after = fold(deltas, 10, it=stream(packetsReceived=20))

    assert sum(thing.increments["packetsReceived"] for thing in [*both.changed, *after.changed]) == 10


def remote(**members: Member) -> Members:
    return {"type": "remote-inbound-rtp", "ssrc": 1, "packetsLost": 0, "roundTripTimeMeasurements": 3, **members}


REMOTE: tuple[tuple[str, Members, Members, bool], ...] = (
    ("a newer timestamp", remote(timestamp=START), remote(timestamp=START + 4), True),
    ("the same timestamp", remote(timestamp=START), remote(timestamp=START, packetsLost=2), False),
    ("no timestamp", remote(), remote(packetsLost=2), False),
    ("one more measurement", remote(), remote(roundTripTimeMeasurements=4), True),
    (
        "one more measurement at the same time",
        remote(timestamp=START),
        remote(timestamp=START, roundTripTimeMeasurements=4),
        True,
    ),
    (
        "one more sender report",
        {"type": "remote-outbound-rtp", "reportsSent": 1},
        {"type": "remote-outbound-rtp", "reportsSent": 2},
        True,
    ),
)  # fmt: skip


@pytest.mark.parametrize(("before", "after", "sampled"), [row[1:] for row in REMOTE], ids=[row[0] for row in REMOTE])
def test_remote_objects_are_used_when_the_other_side_reported(before: Members, after: Members, sampled: bool) -> None:
    """Browsers repeat the last RTCP report until the next one comes."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=before)

    assert bool(fold(deltas, 5, it=after).changed) is sampled


def pair(**members: Member) -> Members:
    return {"type": "candidate-pair", "state": "succeeded", **members}


TRANSPORT: Members = {"type": "transport", "selectedCandidatePairId": "a"}
SELECTED: tuple[tuple[str, Mapping[str, Members], str | None], ...] = (
    ("nothing", {}, None),
    ("the transport knows", {"t": TRANSPORT, "a": pair(), "b": pair(nominated=True, bytesSent=9)}, "a"),
    ("the pair says so", {"t": {"type": "transport"}, "a": pair(selected=True), "b": pair(nominated=True)}, "a"),
    ("most bytes", {"a": pair(nominated=True, bytesSent=9), "b": pair(nominated=True, bytesReceived=8)}, "a"),
    ("nominated but failed", {"a": pair(nominated=True, state="failed")}, None),
    ("not nominated", {"a": pair(bytesSent=9)}, None),
    (
        "the busiest transport",
        {"t": TRANSPORT, "u": {"type": "transport", "selectedCandidatePairId": "b", "bytesSent": 1}},
        "b",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("stats", "selected"), [row[1:] for row in SELECTED], ids=[row[0] for row in SELECTED])
def test_the_selected_pair(stats: Mapping[str, Members], selected: str | None) -> None:
    """Which candidate pair carries the media."""
    assert Deltas(created=True).fold(report(0, stats)).selected == selected


def test_a_change_of_the_selected_pair_shows_once() -> None:
    """The first fold on a path says so, and a report without a path is no change."""
    deltas = Deltas(created=True)
    folds = [deltas.fold(report(n, {name: pair(selected=True)})) for n, name in enumerate("aabb")]
    folds.append(fold(deltas, 10))
    folds.append(fold(deltas, 11, b=pair(selected=True)))

    assert [each.switched for each in folds] == [True, False, True, False, False, False]


def test_watched_words_are_those_of_the_fold_before() -> None:
    """States are compared with what they were, though the decoder changes its dict in place."""
    deltas = Deltas(created=True)
    members: Members = {"type": "transport", "dtlsState": "new"}
    seen = [fold(deltas, 0, t=members).changed[0].was]
    members["dtlsState"] = "connected"
    seen += [fold(deltas, n, t=members).changed[0].was for n in (1, 2)]

    assert seen == [{}, {"dtlsState": "new"}, {"dtlsState": "connected"}]


def test_notes_stay_with_an_object_and_go_with_its_identity() -> None:
    """A reader's notes are kept from fold to fold, and not handed to another stream."""
    deltas = Deltas(created=True)
    fold(deltas, 0, it=stream()).changed[0].notes = "mine"

    assert fold(deltas, 5, it=stream()).changed[0].notes == "mine"
    assert fold(deltas, 10, it=stream(ssrc=2)).changed[0].notes is None


def test_descriptions_are_not_monitored_but_can_be_read() -> None:
    """Codecs, candidates and certificates have no state here; formulas find them in ``stats``."""
    stats: dict[str, Members] = {"c": {"type": "codec", "mimeType": "video/VP8"}, "x": {"timestamp": 1.0}}
    seen = Deltas(created=True).fold(report(0, stats))

    assert (seen.objects, seen.changed) == ({}, [])
    assert seen.stats["c"]["mimeType"] == "video/VP8"


def test_settled_folds_hold_no_increments() -> None:
    """Once read, a fold gives its memory back."""
    seen = fold(Deltas(created=True), 0, it=stream(packetsReceived=10))
    seen.settle()

    assert seen.changed[0].increments == {}


def test_every_monitored_type_has_a_reset_series() -> None:
    """The catalogue's closed set of types is the engine's."""
    assert set(PLANS) == set(catalog.STATES)


def test_every_counter_has_a_possible_rate() -> None:
    """Bytes go at 10 Gbit/s at most, frames at 1,000 a second, and nothing is unbounded."""
    for row in w3c.STATS.values():
        for member in (*row.anchors, *row.counters, *row.signed):
            assert 1 <= possible(member) <= 1_250_000_000, member
    assert possible("headerBytesReceived") == 1_250_000_000
    assert possible("keyFramesDecoded") == 1000


CADENCES: tuple[tuple[str, str, str], ...] = (
    ("steady", "0 1 2 3 4 5", "ok ok ok ok ok ok"),
    ("the same report again", "0 1 1 2", "ok ok duplicate ok"),
    ("an old report", "0 1 2 1 3", "ok ok ok out_of_order ok"),
    ("a page that slept", "0 1 2 3 4 5 6 7 8 308 309", "ok ok ok ok ok ok ok ok ok gap ok"),
    ("asleep twice", "0 1 2 3 4 5 6 7 8 308 309 609 610", "ok ok ok ok ok ok ok ok ok gap ok gap ok"),
    ("slower for good", "0 1 2 3 4 5 6 7 8 68 128 188 248", "ok ok ok ok ok ok ok ok ok gap ok ok ok"),
    ("every ten seconds", "0 10 20 30 40", "ok ok ok ok ok"),
    ("an extra report", "0 10 20 20.1 30 40", "ok ok ok ok ok ok"),
    ("every minute", "0 60 120 180", "ok gap ok ok"),
    ("no time at all", "0 nan 1", "ok out_of_order ok"),
)


@pytest.mark.parametrize(("times", "verdicts"), [row[1:] for row in CADENCES], ids=[row[0] for row in CADENCES])
def test_cadence(times: str, verdicts: str) -> None:
    """Which reports are folded, and which of them come after a gap."""
    cadence = Cadence()

    assert [cadence.admit(START + float(time)) for time in times.split()] == verdicts.split()
