"""Calls with voice agents, from frames of real formats to exact metrics and spans."""

import gzip
import json
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rtc_exporter import spans as table
from rtc_exporter.export import prometheus
from rtc_exporter.pipeline import PipelineSettings
from rtc_exporter.series import Histogram
from rtc_exporter.span import Link, Span
from rtc_exporter.tracing import TraceSettings
from rtc_exporter.wire.plain import Decoder as PlainDecoder
from tests.captures import DATA
from tests.traced import carried
from tests.voiced import CONNECTED, FORMATS, KEY, START, TRACEPARENT, WAY, Played, Said, Script, Trouble, agent, user

EVERY_FORMAT = pytest.mark.parametrize("form", FORMATS)

#: A greeting, a turn, an interrupted one, a slow one with a gap, and one that nobody answers.
CALL: Script = (
    *CONNECTED,
    *agent(1.5, 4.0),
    *user(6.0, 8.0), *agent(8.9, 12.0),
    Said(8.5, "voice.agent_thinking", {"source": "framework"}),
    Said(9.2, "voice.metrics", {"turn": 1, "e2e": 0.6, "llm_ttft": 0.25, "tts_ttfb": 0.15}),
    *user(14.0, 15.0), *agent(15.8, 17.35, interrupted=True),
    *user(17.0, 18.5), *agent(20.7, 22.0), *agent(22.6, 25.0),
    *user(27.0, 28.0),
)  # fmt: skip
LOSS = (Trouble(22, {"I": {"packetsLost": 25, "packetsReceived": -25, "concealedSamples": 24_000}}),)


def value(played: Played, name: str, **labels: str) -> float | None:
    """A sample of the exposition as Prometheus reads it; the sum over the labels not named."""
    text = b"".join(prometheus.render(played.pipeline.store.families(), prometheus.TEXT)).decode()
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found) if found else None


def by(played: Played, name: str, label: str) -> dict[str, float]:
    """Values of a counter by one label, those that are 0 left out."""
    text = b"".join(prometheus.render(played.pipeline.store.families(), prometheus.TEXT)).decode()
    return {
        sample.labels[label]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.value
    }


def turns(spans: list[Span]) -> list[Span]:
    """The turns among the spans."""
    return [span for span in spans if span.name == table.VOICE_TURN]


@EVERY_FORMAT
def test_a_call_is_counted_exactly(form: str) -> None:
    """Each number is that of the script, whichever way it came."""
    played = Played()
    played.play(form, CALL, LOSS)

    assert by(played, "rtc_voice_turns_total", "rtc_voice_outcome") == {"answered": 3, "no_response": 1}
    assert value(played, "rtc_voice_turn_latency_seconds_count") == 3
    assert value(played, "rtc_voice_turn_latency_seconds_sum") == pytest.approx(0.9 + 0.8 + 2.2)
    assert value(played, "rtc_voice_turn_transport_latency_seconds_sum") == pytest.approx(3 * WAY)
    assert value(played, "rtc_voice_turn_pipeline_latency_seconds_sum") == pytest.approx(3.9 - 3 * WAY)
    assert value(played, "rtc_voice_turn_agent_latency_seconds_sum") == pytest.approx(0.6)
    assert value(played, "rtc_voice_turn_unexplained_latency_seconds_sum") == pytest.approx(0.9 - WAY - 0.6)
    assert by(played, "rtc_voice_turn_stage_duration_seconds_sum", "rtc_voice_stage") == pytest.approx(
        {"llm_ttft": 0.25, "tts_ttfb": 0.15}
    )
    assert by(played, "rtc_voice_interruptions_total", "rtc_voice_interruption") == {"stopped": 1}
    assert value(played, "rtc_voice_interruption_latency_seconds_sum") == pytest.approx(0.35)
    assert value(played, "rtc_voice_double_talk_time_seconds_total") == pytest.approx(0.35)
    assert value(played, "rtc_voice_dead_air_duration_seconds_count") == 2
    assert value(played, "rtc_voice_dead_air_duration_seconds_sum") == pytest.approx(2.2 + 10)
    assert value(played, "rtc_voice_agent_first_audio_seconds_sum") == pytest.approx(0.5)
    assert by(played, "rtc_voice_gaps_total", "rtc_voice_gap_cause") == {"network": 1}
    assert by(played, "rtc_voice_gap_time_seconds_total", "rtc_voice_gap_cause") == pytest.approx({"network": 0.6})
    labels = {"gen_ai_agent_name": "concierge", "rtc_voice_framework": "pipecat", "rtc_voice_timing_source": "audio"}
    assert value(played, "rtc_voice_turn_latency_seconds_count", **labels) == 3
    assert value(played, "rtc_exporter_events_unknown_total") == 0


