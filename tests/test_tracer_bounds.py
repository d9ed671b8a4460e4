"""Clients that do what nobody expects: nothing is open for long, nothing grows, nobody is an orphan."""

from collections import Counter

import pytest

from rtc_exporter import spans as table
from rtc_exporter.model import Event, Joined, Left
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.segments import Tally
from rtc_exporter.span import Span
from rtc_exporter.story import Story
from rtc_exporter.tracing import MOST_LINKS, ParticipantTrace, SessionTrace, TraceSettings
from tests.test_tracer import ANN, PC, START, Made, named, orphans, stream

HOUR = 3600.0


def lengths(spans: list[Span]) -> list[float]:
    """Seconds of each span, but of those that sum up."""
    return [span.end - span.start for span in spans if span.name not in (table.SUMMARY, table.SESSION_SUMMARY)]


def twice(spans: list[Span]) -> list[str]:
    """Names of spans whose id another one has."""
    ids = Counter((span.trace_id, span.span_id) for span in spans)
    return [span.name for span in spans if ids[span.trace_id, span.span_id] > 1]


# ── nothing is open for long


def test_who_says_nothing_for_an_hour_has_a_segment_each_five_minutes() -> None:
    """A page that waits in a lobby is seen while it waits, and its stay is as long as it was."""
    call = Made()
    call.pipeline.attach(ANN, call.now)
    call.event("createPage", pc="")
    call.wait(HOUR)
    running = list(call.left)
    spans = call.leave()

    assert len(named(running, table.SEGMENT)) == 12
    assert {span.attributes["rtc.quality"] for span in named(running, table.SEGMENT)} == {"unclassified"}
    assert max(lengths(spans)) == 300.0
    assert named(spans, table.SUMMARY)[0].end - named(spans, table.SUMMARY)[0].start == HOUR


def test_events_alone_put_no_segment_off() -> None:
    """A client that reports nothing, but tells of its devices each minute."""
    call = Made()
    for _ in range(60):
        call.event("devicechange", pc="")
        call.wait(60.0)
    spans = call.leave()

    assert max(lengths(spans)) <= 301.0
    assert sum(len(span.events) for span in named(spans, table.SEGMENT)) == 60


@pytest.mark.parametrize("drift", [0.9, 1.0, 1.1])
def test_a_clock_that_goes_wrong_puts_no_segment_off(drift: float) -> None:
    """Five minutes are five minutes of ours, whatever a client says each minute."""
    call = Made()
    for _ in range(60):
        call.event("devicechange", pc="")
        call.wait(60.0)
        call.offset += 60.0 * (drift - 1.0)
    running = named(call.left, table.SEGMENT)

    assert 11 <= len(running) <= 13
    assert max(span.end - span.start for span in running) <= 300.0 * max(drift, 1.0) + 1.0


def test_a_socket_that_comes_again_does_not_set_the_clock_back() -> None:
    """A client that is silent and connects anew tells no time: its stay goes on all the same."""
    call = Made()
    call.pipeline.attach(ANN, call.now)
    call.event("createPage", pc="")
    for _ in range(6):
        call.wait(590.0)
        call.pipeline.detach(ANN, call.now)
        call.pipeline.attach(ANN, call.now)
        call.feed(Joined(ANN, call.now, {}))
    segments = named(call.left, table.SEGMENT)

    assert [span.end - span.start for span in segments] == [300.0] * 11
    assert [span.start for span in segments[1:]] == [span.end for span in segments[:-1]]


def test_folds_end_segments_before_silence_does() -> None:
    """A report each five seconds, 2 % lost: whole segments of the class that was judged."""
    call = Made()
    call.connect()
    for number in range(1, 181):
        call.report(5.0, stream(number * 5, lost=number * 5))
    segments = named(call.leave(), table.SEGMENT)

    assert [span.end - span.start for span in segments] == [295.75, 300.0, 300.0, 5.0]
    assert [span.attributes["rtc.quality_time.fair"] for span in segments[1:3]] == [300.0, 300.0]


