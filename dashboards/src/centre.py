"""Which sites have bad audio, and is it their headset, their line, or us?"""

from dashboards.src.board import OF_ROW, Board, Row, again, cell, tenant_column
from dashboards.src.judge import CLASSES, LIMITS, NONE_IS_GOOD, SIDES, Steps, falling
from dashboards.src.overview import SHARE
from dashboards.src.panels import Column, Target, bars, grid, heat, lines, number, rows

_LOW: Steps = ((None, "green"), (0.05, "orange"), (0.15, "red"))

BOARD = Board(
    "rtc-contact-centre",
    "RTC / Contact centre",
    "Who has bad audio, and is it the headset, the line, or us?",
    "shift leads and the telephony team",
    "Device: the headset. Network and wifi: the line at home. Infrastructure: call us. A site is an application and a country: name them in the token.",
    [
        Row("Now", [
            number("centre calls", "In calls", "Live participants.", [Target("participants")], "short", decimals=0, empty="Nobody"),
            number("centre speech", "Speech under 3.5", "Share of folds of speech whose score is poor, in the last quarter of an hour.", [Target("speech_low")], "percentunit", steps=_LOW, decimals=1, empty="No calls"),
            number("centre good", "Good call time", "Of class good or fair.", [Target("good_time")], "percentunit", steps=((None, "red"), (0.91, "orange"), (0.97, "green")), decimals=1, empty="No calls"),
            number("one way", "One-way audio", "Participants of whom nothing is heard, or who hear nothing, now. They notice only when somebody says so.", [Target("one_way")], "short", steps=NONE_IS_GOOD, decimals=0),
            number("centre success", "Connect success", "Attempts that connect.", [Target("connect_success")], "percentunit", steps=((None, "red"), (0.97, "orange"), (0.99, "green")), decimals=1, empty="No attempts"),
            number("centre setup", "Time to connect, p95", "From the first step to connected.", [Target("setup_p95")], "s", steps=((None, "green"), (2.0, "orange"), (5.0, "red")), empty="No attempts"),
        ]),
        Row("Who", [
            rows("agents worst", "Worst agents now", "The twenty with the lowest score of speech, and what is wrong with them. Click for their call.",
                 [Target("agents_worst"), Target("agents_worst_issue")],
                 [Column("rtc_participant_id", "Agent", links=[again("Open ${__value.text}", "rtc-participant", tenant=OF_ROW, session=cell("Call"), participant="${__value.raw:percentencode}")]),
                  Column("session_id", "Call", links=[again("Open ${__value.text}", "rtc-session", tenant=OF_ROW, session="${__value.raw:percentencode}")]),  tenant_column("rtc-contact-centre", 75),
                  Column("Value #A", "Score", "short", falling(LIMITS.score), width=80, decimals=1), Column("rtc_issue", "Issue"), Column("rtc_side", "Whose", colours=SIDES, width=115), Column("network_connection_type", "Network", width=90), Column("rtc_ice_candidate_type", "Path", width=75), Column("user_agent_name", "Browser", width=95)],
                 sort="Score", descending=False, w=16, h=9, empty="No live calls"),
            bars("headsets", "Headsets and microphones now", "Participants with an issue of their device: silent or faint microphone, echo, muted by the system, no microphone.", [Target("headsets", "{{rtc_issue}}")], "short", decimals=0, w=8, h=9, empty="No device issue"),
        ]),
        Row("Sites", [
            rows("sites", "Sites", "Application, country and kind of network: poor and bad call time, sorted by what is certain of it.",
                 [Target("sites_share"), Target("sites_bound"), Target("sites_minutes")],
                 [tenant_column("rtc-contact-centre"), Column("rtc_app_name", "Application"), Column("geo_country_iso_code", "Country", width=80, links=[again("Network of ${__value.text}", "rtc-network", tenant=OF_ROW, country="${__value.raw:percentencode}")]), Column("network_connection_type", "Network", width=90),
                  Column("Value #B", "At least", "percentunit", SHARE, decimals=1, width=90), Column("Value #A", "Poor or bad", "percentunit", decimals=1, width=105), Column("Value #C", "Minutes", "short", decimals=0, width=80)],
                 sort="At least", w=12, h=9),
            lines("networks", "Wired and wireless", "Share of call time by network, where browsers tell it.", [Target("network_shares", "{{network_connection_type}}")], "percentunit", top=1, stack=True, w=6, h=9),
            lines("centre paths", "Paths", "Relay: through TURN, often a VPN or a strict firewall.", [Target("path_shares", "{{rtc_ice_candidate_type}} {{rtc_ice_transport}}")], "percentunit", top=1, stack=True, w=6, h=9),
        ]),
        Row("Over time", [
            lines("centre classes", "Call time, by quality", "Share of each class.", [Target("centre_classes", "{{rtc_quality}}")], "percentunit", top=1, stack=True, colours=CLASSES),
            heat("speech", "Score of speech", "By the E-model, from 1 to 4.5; good from 4 on. A point is one call.", Target("speech_spread"), "short"),
            grid("hours", "Poor or bad, by day and hour", "A day in each row, an hour in each column. Red in one column on all days: the line of a site is full at that hour.", Target("hours", "{{day}}"), "percentunit", steps=SHARE, since="24h", every="1h"),
            lines("device time", "Device issues", "Minutes of device issues in a minute, by issue.", [Target("headset_time", "{{rtc_issue}}")], "short", empty="No device issue", stack=True, w=8),
            lines("device changes", "Devices changed in an hour of call", "Plugged in and out: a loose cable, or a weak battery.", [Target("device_changes", "changes")], "short", w=8),
            lines("mic silence", "Microphones silent while not muted", "Share of captured audio that is digital silence: wrong device, or a switch on the cable.", [Target("silence", "silent")], "percentunit", w=8),
        ]),
    ],
)  # fmt: skip