@EVERY_FORMAT
def test_each_turn_is_a_span(form: str) -> None:
    """Under its participant, as long as the user waited, with what it is made of, linked to the agent's own trace."""
    played = Played()
    played.play(form, CALL, LOSS)
    played.leave()
    first, second, third, fourth = turns(played.spans)
    (participant,) = (span for span in played.spans if span.name == table.PARTICIPANT)

    assert {span.parent_id for span in (first, second, third, fourth)} == {participant.span_id}
    assert [(round(span.start - START, 3), round(span.end - START, 3)) for span in (first, second, third, fourth)] == [
        (8.0, 8.9), (15.0, 15.8), (18.5, 20.7), (28.0, 38.0),
    ]  # fmt: skip
    link = Link(bytes.fromhex(TRACEPARENT[3:35]), bytes.fromhex(TRACEPARENT[36:52]), {})
    assert [span.links for span in (first, second, third, fourth)] == [(link,)] * 4
    assert dict(first.attributes) == {
        "session.id": KEY.session, "rtc.participant.id": KEY.participant,
        **({"rtc.app.name": "shop"} if form == "json" else {}),
        "rtc.sampling.reason": "ratio", "gen_ai.agent.name": "concierge", "gen_ai.conversation.id": "conv-1",
        "rtc.voice.framework": "pipecat", "rtc.voice.timing.source": "audio", "rtc.voice.resolution": "fine",
        "rtc.voice.outcome": "answered", "rtc.voice.turn.number": 1, "rtc.voice.interrupted": False,
        "rtc.voice.speech.duration": 2.0, "rtc.voice.latency.total": 0.9, "rtc.voice.latency.transport": 0.195,
        "rtc.voice.latency.pipeline": 0.705, "rtc.voice.latency.unexplained": 0.105, "rtc.voice.latency.agent": 0.6,
        "rtc.voice.latency.llm_ttft": 0.25, "rtc.voice.latency.tts_ttfb": 0.15,
        "rtc.voice.transport.send_delay": 0.005, "rtc.voice.transport.round_trip_time": 0.08,
        "rtc.voice.transport.jitter_buffer": 0.06, "rtc.voice.transport.playout": 0.03,
        "rtc.transport.scope": "client_sfu",
    }  # fmt: skip
    assert [event.name for event in first.events] == ["rtc.voice.thinking"]
    assert [span.attributes["rtc.voice.interrupted"] for span in (first, second, third)] == [False, True, False]
    assert [(span.attributes.get("rtc.severity"), span.error) for span in (first, second, third, fourth)] == [
        (None, None), (None, None), ("critical", "Slow answer"), ("critical", "No answer"),
    ]  # fmt: skip
    for span in (first, second, third, fourth):
        assert set(span.attributes) <= set(carried(table.BY_NAME[table.VOICE_TURN]))
    shown = {event.name: dict(event.attributes) for span in played.spans for event in span.events}
    assert shown["rtc.voice.gap"] == {"rtc.voice.gap.cause": "network", "rtc.voice.gap.duration": 0.6}
    assert shown["rtc.voice.interruption"] == {"rtc.voice.interruption": "stopped"}


# ── sampling and exemplars


