"""Are users suffering now, who, and whose is it?"""

from dashboards.src.board import OF_ROW, Board, Row, again, cell, tenant_column
from dashboards.src.judge import (
    CLASSES,
    LEFT,
    LIMITS,
    NONE_IS_GOOD,
    SEVERITIES,
    SIDES,
    SOME_IS_GOOD,
    falling,
    objective,
    rising,
)
from dashboards.src.panels import Column, Link, Target, bars, heat, lines, number, rows
from tools.rules import Bases
from tools.slos import BY_NAME

_CONNECT, _GOOD = BY_NAME["setup-success"], BY_NAME["good-minutes"]
_TRACE = "A point is one call: click it for its trace."
#: A share of poor or bad time, against the objective for it.
SHARE = ((None, "green"), (1 - _GOOD.objective, "orange"), (3 * (1 - _GOOD.objective), "red"))


def shared(title: str, where: str, field: str, uid: str, variable: str, **more: str) -> list[Column]:
    """Columns of a comparison: the certain part of a share first, and how much stands behind it."""
    handed = {variable: "${__value.raw:percentencode}", **more}
    return [
        Column(field, title, links=[again(f"{where} ${{__value.text}}", uid, **handed)]),
        Column("Value #B", "At least", "percentunit", SHARE, width=90, decimals=1),
        Column("Value #A", "Poor or bad", "percentunit", width=105, decimals=1),
        Column("Value #C", "Minutes", "short", width=85, decimals=0),
    ]


