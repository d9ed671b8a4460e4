"""Ids, sampling, budgets: what leaves of a participant's trace, and in which order."""

import pytest

from rtc_exporter import spans
from rtc_exporter.model import ParticipantKey
from rtc_exporter.span import Link, Span, SpanEvent, size, span_id, trace_id
from rtc_exporter.tracing import (
    MOST_LINKS,
    REMEMBERED,
    Draft,
    Ended,
    Fate,
    ParticipantTrace,
    SessionTrace,
    TraceSettings,
    sampled,
)

#: 20 November 2026, 10:15 UTC.
NOW = 1_795_169_700.0
COMMON = {"session.id": "s", "rtc.participant.id": "p"}


def trace(
    settings: TraceSettings | None = None, participant: str = "p", session: SessionTrace | None = None
) -> ParticipantTrace:
    """A participant that has just joined; nothing is kept by ratio unless the settings say so."""
    settings = settings or TraceSettings(ratio=0.0)
    session = session or SessionTrace(settings, "s", NOW)
    return ParticipantTrace(settings, session, ParticipantKey("s", participant), NOW)


def finish(who: ParticipantTrace, draft: Draft, shift: float = 0.0, now: float = NOW + 100) -> list[tuple[str, Fate]]:
    """Names and fates of what a finished span moves."""
    return [(span.name, fate) for span, fate in who.finish(draft, shift, now, COMMON)]


def announced(settings: TraceSettings | None = None) -> ParticipantTrace:
    """A participant whose own span has left."""
    who = trace(settings)
    who.finish(who.draft(spans.PARTICIPANT, NOW, NOW + 1), 0.0, NOW + 1, COMMON)
    return who


def test_ids_are_what_their_parts_make_them() -> None:
    """Ids are part of the contract: another exporter, and the one of next year, must compute the same."""
    assert trace_id("", "room", "20777").hex() == "985ed28462d112f17e35b42d4e9fbd3a"
    assert span_id("", "room", "20777", "rtc.session").hex() == "c35cc2976db541b9"


def test_parts_of_an_id_do_not_run_into_one_another() -> None:
    """Nobody can choose a participant id that makes another's span id."""
    assert (
        len({span_id("a", "bc"), span_id("ab", "c"), span_id("abc"), span_id("a", "b", "c"), span_id("1:a", "bc")}) == 5
    )


def test_ids_are_uniform_where_sampling_looks() -> None:
    """A tenth of the sessions is kept by a ratio of a tenth: 10,000 ids, at most 4 standard deviations (30) away."""
    kept = sum(sampled(trace_id("", str(number)), 0.1)[0] for number in range(10_000))

    assert 880 <= kept <= 1120


@pytest.mark.parametrize(
    ("last", "ratio", "expected"),
    [
        ("00000000000000", 1.0, (True, "ot=th:0")),
        ("80000000000000", 0.5, (True, "ot=th:8")),
        ("7fffffffffffff", 0.5, (False, "")),
        ("c0000000000000", 0.25, (True, "ot=th:c")),
        ("ffffffffffffff", 0.0, (False, "")),
        ("e6666666666665", 0.1, (False, "")),
        ("e6666666666668", 0.1, (True, "ot=th:e6666666666668")),
    ],
)
def test_a_ratio_keeps_what_lies_above_its_threshold(last: str, ratio: float, expected: tuple[bool, str]) -> None:
    """OpenTelemetry probability sampling: random value against rejection threshold, both of 56 bits."""
    assert sampled(bytes.fromhex("aa" * 9 + last), ratio) == expected


def test_nothing_leaves_before_the_participant() -> None:
    """Children wait for their parent, which then goes first."""
    who = trace(TraceSettings(ratio=1.0))
    capture = who.draft(spans.CAPTURES["getUserMedia"], NOW, NOW + 1, "1")

    assert finish(who, capture) == []
    assert finish(who, who.draft(spans.PARTICIPANT, NOW, NOW + 2)) == [
        (spans.PARTICIPANT, Fate.QUEUED), (spans.CAPTURES["getUserMedia"], Fate.QUEUED),
    ]  # fmt: skip
    assert finish(who, who.draft(spans.SEGMENT, NOW, NOW + 9, "2")) == [(spans.SEGMENT, Fate.QUEUED)]