def test_an_offer_that_nobody_answers_is_given_up() -> None:
    """Two hours later the page offers again: that is another negotiation, and another beginning of the restart."""
    call = Made()
    call.pipeline.attach(ANN, call.now)
    call.connect()
    call.wait(10.0)
    call.event("createOffer", call="1")
    call.event("restartIce")
    call.wait(2 * HOUR)
    call.event("createOffer", call="2")
    for name, number in (("setLocalDescription", "3"), ("setRemoteDescription", "4")):
        call.event(name, call=number)
        call.event(f"{name}OnSuccess", call=number)
    call.event("iceconnectionstatechange", state="checking")
    call.wait(1.0)
    call.event("iceconnectionstatechange", state="connected")
    spans = call.leave()

    assert [span.attributes.get("rtc.outcome") for span in named(spans, table.NEGOTIATION)] == ["abandoned", None]
    assert [span.end - span.start for span in named(spans, table.NEGOTIATION)] == [0.0, 0.0]
    assert [span.end - span.start for span in named(spans, table.RESTART)] == [1.0]


def test_a_negotiation_ends_with_its_peer_connection() -> None:
    """The page closes it in the midst of an exchange."""
    call = Made()
    call.connect()
    call.wait(10.0)
    call.event("setRemoteDescription", call="1", type="offer")
    call.wait(0.5)
    call.event("setRemoteDescriptionOnSuccess", call="1")
    call.wait(0.5)
    call.event("close")
    (span,) = named(call.leave(), table.NEGOTIATION)

    assert (span.end - span.start, span.attributes["rtc.outcome"]) == (0.5, "abandoned")


def test_media_that_comes_after_an_hour_is_no_phase_of_setup() -> None:
    """The first in a room waits for others."""
    call = Made()
    call.pipeline.attach(ANN, call.now)
    call.connect()
    call.wait(HOUR)
    call.event("unmute", track="t")

    assert named(call.leave(), "rtc.setup.first_packet") == []


def test_a_peer_connection_that_waits_is_drawn_after_five_minutes() -> None:
    """It rings for an hour; the failure after that hangs on the setup that has left."""
    call = Made()
    call.pipeline.attach(ANN, call.now)
    call.event("create")
    call.event("createOffer", call="1")
    call.wait(HOUR)
    (setup,) = named(call.left, table.SETUP)
    for name, number in (("setLocalDescription", "3"), ("setRemoteDescription", "4")):
        call.event(name, call=number)
        call.event(f"{name}OnSuccess", call=number)
    call.event("iceconnectionstatechange", state="checking")
    call.wait(15.0)
    call.event("iceconnectionstatechange", state="failed")
    call.event("connectionstatechange", state="failed")
    spans = call.leave()
    (failed,) = named(spans, "rtc.setup.ice_connecting")

    assert (setup.end - setup.start, setup.error) == (0.0, None)
    assert (failed.parent_id, failed.end - failed.start, failed.error) == (setup.span_id, 15.0, "ice_failed")
    assert named(spans, table.SUMMARY)[0].attributes["rtc.outcome"] == "ice_failed"
    assert orphans(spans) == []


@pytest.mark.parametrize("jump", [-1e9, -86_400.0, -30.0, 30.0, 7200.0, 86_400.0, 1e9])
def test_a_clock_that_is_set_in_the_midst_of_a_call(jump: float) -> None:
    """Spans stay where the call was, and none lasts longer than it."""
    call = Made()
    call.connect()
    for number in range(1, 60):
        if number == 30:
            call.offset = jump
        call.report(5.0, stream(number * 5))
    call.wait(30.0)
    call.offset = 0.0
    for number in range(70, 130):
        call.report(5.0, stream(number * 5))
    call.event("close")
    spans = call.leave()

    assert all(START - 300.0 <= span.start <= span.end <= call.now for span in spans)
    assert orphans(spans) == twice(spans) == []


# ── nothing grows, and no id is taken twice


def test_camera_and_microphone_asked_for_at_once_are_two_calls() -> None:
    """In the same millisecond; each has its own id, its own wishes and its own end."""
    call = Made()
    call.event("getUserMedia", pc="", call="1", audio=True, video=False)
    call.event("getUserMedia", pc="", call="2", audio=False, video=True)
    call.wait(0.5)
    call.event("getUserMediaOnFailure", pc="", call="2", error="NotAllowedError")
    call.wait(0.5)
    call.event("getUserMediaOnSuccess", pc="", call="1", audio=True, video=False)
    spans = call.leave()

    told = [
        (span.attributes["rtc.capture.audio"], span.attributes["rtc.capture.video"], span.error, span.end - span.start)
        for span in named(spans, "rtc.get_user_media")
    ]
    assert told == [(False, True, "getUserMedia failed", 0.5), (True, False, None, 1.0)]
    assert twice(spans) == []