BOARD = Board(
    "rtc-overview",
    "RTC / Overview",
    "Are users having good calls, and if not, whose is it?",
    "who is on call",
    "Red above: read *Whose trouble it is*, then click a row of *Calls in trouble*.",
    [
        Row("Now", [
            number("connect success", "Connect success", "Attempts to connect of the last quarter of an hour that connected; who gave up does not count. "
                   "Under the objective: look at failures by outcome below, then at TURN on the network dashboard.",
                   [Target("connect_success")], "percentunit", steps=objective(_CONNECT.objective), decimals=1, empty="No attempts",
                   links=[again("Objective", "rtc-slo", app="")]),
            number("good time", "Good call time", "Share of call time of class good or fair in the last quarter of an hour, of time that could be judged. "
                   "Under the objective: see whose trouble it is.",
                   [Target("good_time")], "percentunit", steps=objective(_GOOD.objective), decimals=1, empty="No calls",
                   links=[again("Objective", "rtc-slo", app="")]),
            number("people", "In calls", "Live participants, and the sessions that they are in. A sudden fall is an outage that no other number shows.",
                   [Target("participants", "participants"), Target("sessions", "sessions")], "short", names=True, decimals=0, empty="Nobody"),
            number("setup p95", "Time to connect, p95", "19 of 20 connections are there within this time. Slow: look at the stages of setup on the network dashboard.",
                   [Target("setup_p95")], "s", steps=rising(LIMITS.setup_time), empty="No attempts", links=[again("Network", "rtc-network", app="")]),
            number("firing", "Alerts firing", "Names of alerts that fire now, the watchdog aside. They are listed below.",
                   [Target("alerts_firing")], "short", steps=NONE_IS_GOOD, decimals=0, links=[again("Objectives", "rtc-slo", app="")]),
            number("arriving", "Reports a second", "Reports that clients send and that are taken. None: everything else here is blind, whatever its colour.",
                   [Target("reports_now")], "short", steps=SOME_IS_GOOD, decimals=0, empty="NO REPORTS", links=[again("Exporter", "rtc-exporter")]),
        ]),
        Row("Who", [
            rows("worst sessions", "Calls in trouble", "The fifteen calls whose worst participant has the lowest score now. Suspect is who has the gravest issue of their own, not one that comes from somebody else. "
                 "Click the session.",
                 [Target("worst_sessions"), Target("worst_sessions_people"), Target("worst_sessions_troubled"), Target("worst_sessions_suspect")],
                 [Column("session_id", "Session", links=[again("Open ${__value.text}", "rtc-session", tenant=OF_ROW, session="${__value.raw:percentencode}")]), tenant_column("rtc-overview", 75),
                  Column("Value #A", "Worst score", "short", falling(LIMITS.score), width=110, decimals=1),
                  Column("Value #B", "People", "short", width=75), Column("Value #C", "In trouble", "short", width=90),
                  Column("rtc_participant_id", "Suspect", links=[again("Open ${__value.text}", "rtc-participant", tenant=OF_ROW, session=cell("Session"), participant="${__value.raw:percentencode}")]),
                  Column("rtc_issue", "Issue"), Column("rtc_side", "Whose", colours=SIDES, width=115)],
                 sort="Worst score", descending=False, w=16, h=9, empty="No live calls"),
            bars("issues now", "Issues now", "Participants that have an issue at this moment, by issue and by whose it is. docs/issues.md says what each means and what to do.",
                 [Target("issues_now", "{{rtc_issue}} · {{rtc_side}}")], "short", w=8, h=9, decimals=0, empty="No issues"),
        ]),
        Row("Whose trouble it is", [
            lines("sides", "Bad call time, by whose it is", "How many participants are in a poor or bad call, by who can do something about it. Network: theirs or the way. Infrastructure: your servers. Application: your code. "
                  "Peer: the other participant.",
                  [Target("bad_by_side", "{{rtc_side}}")], "short", stack=True, colours=SIDES, w=6, links=[again("Network", "rtc-network", app=""), again("Releases", "rtc-release", app="")]),
            lines("causes", "Bad call time, by what it is", "The same time by the gravest issue that was open then: what to look up in docs/issues.md.",
                  [Target("bad_by_cause", "{{rtc_cause}} · {{rtc_side}}")], "short", stack=True, w=6),
            lines("classes", "Participants, by quality", "How many participants are in calls of each class. Much unclassified: browsers do not report enough, and the objective is blind for it.",
                  [Target("classes", "{{rtc_quality}}")], "short", stack=True, colours=CLASSES, w=6),
            lines("failures", "Failed attempts, by outcome", "Attempts that did not connect. ice_failed: no path, look at TURN. dtls_failed: a middlebox or a clock. timeout: nobody answered, look at signalling.",
                  [Target("failures", "{{rtc_outcome}}")], "short", stack=True, links=[again("Network", "rtc-network", app="")], decimals=0, w=6),
        ]),
        Row("Objectives and alerts", [
            bars("budgets", "Budget left, 30 days", "What is left of what each objective allows to go wrong in thirty days. Under zero: stop releasing what is risky.",
                 [Target("budgets", "{{slo}}")], "percentunit", steps=LEFT, w=8, h=8, top=1, links=[again("Objective", "rtc-slo", slo="${__field.labels.slo:percentencode}")]),
            rows("alerts", "Alerts", "What fires now. The name leads to its runbook.",
                 [Target("alerts")],
                 [Column("alertname", "Alert", links=[Link("Runbook", Bases().runbooks + "/${__value.raw}.md")]), Column("severity", "Severity", colours=SEVERITIES, width=90),
                  Column("component", "Component", width=110), tenant_column("rtc-overview", 80), Column("rtc_app_name", "Application", width=120), Column("geo_country_iso_code", "Country", width=80), Column("rtc_app_version", "Release", width=90)],
                 w=16, h=8, empty="No alert fires"),
        ]),
        Row("Where", [
            rows("apps", "Tenants and applications", "Share of poor and bad call time in the chosen range, sorted by what is certain of it: one bad call of two does not lead the list.",
                 [Target("apps_share"), Target("apps_bound"), Target("apps_minutes")], [tenant_column("rtc-overview", 80), *shared("Application", "Only", "rtc_app_name", "rtc-overview", "app", tenant=OF_ROW)], sort="At least", w=8, h=8),
            rows("countries", "Countries", "The same by country, where the address of clients is known.",
                 [Target("countries_share"), Target("countries_bound"), Target("countries_minutes")], shared("Country", "Network of", "geo_country_iso_code", "rtc-network", "country"), sort="At least", w=8, h=8),
            lines("relays", "Share of calls, by path", "How media goes. More relay than usual: direct UDP is blocked, or STUN is down. Less: TURN may be down.",
                  [Target("path_shares", "{{rtc_ice_candidate_type}} {{rtc_ice_transport}}")], "percentunit", top=1, stack=True, links=[again("Network", "rtc-network", app="")]),
        ]),
        Row("How values are spread", [
            heat("rtt", "Round trip time", f"Of the path in use, fold by fold. Good up to 150 ms. {_TRACE}", Target("rtt_spread"), "s"),
            heat("loss", "Packets lost", f"Share lost on the way to each participant. Audio is good up to 1 %, video up to 2 %. {_TRACE}", Target("loss_spread"), "percentunit"),
            heat("jitter", "Jitter of audio", f"Good up to 30 ms. {_TRACE}", Target("jitter_spread"), "s"),
            heat("concealment", "Audio made up", f"Words that were missing: audible from 3 % on. {_TRACE}", Target("concealment_spread"), "percentunit"),
            heat("freeze", "Video frozen", f"Share of time in which video stands still. {_TRACE}", Target("freeze_spread"), "percentunit"),
            heat("scores", "Score", f"From 1 to 4.5; good from 4 on, poor under 3.5. {_TRACE}", Target("score_spread"), "short"),
        ], closed=True),
    ],
)  # fmt: skip
