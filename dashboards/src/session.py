"""The customer says that the call was bad: is it true, and why?"""

from dashboards.src.board import OF_ROW, OF_SERIES, Board, Row, again, chosen, tenant_column
from dashboards.src.judge import LIMITS, NONE_IS_GOOD, SIDES, Steps, falling, rising
from dashboards.src.panels import Column, Link, Panel, Target, bars, lines, number, rows, states, traces, words
from dashboards.src.promql import SOMEBODYS, live
from tools.rules import Bases

SESSION = chosen("session", "Session", "The call; type its id, or choose one that was live in the range.",
                 f"label_values({live('rtc.participant.info', SOMEBODYS)}, session_id)", one=True)  # fmt: skip
#: A report comes each second or each few; a participant of whom nothing is heard for 20 s is gone or cut off.
SILENT: Steps = ((None, "green"), (20.0, "orange"), (60.0, "red"))
_OPEN: Steps = ((None, "transparent"), (1.0, "orange"), (100.0, "red"))
_DOCS = Bases().runbooks.removesuffix("/runbooks") + "/issues.md"


def one(title: str = "Open ${__value.text}") -> Link:
    """To the participant of a row."""
    return again(title, "rtc-participant", tenant=OF_ROW, session="", participant="${__value.raw:percentencode}")


def issue_column() -> Column:
    """What is wrong, and where it is explained."""
    return Column("rtc_issue", "Issue", links=[Link("What it means", _DOCS)])


def ticket() -> Panel:
    """What support pastes into a ticket."""
    return words(
        "session ticket",
        "**For the ticket** · session `${session}` · from `${__from:date:iso}` to `${__to:date:iso}` · "
        "finished calls have a trace, and `rtc-exporter import` reads a dump of the browser.",
    )