def test_a_slow_turn_keeps_its_trace_and_a_good_one_does_not() -> None:
    """At ratio 0: the call with the slow turn is kept with its past, since it is the evidence."""
    good, slow = (Played(PipelineSettings(traces=TraceSettings(ratio=0.0))) for _ in range(2))
    good.play("rtcstats", (*CONNECTED, *user(6.0, 8.0), *agent(9.9, 12.0)), seconds=20)
    good.leave()
    slow.play("rtcstats", (*CONNECTED, *user(6.0, 8.0), *agent(10.0, 12.0)), seconds=20)
    slow.leave()

    assert turns(good.spans) == []
    (turn,) = turns(slow.spans)
    assert turn.attributes["rtc.sampling.reason"] == table.VOICE_TURN
    assert {span.name for span in slow.spans} >= {table.SESSION, table.PARTICIPANT, table.SUMMARY}


def test_the_buckets_of_latency_point_to_the_turn() -> None:
    """The exemplar has the trace and the span of the turn itself, and its value."""
    played = Played()
    played.play("rtcstats", (*CONNECTED, *user(6.0, 8.0), *agent(8.9, 12.0)), seconds=30)
    played.leave()
    (turn,) = turns(played.spans)
    for name in ("latency", "transport.latency", "pipeline.latency"):
        family = played.pipeline.store.family(f"rtc.voice.turn.{name}")
        assert family is not None
        (slot,) = family.slots()
        assert isinstance(slot, Histogram)
        assert slot.exemplars is not None
        (exemplar,) = (exemplar for exemplar in slot.exemplars if exemplar is not None)
        assert dict(exemplar.labels)["trace_id"] == turn.trace_id.hex()
        assert dict(exemplar.labels)["span_id"] == turn.span_id.hex()
        assert exemplar.value == pytest.approx({"l": 0.9, "t": WAY, "p": 0.9 - WAY}[name[0]])


def test_without_a_trace_there_is_no_exemplar_and_all_is_counted() -> None:
    """Who takes no spans has the same metrics."""
    played = Played(PipelineSettings())
    played.play("rtcstats", CALL, LOSS)

    assert by(played, "rtc_voice_turns_total", "rtc_voice_outcome") == {"answered": 3, "no_response": 1}
    assert value(played, "rtc_voice_turn_transport_latency_seconds_sum") == pytest.approx(3 * WAY)


# ── what is not known is not told


def test_before_a_fold_nothing_is_said_of_the_way() -> None:
    """A turn in the first seconds has its latency, and no split."""
    played = Played()
    played.play("rtcstats", (*CONNECTED, *user(1.5, 2.5), *agent(3.5, 4.0)), seconds=4)

    assert value(played, "rtc_voice_turn_latency_seconds_count") == 1
    assert value(played, "rtc_voice_turn_transport_latency_seconds_count") is None
    assert value(played, "rtc_voice_turn_pipeline_latency_seconds_count") is None


def test_coarse_times_feed_no_distribution() -> None:
    """Times of getStats polls: turns are counted under their source, and their span says that it is coarse."""
    rows = [
        said._replace(facts={**said.facts, "source": "stats"}) if "source" in said.facts else said
        for said in (*CONNECTED, *user(6.0, 8.0), *agent(10.9, 12.0))
    ]
    played = Played()
    played.play("rtcstats", rows, seconds=30)
    played.leave()
    (turn,) = turns(played.spans)

    assert value(played, "rtc_voice_turns_total", rtc_voice_timing_source="stats") == 1
    assert value(played, "rtc_voice_turn_latency_seconds_count") is None
    assert value(played, "rtc_voice_dead_air_duration_seconds_count") is None
    assert (turn.attributes["rtc.voice.resolution"], turn.error) == ("coarse", None)


