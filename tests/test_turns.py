"""Turns, interruptions and silences: a table of what is said, and what is found in it; and what no order can break."""

# ruff: noqa: E501  (a table)

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc_exporter import dialogue, w3c
from rtc_exporter.dialogue import (
    DeadAir,
    Decided,
    DoubleTalk,
    Finding,
    Finished,
    Greeting,
    Interruption,
    Pause,
    StageTime,
    Told,
)
from rtc_exporter.model import Member
from rtc_exporter.turns import Turns

#: Short words for the script.
WORDS = {
    "user": "voice.user_speech_started", "/user": "voice.user_speech_stopped", "agent": "voice.agent_speech_started",
    "/agent": "voice.agent_speech_stopped", "away": "voice.user_away", "mute": "voice.user_muted",
    "unmute": "voice.user_unmuted", "thinking": "voice.agent_thinking", "metrics": "voice.metrics",
    "hello": "voice.agent",
}  # fmt: skip
FACTS: dict[str, Mapping[str, Member]] = {
    "": {}, "audio": {"source": "audio"}, "interrupted": {"interrupted": True}, "ended": {"interrupted": False},
    "late": {"hangover": 0.5}, "ann": {"agent": "ann"}, "bob": {"agent": "bob"}, "e2e": {"e2e": 0.7},
}  # fmt: skip


def said(text: str) -> list[tuple[float, str, Mapping[str, Member]]]:
    """``1.5 /user late; 2 agent`` -> times, names and facts; ``heard`` is a client that says nothing else."""
    rows: list[tuple[float, str, Mapping[str, Member]]] = []
    for row in text.split(";"):
        time, word, *facts = row.split()
        told: dict[str, Member] = {}
        for fact in facts:
            told |= FACTS[fact]
        rows.append((float(time), word, told))
    return rows


def found(text: str, connected: float | None = None) -> list[Finding]:
    """All findings of a script; at its end the client goes if it says ``left``."""
    turns, findings = Turns(), list[Finding]()
    for time, word, facts in said(text):
        if word == "heard":
            findings += turns.heard(time)
        elif word == "left":
            findings += turns.leave()
        else:
            findings += turns.event(WORDS[word], facts, time, connected)
    return findings


def told(findings: Sequence[Finding]) -> list[str]:
    """Findings in words."""
    words = []
    for one in findings:
        match one:
            case Decided(turn):
                words.append(turn.outcome + ("" if turn.latency is None else f" {turn.latency:.3g}"))
            case Interruption(_, kind, seconds, _):
                words.append(kind + ("" if seconds is None else f" {seconds:.3g}"))
            case DoubleTalk(_, seconds):
                words.append(f"both {seconds:.3g}")
            case DeadAir(_, seconds):
                words.append(f"silence {seconds:.3g}")
            case Greeting(_, seconds):
                words.append(f"greeting {seconds:.3g}")
            case Pause(_, start, end, is_told):
                words.append(f"gap {end - start:.3g}" + (" told" if is_told else ""))
            case StageTime(_, stage, seconds):
                words.append(f"{stage} {seconds:.3g}")
            case Told() | Finished():
                pass
    return words