def test_what_turns_bad_is_kept_with_its_past() -> None:
    """Until then it waits; from then on everything leaves at once, and says why."""
    who = announced()
    assert finish(who, who.draft(spans.SEGMENT, NOW, NOW + 9, "1")) == []

    kept = who.keep("rtc.episode.freeze")

    assert [(span.name, fate) for span, fate in kept] == [
        (spans.PARTICIPANT, Fate.QUEUED),
        (spans.SEGMENT, Fate.QUEUED),
    ]
    assert {span.attributes["rtc.sampling.reason"] for span, _ in kept} == {"rtc.episode.freeze"}
    assert {span.trace_state for span, _ in kept} == {""}
    assert who.session.is_kept
    assert who.keep("again") == []


def test_what_stays_good_is_dropped_and_counted() -> None:
    """At the leave, what waited is given up."""
    who = announced()
    finish(who, who.draft(spans.SEGMENT, NOW, NOW + 9, "1"))

    assert [(span.name, fate) for span, fate in who.forget()] == [
        (spans.PARTICIPANT, Fate.SAMPLED_OUT), (spans.SEGMENT, Fate.SAMPLED_OUT),
    ]  # fmt: skip
    assert who.buffered == 0


def test_the_buffer_is_bounded_and_keeps_parents() -> None:
    """Of 100 segments 63 wait beside the participant: the oldest leaves are given up, the parent never is."""
    who = announced()
    given_up = [row for number in range(100) for row in finish(who, who.draft(spans.SEGMENT, NOW, NOW, str(number)))]

    assert given_up == [(spans.SEGMENT, Fate.SAMPLED_OUT)] * 37
    kept = [span.name for span, _ in who.keep("x")]
    assert kept == [spans.PARTICIPANT] + [spans.SEGMENT] * 63


def test_large_spans_fill_the_buffer_sooner() -> None:
    """32 KiB wait at most."""
    who = announced()
    for number in range(20):
        draft = who.draft(spans.SEGMENT, NOW, NOW, str(number))
        draft.attributes["rtc.worst_segment.id"] = "x" * 4000
        finish(who, draft)

    assert sum(size(span) for span, _ in who.keep("x")) <= 32 << 10


def test_a_budget_ends_the_spans_of_a_participant_but_not_its_summary() -> None:
    """What is over the budget is counted and told."""
    who = announced(TraceSettings(ratio=1.0, budget=2))
    fates = [finish(who, who.draft(spans.SEGMENT, NOW, NOW, str(number)))[0][1] for number in range(4)]

    assert fates == [Fate.QUEUED, Fate.QUEUED, Fate.OVER_BUDGET, Fate.OVER_BUDGET]
    assert who.over_budget == 2
    assert finish(who, who.draft(spans.SUMMARY, NOW, NOW)) == [(spans.SUMMARY, Fate.QUEUED)]


def test_setups_fill_budget_and_buffer_like_everything_else() -> None:
    """Who makes peer connections without end has no more spans than others, and none without its parent."""
    who = announced(TraceSettings(ratio=0.0, budget=80))
    fates: list[Fate] = []
    for number in range(100):
        setup = who.draft(spans.SETUP, NOW, NOW, str(number))
        phase = who.draft("rtc.setup.set_local", NOW, NOW, str(number), parent=setup.id)
        fates += [fate for draft in (setup, *([phase] if number % 10 == 0 else [])) for _, fate in finish(who, draft)]

    assert who.buffered == 64
    assert fates.count(Fate.OVER_BUDGET) == 110 - 80
    kept = [span for span, _ in who.keep("x")]
    assert {span.parent_id for span in kept} <= {b"", who.session.root, *(span.span_id for span in kept)}