BOARD = Board(
    "rtc-session",
    "RTC / Session lookup",
    "Was this call bad, and whose trouble was it?",
    "support and who is on call",
    "Click a suspect. Series of participants end with the call; its trace stays.",
    [
        Row("Verdict", [
            number("session score", "Worst score now", "The lowest score of anybody in the call, from 1 to 4.5: good from 4 on, poor under 3.5.", [Target("session_score")], "short", steps=falling(LIMITS.score), decimals=1, w=5, empty="Not live"),
            number("session people", "People", "Participants that report. One who is in the call and does not report is not seen here.", [Target("session_people")], "short", decimals=0, w=4, empty="Not live"),
            number("session troubled", "In trouble", "Participants with an open issue that users notice, their own or somebody else's.", [Target("session_troubled")], "short", steps=NONE_IS_GOOD, decimals=0, w=5, empty="Not live"),
            number("session length", "Since", "Time since the first of those who are here joined.", [Target("session_length")], "s", w=5, decimals=0, empty="Not live"),
            number("session age", "Newest report", "How old the newest report of the call is. Over a minute: it has ended, or nothing arrives any more.", [Target("session_age")], "s", steps=SILENT, w=5, decimals=0, empty="Not live"),
        ]),
        Row("Who", [
            rows("suspects", "Whose trouble it is", "Issues that are a participant's own: device, network, infrastructure or application, the gravest first. Click who leads the list.",
                 [Target("session_suspects")],
                 [Column("rtc_participant_id", "Participant", links=[one()]), tenant_column("rtc-session", 80), issue_column(), Column("rtc_side", "Whose", colours=SIDES, width=115),
                  Column("Value", "Severity", "short", _OPEN, width=90, texts={"1": ("warning", ""), "100": ("critical", "")})],
                 sort="Severity", w=14, h=7, empty="Nobody has an issue of their own"),
            rows("victims", "Who suffers from others", "How many issues each has whose cause is another participant: not theirs to solve.",
                 [Target("session_victims")],
                 [Column("rtc_participant_id", "Participant", links=[one()]), tenant_column("rtc-session", 80), Column("Value", "Issues", "short", width=80)],
                 sort="Issues", w=10, h=7, empty="Nobody"),
            rows("session rows", "Participants", "Everybody in the call. Sent, lost: what others do not get of them; received, lost: what they do not get. Who leads the first alone is the sender in trouble.",
                 [Target("session_rows"), Target("session_row_score"), Target("session_row_sent_lost"), Target("session_row_lost"), Target("session_row_rtt"), Target("session_row_issues")],
                 [Column("rtc_participant_id", "Participant", links=[one()]), tenant_column("rtc-session", 80),
                  Column("Value #B", "Score", "short", falling(LIMITS.score), width=75, decimals=1),
                  Column("Value #C", "Sent, lost", "percentunit", rising(LIMITS.video_loss), width=95, decimals=1),
                  Column("Value #D", "Received, lost", "percentunit", rising(LIMITS.video_loss), width=120, decimals=1),
                  Column("Value #E", "Round trip", "s", rising(LIMITS.round_trip), width=100),
                  Column("Value #F", "Issues", "short", width=70),
                  Column("user_agent_name", "Browser"), Column("user_agent_version", "Version", width=80), Column("user_agent_os_name", "System"), Column("geo_country_iso_code", "Country", width=80),
                  Column("network_connection_type", "Network", width=90), Column("rtc_ice_candidate_type", "Path", width=80), Column("rtc_ice_transport", "Over", width=65), Column("rtc_app_version", "Release")],
                 sort="Score", descending=False, h=7, empty="Not live: see the trace below"),
        ]),
        Row("When", [
            lines("session scores", "Score", "The worse of what each sends and receives. One line below the others: that participant. All fall at once: something that they share.",
                  [Target("session_scores", "{{rtc_participant_id}} {{rtc_tenant}}")], "short", steps=falling(LIMITS.score), low=1, top=4.5, w=12, links=[again("Open", "rtc-participant", tenant=OF_SERIES, session="", participant="${__field.labels.rtc_participant_id:percentencode}")]),
            states("session issues", "Issues over time", "Orange: users notice; red: the call is useless. The text says who has it, and whose it is: peer is somebody else.",
                   [Target("session_issues", "{{rtc_participant_id}} {{rtc_tenant}} · {{rtc_side}}")], texts={"0": ("fine", "transparent"), "1": ("open", "orange"), "100": ("critical", "red")}, steps=_OPEN, empty="No issue in this range"),
            lines("session sent lost", "Lost of what each sends", "What the others do not get of a participant: who is high here ruins the call for all.",
                  [Target("session_sent_lost", "{{rtc_participant_id}} {{rtc_tenant}}")], "percentunit", steps=rising(LIMITS.video_loss), w=8),
            lines("session heard", "Audio made up, at each", "How much of what each hears is made up. High at all but one: that one is the sender.",
                  [Target("session_heard", "{{rtc_participant_id}} {{rtc_tenant}}")], "percentunit", steps=rising(LIMITS.concealment), w=8),
            states("presence", "Who was there", "From the first report to the last.", [Target("session_presence", "{{rtc_participant_id}} {{rtc_tenant}}")], texts={"1": ("in the call", "blue")}, w=8, empty="Nobody reported in this range"),
        ]),
        Row("Only this call?", [
            lines("others bad", "Poor or bad call time of all calls", "If all calls were bad at that time, this one is no case of its own: go to the overview.",
                  [Target("others_bad", "all calls")], "percentunit", steps=((None, "green"), (0.03, "orange"), (0.09, "red")), w=16, h=6, links=[again("Overview", "rtc-overview", app="")]),
            bars("session seats", "Score by participant", "Of the newest fold of each, from 1 to 4.5.", [Target("session_row_score", "{{rtc_participant_id}} {{rtc_tenant}}")], "short", steps=falling(LIMITS.score), low=1, top=4.5, w=8, h=6, decimals=1, empty="Not live"),
        ]),
        Row("Trace (needs Tempo)", [
            traces("session trace", "Spans of the session", "The session is one trace for each day of it: setup, segments of five minutes, issues. Click the id.", '{ span.session.id = "$session" }'),
            ticket(),
        ]),
    ],
    variables=[SESSION],
    since="now-1h",
    traces=True,
)  # fmt: skip
