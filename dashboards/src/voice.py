"""Does the agent answer fast and smoothly, and is delay ours or the network's?"""

from dashboards.src.board import Board, Row, again, chosen
from dashboards.src.judge import Steps
from dashboards.src.panels import Column, Target, bars, heat, lines, number, rows
from dashboards.src.promql import of
from rtc_exporter.voice import SLOW
from tools.slos import AGENT, BY_NAME, WAY

_AGENT = chosen(
    "agent",
    "Agent",
    "The voice agent, as its application names it.",
    f"label_values({of('rtc.voice.turns')}, gen_ai_agent_name)",
)
_SLOW = 1 - BY_NAME["voice-turn"].objective
_SILENT = 1 - BY_NAME["voice-response"].objective
#: 0.8 s is what people leave between turns when they think; the objective's bound is where they ask again.
TURN: Steps = ((None, "green"), (0.8, "orange"), (SLOW, "red"))
_SHARES: Steps = ((None, "green"), (round(_SLOW, 6), "orange"), (round(3 * _SLOW, 6), "red"))
_NO_ANSWER: Steps = ((None, "green"), (round(_SILENT, 6), "orange"), (round(3 * _SILENT, 6), "red"))
_CAUSES = {"network": "blue", "pipeline": "orange", "device": "purple", "unknown": "#8e8e99"}
_BURN: Steps = ((None, "green"), (1.0, "orange"), (6.0, "red"))

BOARD = Board(
    "rtc-voice-agents",
    "RTC / Voice AI agents",
    "Do agents answer fast and smoothly, and is a delay the agent's or the network's?",
    "the team of voice agents",
    "Pipeline high: the agent's own trace. Way high: the network dashboard.",
    [
        Row("Now", [
            number("turn p95", "Voice to voice, p95", "From the end of the user's speech to the first sound of the agent, as the user hears it.", [Target("turn_p95_now")], "s", steps=TURN, empty="No turns"),
            number("turn slow", f"Turns over {SLOW:g} s", "Share of turns that are too slow; the objective allows one in twenty.", [Target("turn_slow_now")], "percentunit", steps=_SHARES, decimals=1, empty="No turns", links=[again("Objective", "rtc-slo", slo="voice-turn")]),
            number("agent p95", "The agent's part, p95", "What the way does not account for: recognition, model, synthesis.", [Target("agent_p95")], "s", steps=((None, "green"), (0.8, "orange"), (AGENT, "red")), empty="No turns"),
            number("way p95", "The way's part, p95", "Packetisation, round trip, jitter buffer, playout. High: the network dashboard.", [Target("way_p95")], "s", steps=((None, "green"), (WAY, "red")), empty="No turns", links=[again("Network", "rtc-network", app="")]),
            number("unanswered", "No answer", "Share of turns to which the agent said nothing for ten seconds.", [Target("unanswered_now")], "percentunit", steps=_NO_ANSWER, decimals=1, empty="No turns"),
            number("turns", "Turns a minute", "How much is spoken.", [Target("turns_now")], "short", decimals=0, empty="No turns"),
        ]),
        Row("Whose delay it is", [
            lines("split", "A turn, split", "Mean time of a turn: the way and the agent, one on the other. What grows is whose it is.", [Target("agent_mean", "agent"), Target("way_mean", "way")], "s", stack=True, colours={"agent": "orange", "way": "blue"}, w=8),
            lines("turn quantiles", "Voice to voice", "Half, and 19 of 20, of the turns are faster.", [Target("turn_p50", "p50"), Target("turn_p95", "p95")], "s", steps=TURN, w=8),
            heat("turn spread", "Turns, spread", "A point is one turn: click it for its trace.", Target("turn_spread"), "s", w=8),
            lines("stages", "Stages of the agent, p95", "Where the agent tells them: end of utterance, transcript, first token, first byte of speech.", [Target("stages", "{{rtc_voice_stage}}")], "s", empty="Agents do not tell their stages", w=8),
            lines("outcomes", "Turns, by what became of them", "Reprompted: the user asked again.", [Target("turns", "{{rtc_voice_outcome}}")], "short", stack=True, colours={"answered": "green", "no_response": "red", "reprompted": "orange"}, w=8),
            bars("voice burn", "Budget, burning", "How many times faster than allowed each objective's budget is used, over an hour.", [Target("voice_burn", "{{slo}}")], "short", steps=_BURN, decimals=1, w=8),
        ]),
        Row("How smoothly", [
            lines("silence", "No answer, and asked again", "Shares of turns.", [Target("unanswered", "no answer"), Target("reprompted", "asked again")], "percentunit", steps=_NO_ANSWER, w=6),
            lines("dead air", "Dead air for each turn", "Silence of more than two seconds while an answer is owed, for each turn.", [Target("dead_air", "silence")], "s", w=6),
            lines("barge in", "Stopping when interrupted, p95", "From the user's first sound to the agent's last. Over half a second feels rude.", [Target("barge_in", "p95")], "s", empty="Nobody interrupts", steps=((None, "green"), (0.5, "orange"), (1.0, "red")), w=6),
            lines("interruptions", "Interruptions a minute", "False: the agent stopped for nobody. Ignored: it went on. By agent: it cut in.", [Target("interruptions", "{{rtc_voice_interruption}}")], "short", stack=True, w=6),
            lines("gaps", "Gaps in the agent's speech a minute", "Network: packets were late. Pipeline: speech was not made in time.", [Target("gaps", "{{rtc_voice_gap_cause}}")], "short", stack=True, colours=_CAUSES, w=12, h=7),
            lines("greeting", "First greeting, p95", "From connected to the agent's first word.", [Target("greeting", "p95")], "s", empty="No agent speaks first", steps=((None, "green"), (2.0, "orange"), (4.0, "red")), w=12, h=7),
        ]),
        Row("Agents", [
            rows("agents", "Agents", "In the chosen range.", [Target("agents_p95"), Target("agents_slow"), Target("agents_pipeline"), Target("agents_way"), Target("agents_turns")],
                 [Column("gen_ai_agent_name", "Agent", links=[again("Only ${__value.text}", "rtc-voice-agents", agent="${__value.raw:percentencode}")]), Column("rtc_voice_framework", "Made with"),
                  Column("Value #A", "p95", "s", TURN, decimals=2), Column("Value #B", f"Over {SLOW:g} s", "percentunit", _SHARES, decimals=1), Column("Value #C", "Agent, p95", "s", decimals=2), Column("Value #D", "Way, p95", "s", decimals=2), Column("Value #E", "Turns", "short", decimals=0)],
                 sort="p95", h=8, empty="No agent has answered"),
        ]),
    ],
    variables=[_AGENT],
)  # fmt: skip