def test_a_phase_that_comes_after_its_setup_was_given_up_does_not_leave() -> None:
    """The setup made room for others; the trace is kept after all, and the late phase would be an orphan."""
    who = announced()
    setups = [who.draft(spans.SETUP, NOW, NOW, str(number)) for number in range(100)]
    for setup in setups:
        finish(who, setup)
    who.keep("x")

    late = [who.draft("rtc.setup.first_frame", NOW, NOW, parent=setups[number].id) for number in (0, 99)]
    assert [finish(who, draft)[0][1] for draft in late] == [Fate.SAMPLED_OUT, Fate.QUEUED]


def test_times_are_shifted_and_never_in_the_future_or_backwards() -> None:
    """A client whose clock is an hour ahead, and one whose clock jumps back within a span."""
    who = announced(TraceSettings(ratio=1.0))
    draft = who.draft(spans.SEGMENT, NOW + 3600, NOW + 3610)
    draft.note("rtc.mute", NOW + 3605, {})
    ((ahead, _),) = who.finish(draft, -3600.0, NOW + 20, COMMON)
    ((back, _),) = who.finish(who.draft(spans.SEGMENT, NOW + 10, NOW + 4, "2"), 0.0, NOW + 20, COMMON)
    ((future, _),) = who.finish(who.draft(spans.SEGMENT, NOW + 50, NOW + 60, "3"), 0.0, NOW + 20, COMMON)

    assert (ahead.start, ahead.end, ahead.events) == (NOW, NOW + 10, (SpanEvent("rtc.mute", NOW + 5, {}),))
    assert (back.start, back.end) == (NOW + 10, NOW + 10)
    assert (future.start, future.end) == (NOW + 20, NOW + 20)


def test_events_of_a_span_are_bounded() -> None:
    """128, as receivers allow; the rest is a number."""
    who = announced(TraceSettings(ratio=1.0))
    draft = who.draft(spans.SEGMENT, NOW, NOW + 9)
    for _ in range(130):
        draft.note("rtc.mute", NOW, {})
    ((span, _),) = who.finish(draft, 0.0, NOW + 9, COMMON)

    assert (len(span.events), span.dropped_events) == (128, 2)


def test_two_exporters_agree_on_a_session() -> None:
    """Each holds another participant; the trace, the root and the day are the same."""
    settings = TraceSettings(ratio=1.0)
    one, other = SessionTrace(settings, "s", NOW), SessionTrace(settings, "s", NOW + 30)
    alice, bob = trace(settings, "alice", one), trace(settings, "bob", other)

    assert (alice.trace_id, alice.parent) == (bob.trace_id, bob.parent) == (one.trace_id, one.root)
    assert alice.span_id != bob.span_id


def test_a_room_has_another_trace_tomorrow_unless_it_is_told_otherwise() -> None:
    """Room names are used again; ids of calls are not."""
    today, tomorrow = (SessionTrace(TraceSettings(), "s", NOW + day * 86400).trace_id for day in (0, 1))
    one, other = (SessionTrace(TraceSettings(epoch="none"), "s", NOW + day * 86400).trace_id for day in (0, 1))

    assert today != tomorrow
    assert one == other
    assert SessionTrace(TraceSettings(tenant="a"), "s", NOW).trace_id != today


def test_a_crowd_does_not_share_one_trace() -> None:
    """From the 151st on a participant has a trace of its own, with a link to the session."""
    settings = TraceSettings(ratio=1.0)
    session = SessionTrace(settings, "s", NOW)
    crowd = [trace(settings, f"p{number}", session) for number in range(151)]

    assert {who.trace_id for who in crowd[:150]} == {session.trace_id}
    assert (crowd[150].own, crowd[150].parent) == (True, b"")
    assert [link.trace_id for link in crowd[150].links] == [session.trace_id]
    assert crowd[150].trace_id != session.trace_id


def test_who_joins_again_has_spans_of_its_own() -> None:
    """A reload is another participant span in the same trace."""
    session = SessionTrace(TraceSettings(), "s", NOW)
    first, second = trace(session=session), trace(session=session)

    assert (first.join, second.join) == (0, 1)
    assert first.span_id != second.span_id


