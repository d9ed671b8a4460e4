"""Is the exporter itself well, and is what clients send understood?"""

from dashboards.src.board import Board, Row
from dashboards.src.judge import NONE_IS_GOOD, SOME_IS_GOOD, Steps
from dashboards.src.panels import Column, Target, bars, heat, lines, number, rows
from tools.limits import STANDARD

_REFUSED: Steps = ((None, "green"), (STANDARD.refused_share / 5, "orange"), (STANDARD.refused_share, "red"))
_CLOCKS: Steps = ((None, "green"), (STANDARD.clock_share, "orange"))
_OVERFLOW: Steps = ((None, "green"), (1.0, "orange"))
_CPU: Steps = ((None, "green"), (0.6, "orange"), (0.85, "red"))
_OUTCOMES = {"accepted": "green", "rejected": "red", "duplicate": "#8e8e99"}

BOARD = Board(
    "rtc-exporter",
    "RTC / Exporter",
    "Is the exporter well, and does it understand what clients send?",
    "who runs the exporter",
    "Red here: doubt all other dashboards. README, At three in the morning, says what to do.",
    [
        Row("Now", [
            number("up", "Up", "Whether Prometheus reaches every exporter.", [Target("up")], "short", steps=SOME_IS_GOOD, decimals=0, w=3),
            number("exporter reports", "Reports a second", "Reports that clients send and that are taken. None: nothing arrives, or nothing is accepted.", [Target("reports_now")], "short", steps=SOME_IS_GOOD, decimals=0, w=4, empty="NO REPORTS"),
            number("exporter connections", "Connections", "WebSocket connections open.", [Target("connections_now")], "short", decimals=0, w=3),
            number("refused share", "Refused", "Of what clients send, in the last quarter of an hour. The reasons are below.", [Target("refused_share")], "percentunit", steps=_REFUSED, decimals=1, w=4),
            number("errors", "Own faults, 1 hour", "Each is in the log with its trace: file a bug.", [Target("errors_internal")], "short", steps=NONE_IS_GOOD, decimals=0, w=4),
            number("limited now", "Folded away, 1 hour", "New label sets and values that became other: sums stay right, what is told by label does not.", [Target("limited_now")], "short", steps=_OVERFLOW, decimals=0, w=3),
            number("uptime", "Since the last start", "The youngest exporter. Short: it restarts.", [Target("uptime")], "s", decimals=0, w=3),
        ]),
        Row("What comes in", [
            lines("reports", "Reports, by outcome", "Rejected: see the reasons beside.", [Target("reports", "{{rtc_outcome}}")], "short", stack=True, colours=_OUTCOMES, w=6),
            lines("refusals", "Refused, by reason", "README, Refusals, says what each is and what to do.", [Target("refused", "{{rtc_drop_reason}}")], "short", empty="Nothing is refused", stack=True, w=6),
            lines("formats", "Reports, by format", "What clients speak.", [Target("reports_by_format", "{{rtc_transport_protocol}}")], "short", stack=True, w=6),
            lines("connections", "Connections, by format", "A fall to nothing: look at the proxy in front.", [Target("connections", "{{rtc_transport_protocol}}")], "short", stack=True, w=6),
            heat("delay", "From a client's sample to here", "After its clock was corrected. Long: a full uplink, or we are slow.", Target("delay_spread"), "s", w=8),
            lines("clocks", "Client clocks off by more than 5 s", "Spans are corrected for it. Many at once: look at the clock of the exporter.", [Target("clocks_off", "off")], "percentunit", steps=_CLOCKS, w=8),
            lines("silent", "Went without a word, and slept", "Participants that fell silent, and reports after a sleep of the page.", [Target("evicted", "went without a word"), Target("sleeps", "slept")], "short", w=8),
        ]),
        Row("What it costs", [
            lines("cpu", "Processor", "Of one core; one process uses one.", [Target("cpu", "{{instance}}")], "percentunit", steps=_CPU, w=6),
            lines("memory", "Memory", "Resident. Grows with live participants and series, not with time.", [Target("memory", "{{instance}}")], "bytes", w=6),
            lines("render", "Rendering a scrape, p95", "Time to write it, waiting for the network included.", [Target("render", "{{rtc_output}}"), Target("scrape", "scrape {{instance}}")], "s", w=6),
            lines("gc", "Garbage collections a second", "By generation; the oldest is the slow one.", [Target("collections", "generation {{generation}}")], "short", w=6),
        ]),
        Row("Series", [
            lines("series", "Series held", "All families together.", [Target("series", "series")], "short", w=4),
            bars("families", "Largest families", "What Prometheus pays for.", [Target("series_families", "{{rtc_metric_family}}")], "short", decimals=0, w=8),
            lines("limited", "Folded into other", "By family, and by attribute.", [Target("limited", "{{rtc_metric_family}}{{rtc_attribute}}")], "short", empty="Nothing is folded away", w=6),
            lines("exported", "Participants with series of their own", "Worst: beyond the limit only the worst have them.", [Target("exported", "{{rtc_budget_reason}}")], "short", stack=True, w=6),
        ]),
        Row("OTLP", [
            lines("otlp", "Requests", "By what they carry, and what became of them.", [Target("otlp", "{{rtc_signal}} {{rtc_outcome}}")], "short", w=6),
            lines("otlp waiting", "Waiting", "Grows: the receiver is slow or away.", [Target("otlp_waiting", "{{rtc_signal}}")], "short", w=6),
            lines("otlp dropped", "Given up", "By reason: lost for good.", [Target("otlp_dropped", "{{rtc_signal}} {{rtc_drop_reason}}")], "short", empty="Nothing is given up", stack=True, w=6),
            lines("spans", "Spans", "Finished, and what became of them.", [Target("spans", "{{rtc_outcome}}")], "short", stack=True, w=6),
        ], closed=True),
        Row("Can it be judged?", [
            lines("unclassified", "Call time that cannot be judged, by browser", "Browsers that do not report enough: their users are in no objective.", [Target("unclassified", "{{user_agent_name}}")], "percentunit", top=1, w=12),
            rows("unjudged", "Issues that a browser cannot show", "Share of peer connections of which an issue could not be judged, since the browser leaves a member out.", [Target("unjudged")],
                 [Column("user_agent_name", "Browser"), Column("rtc_issue", "Issue"), Column("Value", "Cannot judge", "percentunit", decimals=0, width=120)], sort="Cannot judge", w=12, empty="All can be judged"),
        ]),
    ],
)  # fmt: skip