def test_a_name_that_is_used_for_one_peer_connection_after_the_other() -> None:
    """Clients may call each of theirs ``main``: every setup and every phase has its own id."""
    call = Made()
    for _ in range(3):
        call.connect()
        call.event("unmute", track="t")
        call.wait(10.0)
        call.event("close")
    spans = call.leave()

    assert len(named(spans, table.SETUP)) == len(named(spans, "rtc.setup.create_offer")) == 3
    assert len(named(spans, "rtc.setup.first_packet")) == 3
    assert orphans(spans) == twice(spans) == []


def test_calls_that_never_settle_are_bounded() -> None:
    """A page that asks and asks."""
    call = Made()
    for number in range(1000):
        call.event("getUserMedia", pc="", call=str(number), audio=True)
    story = call.pipeline.sessions.participants[ANN].story

    assert story is not None
    assert len(story.asked) == 64


def test_a_client_names_few_traces_of_its_own() -> None:
    """It may tell about itself as often as it likes."""
    call = Made()
    for number in range(1, 1000):
        call.feed(Joined(ANN, call.now, {"traceparent": f"00-{number:032x}-{number:016x}-01"}))

    assert len(named(call.leave(), table.PARTICIPANT)[0].links) == MOST_LINKS


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_peer_connections_without_end(ratio: float) -> None:
    """A thousand that are made, negotiated and closed."""
    call = Made(TraceSettings(ratio=ratio))
    call.feed(Joined(ANN, call.now, {}))
    for number in range(1000):
        call.event("create", pc=f"PC_{number}")
        call.event("createOffer", pc=f"PC_{number}", call="1")
        call.event("close", pc=f"PC_{number}")
    story = call.pipeline.sessions.participants[ANN].story
    assert story is not None
    assert story.trace.buffered <= 64
    spans = call.leave()

    assert len(spans) <= 505
    assert orphans(spans) == []


def test_a_storm_of_reloads_is_one_budget() -> None:
    """Ten loads a second, for a while, beside somebody who stays."""
    pipeline = Pipeline(PipelineSettings(traces=TraceSettings(budget=50)), START)
    pipeline.feed(Joined(ANN._replace(participant="bob"), START, {}), START)
    for number in range(1000):
        now = START + number / 10
        pipeline.feed(Joined(ANN, now, {}), now)
        pipeline.feed(Event(PC, now, "create", {}), now)
        pipeline.feed(Left(ANN, now + 0.05, "page_hide"), now + 0.05)
    spans = pipeline.take_spans()

    assert len(spans) <= 1 + 50 * 3
    assert orphans(spans) == twice(spans) == []


def test_a_room_that_is_used_again_takes_no_id_twice() -> None:
    """Everybody leaves, and comes back the same day: the same trace, one marker, two of all else."""
    call = Made()
    for _ in range(2):
        call.connect()
        call.wait(10.0)
        call.leave()
        call.wait(600.0)
    spans = call.left

    assert len({span.trace_id for span in spans}) == 1
    assert len(named(spans, table.SESSION)) == 1
    assert [span.attributes["rtc.participant.join"] for span in named(spans, table.PARTICIPANT)] == [0, 1]
    assert orphans(spans) == twice(spans) == []


@pytest.mark.parametrize(("quality", "is_bad"), [("bad", True), ("poor", False), ("unclassified", False)])
def test_a_segment_of_bad_quality_keeps_a_trace(quality: str, is_bad: bool) -> None:
    """Whatever made it bad: there need not be an episode."""
    settings = TraceSettings(ratio=0.0)
    story = Story(ParticipantTrace(settings, SessionTrace(settings, "room", START), ANN, START))
    tally = Tally(START)
    tally.pass_time(40.0, quality)
    tally.pass_time(20.0, "good")

    assert story.draw(tally, "interval").is_bad == is_bad


@pytest.mark.parametrize(
    ("mid", "told"),
    [("0", "0"), ("audio", "audio"), ("{b1e9a2d4-7c1f-4f1e-9a52-0d2f6c1e7a33}", None), ("alice@example.com", None),
     ("10.1.2.3", None), ("Alice's phone", None), ("x" * 37, None), ("", None)],
)  # fmt: skip
def test_a_mid_is_a_token_or_is_not_told(mid: str, told: str | None) -> None:
    """Clients may write there what they like: a name or an address goes no further."""
    call = Made()
    call.connect()
    for number in range(1, 10):
        report = stream(number * 5, 100 * number)
        call.report(5.0, {**report, "A": {**report["A"], "mid": mid}})
    (span,) = named(call.leave(), "rtc.episode.loss")

    assert span.attributes.get("rtc.mid") == told