# fmt: off
CASES: dict[str, tuple[str, list[str]]] = {
    # turns
    "a turn": ("1 user; 3 /user; 3.8 agent", ["answered 0.8"]),
    "the detector waited before it said so": ("1 user; 3 /user late; 3.8 agent", ["answered 1.3"]),
    "both detectors waited": ("1 user; 3 /user late; 4 agent late", ["answered 1"]),
    "the answer is there before the detector says that the user had finished": ("1 user; 2.8 agent; 3 /user late", ["answered 0.3"]),
    "it is over before the detector says so": ("1 user; 2.6 agent; 2.8 /agent; 3 /user late", ["answered 0.1"]),
    "an answer that begins before the end is none of it": ("1 user; 2 agent; 3 /user; 5 /agent", ["both 1", "by_agent"]),
    "two turns": ("1 user; 2 /user; 3 agent; 4 /agent; 5 user; 6 /user; 6.5 agent", ["answered 1", "answered 0.5"]),
    "speech goes on within a second": ("1 user; 2 /user; 2.9 user; 4 /user; 4.5 agent", ["answered 0.5"]),
    "the user asks again": ("1 user; 2 /user; 3.5 user; 4 /user; 4.5 agent", ["reprompted", "answered 0.5"]),
    "the user asks again after a silence": ("1 user; 2 /user; 5 user; 6 /user; 6.5 agent", ["silence 3", "reprompted", "answered 0.5"]),
    "a cough while waiting asks nothing": ("1 user; 2 /user; 3.5 user; 3.7 /user; 4 agent", ["answered 2"]),
    "the answer comes while the user asks again": ("1 user; 2 /user; 4.5 user; 5 agent; 6 /user", ["silence 2.5", "answered 3", "both 1", "by_agent"]),
    "a cough owes nothing": ("1 user; 1.2 /user; 20 heard; 21 left", []),
    "a short word that is answered is a turn": ("1 user; 1.25 /user; 2 agent", ["answered 0.75"]),
    "silence of two seconds is none yet": ("1 user; 2 /user; 4 agent", ["answered 2"]),
    "dead air": ("1 user; 2 /user; 4.5 agent", ["silence 2.5", "answered 2.5"]),
    "no response": ("1 user; 2 /user; 8 heard; 11.9 heard; 12 heard", ["silence 10", "no_response"]),
    "a response after ten seconds is none": ("1 user; 2 /user; 8 heard; 12.5 agent", ["silence 10", "no_response"]),
    "no response, told by the next question": ("1 user; 2 /user; 8 heard; 13 user", ["silence 10", "no_response"]),
    "nothing was heard meanwhile": ("1 user; 2 /user; 20 heard", ["unmeasured"]),
    "who was asleep and is answered": ("1 user; 2 /user; 20 agent", ["unmeasured"]),
    "the page goes": ("1 user; 2 /user; 3 left", ["abandoned"]),
    "the page goes while the user speaks": ("1 user; 3 left", []),
    # missing and double events
    "a second begin": ("1 user; 2 user; 3 /user; 4 agent", ["answered 1"]),
    "a second end": ("1 user; 3 /user; 3.5 /user; 4 agent", ["answered 1"]),
    "an end without a begin": ("1 /user; 2 agent; 3 /agent; 4 /agent", ["greeting 2"]),
    "a second begin of the agent": ("1 user; 2 /user; 3 agent; 3 agent; 4 agent", ["answered 1"]),
    "an end that never comes": ("1 user; 310 user; 311 /user; 312 agent", ["answered 1"]),
    "an end that the framework misses": ("1 user; 20 away; 30 user; 31 /user; 32 agent", ["answered 1"]),
    "everything twice": ("1 user; 1 user; 3 /user; 3 /user; 4 agent; 4 agent; 5 /agent; 5 /agent", ["answered 1"]),
    # the clock
    "events that were written down in another order": ("1 user; 3 /user; 2.8 metrics; 4 agent", ["answered 1"]),
    "a clock that is set back": ("100 user; 101 /user; 50 agent; 51 /agent; 52 user; 53 /user; 54 agent", ["unmeasured", "answered 1"]),
    # the agent first
    "a greeting": ("1.5 agent", ["greeting 1.5"]),
    "the user was first": ("1 user; 2 /user; 3 agent", ["answered 1"]),
    "the agent speaks again": ("1 agent; 3 /agent; 9 agent", ["greeting 1"]),
    # interruptions
    "barge-in": ("1 agent; 3 user; 3.4 /agent; 5 /user; 6 agent", ["greeting 1", "stopped 0.4", "both 0.4", "answered 1"]),
    "a short barge-in is answered": ("1 agent; 3 user; 3.5 /user; 3.7 /agent; 5 agent", ["greeting 1", "both 0.5", "stopped 0.7", "answered 1.5"]),
    "the silence after a barge-in begins with the agent's end": ("1 agent; 3 user; 3.5 /user; 4.5 /agent; 6.2 agent", ["greeting 1", "both 0.5", "stopped 1.5", "answered 2.7"]),
    "a false one: the agent stops for a cough": ("1 agent; 3 user; 3.2 /user; 3.5 /agent", ["greeting 1", "both 0.2", "false"]),
    "a false one: the end of the cough comes later": ("1 agent; 3 user; 3.1 /agent; 3.2 /user", ["greeting 1", "both 0.1", "false"]),
    "a real one whose length comes later": ("1 agent; 3 user; 3.1 /agent; 4 /user", ["greeting 1", "both 0.1", "stopped 0.1"]),
    "a false one: nobody spoke": ("1 agent; 3 /agent interrupted; 4.5 heard", ["greeting 1", "false"]),
    "the user is told after the agent has stopped": ("1 agent; 3 /agent interrupted; 3.1 user late; 4 /user", ["greeting 1", "stopped 0.4"]),
    "the agent had finished": ("1 agent; 3 user; 3.4 /agent ended; 5 /user; 6 agent", ["greeting 1", "both 0.4", "answered 1"]),
    "the agent ends long after": ("1 agent; 3 user; 3.6 /user; 7 /agent", ["greeting 1", "both 0.6"]),
    "the agent says that it took that long": ("1 agent; 3 user; 7 /agent interrupted; 8 /user", ["greeting 1", "stopped 4", "both 4"]),
    "the agent talks on": ("1 agent; 3 user; 5 /user; 9 /agent", ["greeting 1", "both 2", "ignored"]),
    "the agent talks on for long": ("1 agent; 3 user; 5 /user; 13.5 heard", ["greeting 1", "both 2", "ignored"]),
    "the agent cuts in": ("1 user; 3 agent; 4 /user", ["both 1", "by_agent"]),
    # gaps
    "a gap": ("1 agent; 2 /agent; 2.6 agent", ["greeting 1", "gap 0.6"]),
    "a consonant": ("1 agent; 2 /agent; 2.1 agent", ["greeting 1"]),
    "an end": ("1 agent; 2 /agent; 5.5 agent", ["greeting 1"]),
    "an answer is no gap": ("1 agent; 2 /agent; 2.2 user; 3 /user; 3.5 agent", ["greeting 1", "answered 0.5"]),
    "what is said after a barge-in is no gap": ("1 agent; 2 /agent interrupted; 2.5 agent", ["greeting 1"]),
    "a gap of an agent that says that it speaks": ("1 agent audio; 1 agent; 2 /agent audio; 2.6 agent audio", ["greeting 1", "gap 0.6 told"]),
    # several sources, several agents, mute
    "a worse source is not believed": ("1 user audio; 1.5 /user; 2 user; 3 /user audio; 3.5 agent audio; 4 agent", ["answered 0.5"]),
    "a better source takes over": ("1 user; 1.1 user audio; 3 /user; 3.2 /user audio; 4 agent", ["answered 0.8"]),
    "two agents are one voice": ("1 user; 2 /user; 3 agent ann; 4 agent bob; 5 /agent ann; 6 /agent bob; 6.5 agent bob", ["answered 1", "gap 0.5"]),
    "an end without a name ends all": ("1 user; 2 /user; 3 agent ann; 4 agent bob; 5 /agent; 5.5 agent bob", ["answered 1", "gap 0.5"]),
    "a muted user says nothing": ("1 mute; 2 user; 3 /user; 4 unmute; 5 user; 6 /user; 7 agent", ["answered 1"]),
    "muting is the end of speech": ("1 user; 3 mute; 3.2 /user; 4 agent", ["answered 1"]),
    # what the agent tells
    "stages before the answer": ("1 user; 2 /user; 2.5 metrics e2e; 3 agent", ["answered 1"]),
}
# fmt: on


