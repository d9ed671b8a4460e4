"""Exemplars of participants whose trace is kept: which series point to them, and which do not."""

from collections.abc import Mapping
from typing import Any

import pytest

from rtc_exporter import catalog
from rtc_exporter.events import Events
from rtc_exporter.labels import Labels
from rtc_exporter.metric import Kind, Profile, Tier
from rtc_exporter.model import Event, Joined, ParticipantKey, PeerConnectionKey, Record
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.series import Counter, Exemplar, Histogram
from rtc_exporter.setup import Outage, Outcome, Restart, Stage
from rtc_exporter.wire.rtcstats import Decoder
from tests.captures import frames

LABELS = (("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), ("span_id", "00f067aa0ba902b7"))
KEY = ParticipantKey("session", "p1")
CONNECTION = PeerConnectionKey("session", "p1", "PC_0")
NOW = 1.7e9


def make(**settings: Any) -> Pipeline:
    """A pipeline that judges every report."""
    return Pipeline(PipelineSettings(fold_interval=0.0, profile=Profile.FULL, **settings), NOW)


def join(pipeline: Pipeline, exemplar: tuple[tuple[str, str], ...] | None, key: ParticipantKey = KEY) -> None:
    """A participant whose trace is kept, or not."""
    pipeline.feed(Joined(key, NOW, {"rtc.app.name": "app"}), NOW)
    pipeline.sessions.participants[key].exemplar = exemplar


def kept(pipeline: Pipeline) -> dict[str, list[Exemplar]]:
    """All exemplars, by metric."""
    found: dict[str, list[Exemplar]] = {}
    for family in pipeline.store.families():
        for slot in family.slots():
            several = slot.exemplars or [] if isinstance(slot, Histogram) else []
            several = [*several, slot.exemplar] if isinstance(slot, Counter) else several
            for exemplar in several:
                if exemplar is not None:
                    found.setdefault(family.metric.name, []).append(exemplar)
    return found


def play(pipeline: Pipeline, name: str, exemplar: tuple[tuple[str, str], ...] | None) -> None:
    """A recorded client, from its first frame to its last."""
    decoder, told = Decoder(KEY), frames(name)
    pipeline.feed(Joined(KEY, told[0].time, {}), told[0].time)
    pipeline.sessions.participants[KEY].exemplar = exemplar
    for frame in told:
        for record in decoder.receive(frame.text, frame.time):
            if not isinstance(record, Joined):
                pipeline.feed(record, frame.time)


@pytest.mark.parametrize("native", [False, True])
def test_every_histogram_of_a_call_points_to_its_trace(native: bool) -> None:
    """Each of stats that observed anything, in each bucket that has a value; with the value that was observed."""
    pipeline = make(native=native)
    play(pipeline, "degraded-cr.p1.frames", LABELS)
    observed = [
        (family.metric, slot)
        for family in pipeline.store.families(Tier.COHORT)
        for slot in family.slots()
        if isinstance(slot, Histogram) and slot.count and family.metric.sources
    ]

    assert len({metric.name for metric, _ in observed}) > 20
    for metric, slot in observed:
        assert slot.exemplars is not None, metric.name
        assert [exemplar is not None for exemplar in slot.exemplars] == [count > 0 for count in slot.counts]
        for place, exemplar in enumerate(slot.exemplars):
            if exemplar is not None:
                assert exemplar.labels == LABELS
                assert exemplar.value <= [*slot.bounds, float("inf")][place]
                assert place == 0 or exemplar.value > slot.bounds[place - 1]


def test_a_participant_without_a_trace_leaves_no_exemplar() -> None:
    """No dead links: nothing points to a trace that is not kept."""
    pipeline = make()
    play(pipeline, "degraded-cr.p1.frames", None)

    assert kept(pipeline) == {}


def test_only_cohorts_have_exemplars() -> None:
    """A participant's own series name it, and the exporter's are about no participant."""
    pipeline = make()
    play(pipeline, "degraded-cr.p1.frames", LABELS)

    tiers = {catalog.BY_NAME[name].tier for name in kept(pipeline)}
    kinds = {catalog.BY_NAME[name].kind for name in kept(pipeline)}
    assert tiers == {Tier.COHORT}
    assert kinds <= {Kind.HISTOGRAM, Kind.COUNTER}


def test_a_bucket_is_refreshed_every_ten_seconds_at_most() -> None:
    """A call with a report a second: what a bucket points to is up to ten seconds older than its newest value."""
    pipeline = make()
    play(pipeline, "healthy-cr.p1.frames", LABELS)
    end = frames("healthy-cr.p1.frames")[-1].time

    for exemplar in kept(pipeline)["rtc.inbound.jitter"]:
        assert exemplar.time <= end
    busiest = max(exemplar.time for exemplar in kept(pipeline)["rtc.inbound.jitter"])
    assert end - busiest < 20


def event(name: str, facts: Mapping[str, Any] | None = None, key: PeerConnectionKey = CONNECTION) -> Event:
    """Something that happened ten seconds after the join."""
    return Event(key, NOW + 10, name, facts or {})


# What happens -> the metrics that get an exemplar, and their value; None where nothing does.
EVENTS: dict[str, tuple[Record, str | None, float]] = {
    "a call of the API fails": (
        event("createOfferOnFailure", {"error": "InvalidStateError"}),
        "rtc.api.errors rtc.issue.onsets",
        1.0,
    ),
    "getUserMedia fails": (event("getUserMediaOnFailure", {"error": "NotAllowedError"}), "rtc.api.errors", 1.0),
    "a call of the API": (event("createOffer"), None, 0.0),
    "a candidate error": (
        event("icecandidateerror", {"error": "701", "scheme": "turn"}),
        "rtc.ice.candidate.errors",
        1.0,
    ),
    "a candidate": (event("icecandidate", {"type": "host", "protocol": "udp"}), None, 0.0),
    "a rating": (event("feedback", {"value": 2}), "rtc.feedback.rating", 2.0),
    "an issue": (event("feedback", {"issue": "echo"}), None, 0.0),
    "a change of devices": (event("devicechange"), None, 0.0),
}


@pytest.mark.parametrize("case", EVENTS)
def test_what_goes_wrong_points_to_a_trace(case: str) -> None:
    """Errors and ratings; nothing that just happens."""
    record, metrics, value = EVENTS[case]
    pipeline = make()
    join(pipeline, LABELS)
    pipeline.feed(record, NOW + 11)

    assert kept(pipeline) == {metric: [Exemplar(LABELS, value, NOW + 11)] for metric in (metrics or "").split()}


STEPS: dict[str, tuple[Any, str | None, float]] = {
    "connected": (Outcome("connected"), None, 0.0),
    **{
        f"an attempt ends {outcome}": (Outcome(outcome), "rtc.connection.attempts", 1.0)
        for outcome in catalog.OUTCOMES
        if outcome != "connected"
    },
    "a restart helps": (Restart("recovered"), None, 0.0),
    "a restart is overtaken": (Restart("superseded"), None, 0.0),
    "a restart fails": (Restart("failed"), "rtc.ice.restarts", 1.0),
    "a stage of setup": (Stage("ice_connected", 0.25, NOW), "rtc.setup.duration", 0.25),
    "an outage": (Outage(3.5), "rtc.ice.disconnected.duration", 3.5),
}


@pytest.mark.parametrize("case", STEPS)
def test_setup_points_to_a_trace_where_it_fails_or_takes_time(case: str) -> None:
    """Of outcomes the bad ones, of durations each."""
    step, metric, value = STEPS[case]
    pipeline = make()
    join(pipeline, LABELS)
    Events(pipeline.store, Labels()).step(pipeline.sessions.participants[KEY], step, NOW + 11)

    assert kept(pipeline) == ({metric: [Exemplar(LABELS, value, NOW + 11)]} if metric else {})


def test_counters_that_begin_at_0_have_no_exemplar() -> None:
    """Joining lets the counters of failures exist; nothing has failed yet."""
    pipeline = make()
    join(pipeline, LABELS)
    join(pipeline, LABELS, ParticipantKey("session", "p2"))

    assert kept(pipeline) == {}