def test_sources_are_never_mixed_in_a_series() -> None:
    """The user's end by the page's detector, the agent's begin by its framework: the worse of the two names it."""
    rows = (
        *CONNECTED,
        *user(6.0, 8.0),
        Said(9.0, "bot-started-speaking", {}),
        Said(11.0, "bot-stopped-speaking", {}),
        *user(13.0, 14.0),
        *agent(14.5, 16.0),
    )
    played = Played()
    played.play("rtcstats", rows, seconds=20)
    text = {
        source: value(played, "rtc_voice_turn_latency_seconds_sum", rtc_voice_timing_source=source)
        for source in ("audio", "framework")
    }

    assert text == pytest.approx({"audio": 0.5, "framework": 1.0})


def test_a_client_of_which_nothing_is_heard_is_not_called_unanswered() -> None:
    """The turn of a page that fell asleep is unmeasured when it wakes, and abandoned when it does not."""
    asleep, gone = Played(), Played()
    asleep.play("rtcstats", (*CONNECTED, *user(6.0, 8.0), Said(60.0, "visibilitychange", {"flag": True})), seconds=7)
    gone.play("rtcstats", (*CONNECTED, *user(6.0, 8.0)), seconds=7)
    asleep.wait(START + 62)
    gone.wait(START + 120)
    for played in (asleep, gone):
        played.leave()

    assert by(asleep, "rtc_voice_turns_total", "rtc_voice_outcome") == {"unmeasured": 1}
    assert by(gone, "rtc_voice_turns_total", "rtc_voice_outcome") == {"abandoned": 1}
    assert value(gone, "rtc_voice_dead_air_duration_seconds_count") is None


# ── a real page


def test_a_real_page_measures_what_its_agent_did() -> None:
    """
    The detector of docs/voice-agents.md in Chromium, with tones for voices and a peer connection on loopback.

    The truth is when the tones were switched.  What the page says is within a tenth of a second of it: the way takes
    80 ms by its own reports, and the detector of the user's end says a third too late what it then takes off.
    """
    with gzip.open(DATA / "voiceagent-cr.documents.jsonl.gz", "rt", encoding="utf-8") as lines:
        head, *documents = map(json.loads, lines)
    truth, decoder = head["truth"], PlainDecoder(KEY)
    played = Played()
    played.now = documents[0]["time"] / 1000
    for document in documents:
        played.wait(document["time"] / 1000)
        for record in decoder.receive(json.dumps(document), played.now):
            played.pipeline.feed(record, played.now)
    played.wait(played.now + 20)
    played.leave()
    first, second = turns(played.spans)

    for turn, user_end, agent_begin in ((first, "user1", "bot1"), (second, "user2", "bot2")):
        assert turn.start == pytest.approx(truth[user_end][1], abs=0.1)
        assert turn.end == pytest.approx(truth[agent_begin][0], abs=0.15)
        waited = truth[agent_begin][0] - truth[user_end][1]
        assert turn.attributes["rtc.voice.latency.total"] == pytest.approx(waited, abs=0.1)
    assert second.attributes["rtc.voice.latency.transport"] == pytest.approx(0.08, abs=0.03)
    assert second.attributes["rtc.severity"] == "critical"
    # Silence was sent: nothing is missing, and nobody says that the agent spoke.
    assert by(played, "rtc_voice_gaps_total", "rtc_voice_gap_cause") == {"unknown": 1}
    assert value(played, "rtc_voice_gap_time_seconds_total") == pytest.approx(0.6, abs=0.05)


# ── gaps by cause

GAPS: dict[str, tuple[Mapping[str, Mapping[str, float]], str]] = {
    "packets are lost": ({"I": {"packetsLost": 20, "packetsReceived": -20, "concealedSamples": 19_200}}, "network"),
    "packets come in a burst": (
        {"I": {"concealedSamples": 24_000, "removedSamplesForAcceleration": 20_000}},
        "network",
    ),
    "packets are not sent": ({"I": {"packetsReceived": -25, "concealedSamples": 24_000}}, "pipeline"),
    "the speaker runs dry": ({"P": {"synthesizedSamplesDuration": 0.5}}, "device"),
    "two packets are lost, which is no half second": ({"I": {"packetsLost": 2, "concealedSamples": 960}}, "unknown"),
    "nothing": ({}, "unknown"),
}