@pytest.mark.parametrize("case", CASES)
def test_what_is_found(case: str) -> None:
    """Nothing more and nothing less."""
    text, words = CASES[case]

    assert told(found(text, connected=0.0)) == words


def test_what_the_agent_tells_late_belongs_to_the_turn_of_its_number() -> None:
    """Of the turn that waits and the one before, the number says which; else it is the one that waits."""
    turns = Turns()
    rows: list[tuple[float, str, dict[str, Member]]] = [
        (1, "user", {}), (2, "/user", {"turn": 7}), (3, "agent", {}), (4, "/agent", {}), (5, "user", {}),
        (6, "/user", {"turn": 8}),
    ]  # fmt: skip
    for time, word, facts in rows:
        turns.event(WORDS[word], facts, time, None)
    findings = turns.event("voice.metrics", {"turn": 7, "e2e": 0.7, "eou": 0.2}, 6.1, None)

    assert turns.recent is not None
    assert (turns.recent.told, turns.recent.e2e, turns.recent.stages) == (7, 0.7, {"eou": 0.2})
    assert [type(one) for one in findings] == [StageTime, Told]
    turns.event("voice.metrics", {"e2e": 0.9}, 6.2, None)
    assert turns.open is not None
    assert (turns.open.told, turns.open.e2e) == (8, 0.9)


