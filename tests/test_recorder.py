"""What is remembered of participants: bounded, and the worst of it kept."""

from functools import lru_cache

import pytest
from rich.console import Console

from rtc_exporter import importer, rules
from rtc_exporter.episodes import Change, Episode
from rtc_exporter.model import ParticipantKey
from rtc_exporter.recorder import EPISODES, STRETCHES, WAYS, Recorder, Stay
from rtc_exporter.samples import CHANNELS, SAMPLES, Series
from rtc_exporter.sessions import Participant
from tests.captures import DATA

START = 1_760_000_000.0


def test_a_series_is_bounded_and_keeps_the_worst() -> None:
    """A day of a sample a second: never more than so many, in order, and its peak is still there."""
    series = Series(max)
    for second in range(86_400):
        series.add(START + second, 9.0 if second in (7, 50_001, 86_399) else 1.0)
        assert len(series.times) <= SAMPLES
    points = series.points

    assert [time for time, _ in points] == sorted({time for time, _ in points})
    assert len(points) > SAMPLES / 4
    assert points[0][0] == START
    assert points[-1][0] > START + 86_000
    assert [round((time - START) / 1000) for time, value in points if value == 9.0] == [0, 50, 86]


def test_a_series_of_a_short_call_is_as_it_was() -> None:
    """Nothing is lost before the bound."""
    series = Series(min)
    samples = [(START + 5 * number, float(number % 7)) for number in range(SAMPLES)]
    for time, value in samples:
        series.add(time, value)

    assert series.points == samples


def test_the_worst_may_be_the_least() -> None:
    """Of frame rates and scores."""
    series = Series(min)
    for second in range(SAMPLES * 3):
        series.add(START + second, 0.5 if second == 77 else 4.0)

    assert min(value for _, value in series.points) == 0.5


def test_neighbours_of_one_class_are_one_stretch() -> None:
    """With the mean score of their time; a pause is between two."""
    stay = Stay()
    for begin, end, quality, score in (
        (0, 5, "good", 4.0), (5, 15, "good", 4.3), (15, 20, "bad", None), (20, 25, "bad", 2.0), (60, 65, "bad", 1.0),
    ):  # fmt: skip
        stay.spend(float(begin), float(end), quality, score)

    assert [(one.begin, one.end, one.quality) for one in stay.stretches] == [
        (0, 15, "good"), (15, 25, "bad"), (60, 65, "bad"),
    ]  # fmt: skip
    assert stay.stretches[0].score == pytest.approx(4.2)
    assert stay.stretches[1].score == 2.0
    assert stay.grades == {("good", 4.0): 5, ("good", 4.3): 10, ("bad", None): 5, ("bad", 2.0): 5, ("bad", 1.0): 5}


def test_timelines_and_grades_are_bounded() -> None:
    """A call that changes all the time: the seconds are all counted, and the stretches are not all kept."""
    stay = Stay()
    for number in range(STRETCHES * 2):
        stay.spend(number * 5.0, number * 5.0 + 5, ("good", "poor")[number % 2], 1 + number % 350 / 100)

    assert len(stay.stretches) == STRETCHES
    assert sum(stay.grades.values()) == STRETCHES * 10
    assert len(stay.grades) <= 2 * 36


def test_paths_are_kept_while_they_are_used() -> None:
    """Of each peer connection; one that changes begins where the one before was seen last."""
    stay = Stay()
    direct, relayed = {"rtc.ice.candidate.type": "host"}, {"rtc.ice.candidate.type": "relay"}
    for time, path in ((5.0, {}), (10.0, direct), (15.0, direct), (20.0, relayed), (25.0, relayed), (30.0, direct)):
        stay.go("PC_0", time, path)
    stay.go("PC_1", 12.0, relayed)

    assert [(way.peer_connection, way.begin, way.end, way.path) for way in stay.ways] == [
        ("PC_0", 10.0, 15.0, direct), ("PC_0", 15.0, 25.0, relayed), ("PC_0", 25.0, 30.0, direct),
        ("PC_1", 12.0, 12.0, relayed),
    ]  # fmt: skip


def test_paths_are_bounded() -> None:
    """One that changes all the time, and peer connections without end."""
    stay = Stay()
    for number in range(WAYS * 2):
        stay.go(f"PC_{number % 300}", float(number), {"rtc.ice.transport": "udp"})

    assert len(stay.ways) == WAYS
    assert len(stay._ways) <= WAYS