@pytest.mark.parametrize("case", GAPS)
def test_the_cause_of_a_gap_is_in_the_fold_around_it(case: str) -> None:
    """Half a second of silence in the agent's speech."""
    changes, cause = GAPS[case]
    played = Played()
    script = (*CONNECTED, *user(6.0, 8.0), *agent(8.9, 12.0), *agent(12.5, 15.0))
    played.play("rtcstats", script, (Trouble(11, changes),), seconds=25)

    assert by(played, "rtc_voice_gap_time_seconds_total", "rtc_voice_gap_cause") == pytest.approx({cause: 0.5})


def test_silence_of_an_agent_that_says_that_it_speaks_is_its_own() -> None:
    """Packets came and were silent, and the framework goes on saying that the agent speaks."""
    played = Played()
    says = (Said(8.8, "lk.agent.state", {"state": "speaking"}), Said(15.1, "lk.agent.state", {"state": "listening"}))
    script = (*CONNECTED, *user(6.0, 8.0), *says, *agent(8.9, 12.0), *agent(12.5, 15.0))
    played.play("rtcstats", script, seconds=25)

    assert by(played, "rtc_voice_gaps_total", "rtc_voice_gap_cause") == {"pipeline": 1}
    assert by(played, "rtc_voice_turns_total", "rtc_voice_outcome") == {"answered": 1}


# ── labels and bounds


def test_counters_are_there_before_they_count() -> None:
    """From the first word of an agent on, at 0, so that its first failure is an increase."""
    played = Played()
    played.play("rtcstats", CONNECTED, seconds=2)

    for name in ("turns", "interruptions", "gaps"):
        assert value(played, f"rtc_voice_{name}_total", gen_ai_agent_name="concierge") == 0
    assert value(played, "rtc_voice_turns_total", rtc_voice_outcome="no_response") == 0


def test_agents_names_are_capped() -> None:
    """The twenty-first is other."""
    played = Played()
    rows = [Said(2.0 + n / 100, "voice.agent", {"agent": f"agent-{n}"}) for n in range(30)]
    played.play("rtcstats", (*CONNECTED, *rows), seconds=4)
    family = played.pipeline.store.family("rtc.voice.turns")
    assert family is not None
    names = {slot.values[1] for slot in family.slots()}

    assert len(names) == 21
    assert "other" in names


def test_who_has_no_agent_has_no_series_and_no_memory() -> None:
    """A call between people, or one with the name of an event of ours and nothing in it."""
    played = Played()
    played.play("rtcstats", CONNECTED[:3], seconds=10)

    assert value(played, "rtc_voice_turns_total") is None
    assert played.pipeline.sessions.participants[KEY].talk is None


def test_a_muted_microphone_owes_nothing() -> None:
    """What the page's detector hears while the track is disabled does not reach the agent."""
    played = Played()
    script = (
        *CONNECTED,
        Said(2.0, "voice.user_muted", {}),
        *user(6.0, 8.0),
        Said(20.0, "voice.user_unmuted", {}),
        *user(22.0, 23.0),
        *agent(23.5, 24.0),
    )
    played.play("rtcstats", script, seconds=30)

    assert by(played, "rtc_voice_turns_total", "rtc_voice_outcome") == {"answered": 1}


def test_a_track_that_is_disabled_is_a_muted_microphone() -> None:
    """As rtcstats-js tells of it; a camera that is turned off is none."""
    for track, owed in (("mic", 0), ("camera", 1)):
        played = Played()
        script = (
            *CONNECTED,
            Said(1.1, "addTrack", {"kind": "audio", "track": "mic"}, "PC_0"),
            Said(1.1, "addTrack", {"kind": "video", "track": "camera"}, "PC_0"),
            Said(2.0, "enabled", {"flag": False, "track": track}),
            *user(6.0, 8.0),
        )
        played.play("json", script, seconds=30)

        assert (value(played, "rtc_voice_turns_total", rtc_voice_outcome="no_response") or 0) == owed