def test_without_a_connection_there_is_no_greeting() -> None:
    """What is not known is not measured."""
    assert told(found("1.5 agent", connected=None)) == []


def test_an_interrupted_answer_is_known_as_such() -> None:
    """The turn whose answer was cut off says so, and no other."""
    turns = [one.turn for one in found("1 user; 2 /user; 3 agent; 4 user; 4.3 /agent; 5 /user; 6 agent; 22 heard")
             if isinstance(one, Finished)]  # fmt: skip

    assert [turn.interrupted for turn in turns] == [True, False]


# ── whatever comes

EVENT = st.tuples(
    st.sampled_from(w3c.VOICE_EVENTS),
    st.fixed_dictionaries({}, optional={
        "source": st.sampled_from(w3c.TIMING_SOURCES), "hangover": st.floats(0, 5), "agent": st.text("ab", max_size=9),
        "interrupted": st.booleans(), "turn": st.integers(0, 9), "e2e": st.floats(0, 600), "eou": st.floats(0, 600),
        "framework": st.sampled_from(w3c.FRAMEWORKS),
    }),
    st.one_of(st.floats(0, 30), st.floats(-1e9, 1e9), st.just(0.0)),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(EVENT, max_size=60), st.one_of(st.none(), st.floats(0, 10)))
def test_no_order_of_events_breaks_it(
    rows: list[tuple[str, dict[str, Member], float]], connected: float | None
) -> None:
    """Times are positive and bounded, a turn is decided once and finished once, and nothing grows."""
    turns, findings, time = Turns(), list[Finding](), 1000.0
    for name, facts, step in rows:
        time += step
        findings += turns.event(name, facts, time, connected)
        findings += turns.heard(time)
        assert len(turns._speakers) <= dialogue.AGENTS
    findings += turns.leave()
    decided = [one.turn for one in findings if isinstance(one, Decided)]
    finished = [one.turn for one in findings if isinstance(one, Finished)]

    assert len({id(turn) for turn in decided}) == len(decided)
    assert [id(turn) for turn in decided] == [id(turn) for turn in finished]
    for turn in decided:
        assert turn.outcome in dialogue.OUTCOMES
        assert (turn.first is not None) == (turn.outcome == "answered")
        assert turn.began <= turn.end <= turn.until
        assert turn.latency is None or 0 <= turn.latency < dialogue.NO_RESPONSE + 5
    for one in findings:
        match one:
            case DeadAir(_, seconds):
                assert dialogue.DEAD_AIR < seconds < dialogue.NO_RESPONSE + 5
            case DoubleTalk(_, seconds):
                assert 0 <= seconds <= dialogue.LONGEST_SPEECH
            case Interruption(_, kind, seconds, _):
                assert kind in dialogue.INTERRUPTIONS
                assert seconds is None or 0 <= seconds <= dialogue.BARGE_TOLD
            case Pause(_, start, end, _):
                assert dialogue.SHORTEST_GAP <= end - start <= dialogue.LONGEST_GAP
            case Greeting(_, seconds):
                assert 0 <= seconds <= dialogue.LONGEST_GREETING
            case _:
                pass
