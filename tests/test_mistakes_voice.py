"""
A mistake of others that is not made here.

B10: a well-known framework records the histograms of its turns when the session ends, all at once.  So an agent that
has become slow raises no alert while anybody talks with it, and a long session arrives as one burst.
"""

import pytest

from tests.test_voice import value
from tests.voiced import CONNECTED, FORMATS, START, Played, agent, user


@pytest.mark.parametrize("form", FORMATS)
def test_a_turn_is_counted_when_it_is_answered(form: str) -> None:
    """After each frame of a live call the histogram has the turns answered so far."""
    played = Played()
    write, decode = FORMATS[form]
    decoder, answers = decode(played.key), [8.9, 15.8, 23.0]
    script = (*CONNECTED, *user(6, 8), *agent(8.9, 12), *user(14, 15), *agent(15.8, 18), *user(21, 22), *agent(23, 25))
    seen = set()
    for frame in write(script, seconds=40):
        played.wait(START + frame.time)
        for record in decoder.receive(frame.text, played.now):
            played.pipeline.feed(record, played.now)
        count = value(played, "rtc_voice_turn_latency_seconds_count") or 0
        expected = sum(frame.time >= answer + 0.06 for answer in answers)
        assert count == expected, f"at {frame.time} s"
        seen.add(count)

    assert seen == {0, 1, 2, 3}
    assert len(played.pipeline.sessions.participants) == 1, "nobody has left"


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_left_for_the_end(form: str) -> None:
    """When the session ends, the distributions of its turns are as they were."""
    played = Played()
    played.play(form, (*CONNECTED, *user(6, 8), *agent(8.9, 12), *user(14, 15), *agent(15.8, 18)), seconds=30)
    names = ("turn_latency", "turn_transport_latency", "turn_pipeline_latency")
    before = [value(played, f"rtc_voice_{name}_seconds_count") for name in names]
    played.leave()

    assert before == [2, 2, 2]
    assert [value(played, f"rtc_voice_{name}_seconds_count") for name in names] == before


def test_no_response_is_counted_while_the_user_waits() -> None:
    """Ten seconds after the user has finished, and not when the page goes."""
    played = Played()
    played.play("rtcstats", (*CONNECTED, *user(6, 8)), seconds=16)
    assert value(played, "rtc_voice_turns_total", rtc_voice_outcome="no_response") == 0

    late = Played()
    late.play("rtcstats", (*CONNECTED, *user(6, 8)), seconds=20)
    assert value(late, "rtc_voice_turns_total", rtc_voice_outcome="no_response") == 1
