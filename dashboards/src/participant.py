"""What does one participant's browser see, and is it their device, their network, or us?"""

from dashboards.src.board import Board, Row, chosen
from dashboards.src.judge import LIMITS, NONE_IS_GOOD, SEVERITIES, SIDES, falling, rising
from dashboards.src.panels import Column, Target, lines, number, rows, states, traces
from dashboards.src.promql import ONE, live
from dashboards.src.session import SESSION, SILENT, issue_column

_PARTICIPANT = chosen(
    "participant",
    "Participant",
    "Who it is about.",
    f"label_values({live('rtc.participant.info', ONE)}, rtc_participant_id)",
    one=True,
)
_STATES = {"0": ("fine", "transparent"), "1": ("open", "orange"), "100": ("critical", "red")}
_LIMITED = ((None, "green"), (0.25, "orange"), (0.5, "red"))

BOARD = Board(
    "rtc-participant",
    "RTC / Participant",
    "What does this participant's browser see, and is it their device, their network, or us?",
    "support and developers",
    "Issues first; then the network; then the device. The trace below has each step of setup.",
    [
        Row("Who and how", [
            number("one score", "Score now", "The worst of all that is sent and received, from 1 to 4.5.", [Target("one_score_now")], "short", steps=falling(LIMITS.score), decimals=1, w=4, empty="Not live"),
            number("one issues", "Open issues", "Issues that users notice.", [Target("one_issues_now")], "short", steps=NONE_IS_GOOD, decimals=0, w=4, empty="Not live"),
            number("one age", "Newest report", "How old it is. Over a minute: gone, or cut off.", [Target("one_age")], "s", steps=SILENT, decimals=0, w=4, empty="Not live"),
            rows("one info", "Client and path", "What the browser is, and which way its media goes: relay means through TURN, tcp or tls that UDP is blocked.",
                 [Target("one_info")],
                 [Column("user_agent_name", "Browser"), Column("user_agent_version", "Version", width=75), Column("user_agent_os_name", "System", width=85), Column("geo_country_iso_code", "Country", width=75),
                  Column("rtc_client_as", "Operator", width=85), Column("network_connection_type", "Network", width=85), Column("rtc_ice_candidate_type", "Path", width=70), Column("rtc_ice_transport", "Over", width=60), Column("rtc_app_version", "Release", width=85)],
                 w=12, h=4, empty="Not live"),
        ]),
        Row("What is wrong", [
            rows("one issue rows", "Issues now", "What is wrong, whose it is, and how bad. Peer: somebody else's trouble; go back to the session and click the suspect.",
                 [Target("one_issue_rows")],
                 [issue_column(), Column("rtc_side", "Whose", colours=SIDES), Column("rtc_severity", "Severity", colours=SEVERITIES), Column("Value", "Streams", "short", width=80)],
                 sort="Severity", descending=False, w=8, h=8, empty="No open issue"),
            states("one issues over time", "Issues over time", "Orange: open; red: critical.", [Target("one_issues", "{{rtc_issue}} · {{rtc_side}}")], texts=_STATES, w=16, h=8, empty="No issue in this range"),
        ]),
        Row("Network", [
            states("one path", "Path of media", "A new row is a new path: another network, or a relay.", [Target("one_path", "{{rtc_ice_candidate_type}} {{rtc_ice_transport}} {{network_connection_type}}")], texts={"1": ("in use", "blue")}, w=8, h=7),
            lines("one rtt", "Round trip time", "Against half and 19 of 20 of all participants: far above means that it is this one's way.",
                  [Target("one_rtt", "this participant"), Target("all_rtt_p50", "all, p50"), Target("all_rtt_p95", "all, p95")], "s", steps=rising(LIMITS.round_trip), w=8, h=7),
            lines("one loss", "Packets lost", "Of what is received, and of what is sent. Sent alone: the uplink. Received alone: the way here, or the sender.",
                  [Target("one_loss_in", "received, {{rtc_media_kind}}"), Target("one_loss_out", "sent, {{rtc_media_kind}}")], "percentunit", steps=rising(LIMITS.audio_loss), w=8, h=7),
            lines("one bytes", "Bitrate", "Available is what the browser believes that the uplink carries: if sent is at it, the uplink is full.",
                  [Target("one_bytes_in", "received, {{rtc_media_kind}}"), Target("one_bytes_out", "sent, {{rtc_media_kind}}"), Target("one_available", "available upwards")], "bps", w=8, h=7),
            lines("one jitter", "Jitter, and the delay it costs", "The jitter buffer waits for late packets: its delay is heard as slowness.",
                  [Target("one_jitter", "jitter, {{rtc_media_kind}}"), Target("one_buffer", "buffer, {{rtc_media_kind}}")], "s", steps=rising(LIMITS.jitter), w=8, h=7),
            lines("one score over time", "Score", "By what is sent and received.", [Target("one_score", "{{rtc_media_kind}}")], "short", steps=falling(LIMITS.score), low=1, top=4.5, w=8, h=7),
        ]),
        Row("What is heard and seen", [
            lines("one concealment", "Audio made up", "Words that were missing in what is heard: audible from 3 % on.", [Target("one_concealment", "made up")], "percentunit", steps=rising(LIMITS.concealment), w=8, h=7),
            lines("one freeze", "Video frozen", "Share of time in which the worst video stands still.", [Target("one_freeze", "frozen")], "percentunit", steps=rising(LIMITS.freeze), w=8, h=7),
            lines("one frames", "Frames a second", "Of the worst video received; a shared screen that rests has few, and that is fine.", [Target("one_frames", "received")], "short", steps=falling(LIMITS.frame_rate), w=8, h=7),
        ]),
        Row("Device", [
            lines("one limited", "Sending held back", "Share of time in which the processor or the bandwidth limits what is sent.", [Target("one_limited", "limited")], "percentunit", steps=_LIMITED, top=1, w=12, h=7),
            states("one pressure", "Pressure on the machine", "As the Compute Pressure API says, where the browser has it.", [Target("one_pressure", "pressure")],
                   texts={"0": ("nominal", "green"), "1": ("fair", "yellow"), "2": ("serious", "orange"), "3": ("critical", "red")}, w=12, h=7, empty="This browser does not tell"),
        ]),
        Row("Trace (needs Tempo)", [
            traces("one trace", "Spans of the participant", "Each step of setup, each issue with its evidence, each segment of five minutes. Click the id.",
                   '{ span.session.id = "$session" && span.rtc.participant.id = "$participant" }'),
        ]),
    ],
    variables=[SESSION, _PARTICIPANT],
    since="now-1h",
    traces=True,
)  # fmt: skip