def episode(rule: str = "loss.inbound.audio", begin: float = 100.0) -> Episode:
    """One that has begun."""
    row = rules.BY_ID[rule]
    return Episode(row, begin, begin + 10, row.severity, 0.2, begin + 5)


def test_episodes_are_bounded_and_counted() -> None:
    """What is left out is said."""
    stay = Stay()
    for number in range(EPISODES + 7):
        one = episode(begin=100.0 * number)
        stay.take(Change("begin", one), None, 0.0)
        one.end = one.last
        stay.take(Change("end", one), None, 0.0)

    assert (len(stay.all), stay.left_out) == (EPISODES, 7)


def test_an_episode_is_told_once_and_while_it_lasts() -> None:
    """What is open ends with its newest bad interval; an end without a beginning, or another end, is none."""
    stay, one = Stay(), episode()
    stay.take(Change("end", one), None, 0.0)
    assert stay.all == []

    stay.take(Change("begin", one), None, 1000.0)
    (found,) = stay.all
    assert (found.begin, found.end, found.worst_time) == (1100.0, 1110.0, 1105.0)

    one.last, one.end = 130.0, 130.0
    stay.take(Change("end", one), None, 1000.0)
    stay.take(Change("end", one), None, 1000.0)
    (found,) = stay.all
    assert (found.begin, found.end) == (1100.0, 1130.0)


def test_times_are_of_our_clock() -> None:
    """A client whose clock is an hour late: what events and sessions decide is of its event clock."""
    recorder, participant = Recorder(), Participant(ParticipantKey("s", "p"), START)
    participant.clock.shift = 3600.0
    one = episode("one_way_audio.inbound.audio", START)
    recorder.changed(participant, None, [Change("begin", one)])
    recorder.passed(participant, START, START + 5, "good")

    assert [found.begin for found in recorder.stay(participant).all] == [START + 3600]
    assert [stretch.begin for stretch in recorder.stay(participant).stretches] == [START + 3600]


def test_who_is_forgotten_leaves_nothing() -> None:
    """What is taken away is not there any more."""
    recorder, participant = Recorder(), Participant(ParticipantKey("s", "p"), START)
    stay = recorder.stay(participant)

    assert recorder.stay(participant) is stay
    assert recorder.forget(participant) is stay
    assert recorder.forget(participant) is None


@lru_cache(maxsize=4)
def recorded(case: str) -> dict[str, Stay]:
    """Stays of a recorded call by participant."""
    recorder = Recorder()
    files = sorted(str(path) for path in DATA.glob(f"{case}.*.frames.jsonl.gz"))
    outcome = importer.read(files, "", Console(stderr=True), recorder)
    return {participant.key.participant: recorder.stay(participant) for participant, _ in outcome.gone}


def test_signals_of_a_recorded_call() -> None:
    """Round trip and loss rise with what was done to the call and fall when it ends."""
    stay = recorded("degraded-cr")["p1"]
    begin = stay.stretches[0].begin

    def between(name: str, first: float, last: float) -> list[float]:
        return [value for time, value in stay.series[name].points if first <= time - begin <= last]

    assert set(stay.series) == {channel.name for channel in CHANNELS}
    assert all(series.times for series in stay.series.values())
    assert max(between("round_trip_time", 0, 5)) < 0.1 < 0.4 < min(between("round_trip_time", 15, 45))
    assert max(between("round_trip_time", 62, 80)) < 0.1
    assert max(between("loss_in", 0, 11)) < 0.01 < 0.05 < min(between("loss_in", 14, 45))
    assert min(between("score", 15, 45)) < 3.0 < 4.0 < max(between("score", 65, 80))
    assert all(0 < value < 100 for value in between("frame_rate_in", 0, 80))


def test_peer_connections_are_joined() -> None:
    """Three others send to a participant of a mesh: what comes is the sum, and more than each alone."""
    mesh, pair = recorded("mesh-cr")["p1"], recorded("healthy-cr")["p1"]
    rates = [value for _, value in mesh.series["bitrate_in"].points][3:-3]
    alone = [value for _, value in pair.series["bitrate_in"].points][3:-3]

    assert len(rates) > 10
    # Mesh participants send a smaller picture each.
    assert sum(rates) / len(rates) > sum(alone) / len(alone)
