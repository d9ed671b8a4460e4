"""Is the new build worse?"""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableOption

from dashboards.src.board import Board, Row, again, chosen
from dashboards.src.judge import SIDES, Steps
from dashboards.src.overview import SHARE
from dashboards.src.panels import Column, Target, lines, number, rows
from dashboards.src.promql import of

_AXES = {"Release": "rtc_app_version", "Browser": "user_agent_name", "System": "user_agent_os_name"}
_AXIS = (
    dashboard.CustomVariable("axis").label("Compare by").description("What is compared: releases of the application, browsers, or systems.")
    .values(",".join(f"{title} : {name}" for title, name in _AXES.items()))
    .options([VariableOption(selected=title == "Release", text=title, value=name) for title, name in _AXES.items()])
    .current(VariableOption(selected=True, text="Release", value="rtc_app_version"))
    .multi(False).include_all(False)
)  # fmt: skip
_VALUES = f"label_values({of('rtc.participants.active')}, $axis)"
_NEW = chosen("candidate", "Candidate", "What is looked at.", _VALUES, one=True)
_OLD = chosen("baseline", "Baseline", "What it is held against.", _VALUES)
_VERDICT = {
    "0": ("too little data", "#8e8e99"),
    "1": ("no difference", "blue"),
    "2": ("better", "green"),
    "3": ("WORSE", "red"),
}
_SAID: Steps = ((None, "#8e8e99"), (1.0, "blue"), (2.0, "green"), (3.0, "red"))
_FAILED: Steps = ((None, "green"), (0.01, "orange"), (0.03, "red"))

BOARD = Board(
    "rtc-release",
    "RTC / Release comparison",
    "Is the new release worse than the others?",
    "developers of clients",
    "Worse: stop its roll-out, then see which issue it has more of, and click it.",
    [
        Row("Verdict", [
            number("verdict", "Verdict", "Of poor and bad call time in the chosen range: worse or better only where the confidence intervals of both do not touch, and with 200 minutes of each. Two lines that cross say nothing.",
                    [Target("release_verdict")], "short", steps=_SAID, w=6, h=5, last=True, empty="too little data", texts=_VERDICT),
            number("minutes new", "Minutes of the candidate", "How much call time stands behind the verdict.", [Target("release_minutes")], "short", decimals=0, w=4, h=5, last=True),
            number("minutes old", "Minutes of the baseline", "How much stands behind it; all others, unless chosen.", [Target("release_minutes_old")], "short", decimals=0, w=4, h=5, last=True),
            lines("adoption", "Adoption", "Live participants, by release.", [Target("adoption", "{{$axis}}")], "short", stack=True, w=10, h=5, right=True),
        ]),
        Row("Compared", [
            rows("compared", "Candidate and baseline", "Shares of bad events in the chosen range, of the candidate and of the baseline.",
                 [Target("release_new"), Target("release_old")],
                 [Column("what", "What"), Column("Value #A", "Candidate", "percentunit", SHARE, decimals=2, width=120), Column("Value #B", "Baseline", "percentunit", decimals=2, width=120)], sort="Candidate", w=12, h=9),
            rows("release issues", "Issues", "Share of call time with each issue, of the candidate and of the baseline: what the candidate has more of is where to look.",
                 [Target("release_issues"), Target("release_issues_old")],
                 [Column("rtc_issue", "Issue"), Column("rtc_side", "Whose", colours=SIDES, width=120), Column("Value #A", "Candidate", "percentunit", decimals=2, width=110), Column("Value #B", "Baseline", "percentunit", decimals=2, width=110)],
                 sort="Candidate", w=12, h=9, empty="No issues"),
        ]),
        Row("Over time", [
            lines("release bad", "Poor or bad call time", "Share of call time that was poor or bad, by release.", [Target("release_bad", "{{$axis}}")], "percentunit", steps=SHARE, links=[again("Issues", "rtc-overview", app="")]),
            lines("release failed", "Failed attempts", "Share of attempts to connect that failed, by release.", [Target("release_failed", "{{$axis}}")], "percentunit", steps=_FAILED),
            lines("release setup", "Time to connect, p95", "19 of 20 connections are there within it, by release.", [Target("release_setup", "{{$axis}}")], "s", steps=((None, "green"), (2.0, "orange"), (5.0, "red"))),
            lines("release errors", "Calls of the WebRTC API that fail", "By release, call and error: NotAllowedError is the user or a policy, InvalidStateError is the application.", [Target("release_errors", "{{$axis}} {{rtc_api_method}} {{error_type}}")], "short", empty="No errors", w=12),
            lines("release leaves", "Abnormal ends", "Participants that went without a word, or with an error.", [Target("release_leaves", "{{$axis}}")], "percentunit", w=12),
        ]),
        Row("Browsers", [
            rows("browsers", "Browsers", "Poor and bad call time by browser, sorted by what is certain of it.", [Target("browsers_share"), Target("browsers_bound"), Target("browsers_minutes")],
                 [Column("user_agent_name", "Browser"), Column("Value #B", "At least", "percentunit", SHARE, decimals=1), Column("Value #A", "Poor or bad", "percentunit", decimals=1), Column("Value #C", "Minutes", "short", decimals=0)],
                 sort="At least", w=24, h=7),
        ]),
    ],
    variables=[_AXIS, _NEW, _OLD],
    since="now-6h",
)  # fmt: skip