def test_who_joins_again_and_again_has_one_budget() -> None:
    """A page that is loaded again each second has what is left; at last it has no spans, and no exemplars either."""
    settings = TraceSettings(budget=3)
    session = SessionTrace(settings, "s", NOW)
    left: list[list[tuple[str, Fate]]] = []
    exemplars = []
    for _ in range(4):
        who = trace(settings, session=session)
        exemplars.append(who.exemplar is not None)
        drafts = [who.draft(spans.PARTICIPANT, NOW, NOW), *(who.draft(spans.SEGMENT, NOW, NOW, str(n)) for n in "ab")]
        left.append([row for draft in drafts for row in finish(who, draft)])
        who.forget()

    assert [[fate for _, fate in rows] for rows in left] == [
        [Fate.QUEUED] * 3, [Fate.QUEUED] * 2 + [Fate.OVER_BUDGET], [Fate.QUEUED] + [Fate.OVER_BUDGET] * 2,
        [Fate.OVER_BUDGET] * 3,
    ]  # fmt: skip
    assert exemplars == [True, True, True, False]


def test_a_session_that_begins_again_knows_who_was_there() -> None:
    """The room is used again the same day: one trace, and no id of the first time."""
    ended, settings = Ended(), TraceSettings()
    first = ended.begin(settings, "s", NOW)
    before = trace(settings, session=first)
    before.forget()
    ended.end(first)
    again = ended.begin(settings, "s", NOW + 3600)

    assert (first.number, again.number) == (0, 1)
    assert again.trace_id == first.trace_id
    assert trace(settings, session=again).span_id != before.span_id
    assert ended.begin(settings, "other", NOW).number == 0


def test_few_of_the_sessions_that_ended_are_remembered() -> None:
    """As many as their participants are few."""
    ended, settings = Ended(), TraceSettings()
    for number in range(REMEMBERED):
        ended.end(ended.begin(settings, str(number), NOW))
    ended.end(ended.begin(settings, "one more", NOW))

    assert [ended.begin(settings, name, NOW).number for name in ("0", "1", "one more")] == [0, 1, 1]


def test_links_are_bounded() -> None:
    """A client may name many traces of its own, each time that it tells about itself."""
    who = trace()
    for number in range(1, 1000):
        who.link(Link(number.to_bytes(16, "big"), b"s" * 8, {}))

    assert len(who.links) == MOST_LINKS


def test_a_day_long_stay_rolls_over_with_links_both_ways() -> None:
    """The new trace starts with a participant span that points back."""
    who = announced(TraceSettings(ratio=1.0))
    before = who.trace_id, who.span_id
    link = who.roll_over(NOW + 8 * 3600)
    draft = who.draft(spans.PARTICIPANT, NOW + 8 * 3600, NOW + 8 * 3600)

    assert (link.trace_id, link.span_id) == (who.trace_id, who.span_id) != before
    assert [(link.trace_id, link.span_id) for link in draft.links] == [before]
    assert (draft.trace, draft.parent) == (who.trace_id, b"")


def test_pinned_sessions_and_participants_are_kept() -> None:
    """Whoever support looks at has a trace, whatever the ratio."""
    settings = TraceSettings(ratio=0.0, pinned=frozenset(("p",)))

    assert trace(settings).kept == "pinned"
    assert trace(settings, "other").kept == ""


@pytest.mark.parametrize(
    ("participant", "names"),
    [("p", ["trace_id", "span_id", "rtc.participant.id"]), ("p" * 47, ["trace_id", "span_id", "rtc.participant.id"]),
     ("p" * 48, ["trace_id", "span_id"])],
)  # fmt: skip
def test_exemplars_fit_into_128_characters(participant: str, names: list[str]) -> None:
    """The ids always do; the participant's does where it is short."""
    labels = trace(TraceSettings(), participant).exemplar

    assert labels is not None
    assert [name for name, _ in labels] == names
    assert sum(len(name) + len(value) for name, value in labels) <= 128


def test_the_size_of_a_span_is_about_what_it_takes() -> None:
    """Every string counts."""
    bare = Span("n", b"t" * 16, b"s" * 8, b"", 0.0, 1.0, {})

    assert size(bare._replace(attributes={"a": "x" * 1000})) - size(bare) == 1011
