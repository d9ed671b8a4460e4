"""Is the exporter itself well, and is what clients send understood?"""

from dashboards.src.board import Board, Row
from dashboards.src.judge import NONE_IS_GOOD, SOME_IS_GOOD, Steps
from dashboards.src.panels import Column, Target, bars, heat, lines, number, rows
from tools.limits import STANDARD

_REFUSED: Steps = ((None, "green"), (STANDARD.refused_share / 5, "orange"), (STANDARD.refused_share, "red"))
_CLOCKS: Steps = ((None, "green"), (STANDARD.clock_share, "orange"))
_OVERFLOW: Steps = ((None, "green"), (1.0, "orange"))
_CPU: Steps = ((None, "green"), (0.6, "orange"), (0.85, "red"))
#: What is given up while memory runs short, by stage.
_STAGES = {
    "0": ("all is taken", "green"),
    "1": ("no new clients", "orange"),
    "2": ("reports dropped", "red"),
    "3": ("clients closed", "red"),
}
_STAGE: Steps = ((None, "green"), (1.0, "orange"), (2.0, "red"))
#: A loop that is so late answers nobody in time.
_LAG: Steps = ((None, "green"), (0.1, "orange"), (1.0, "red"))
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
            number("exporter reports", "Reports a second", "Reports that clients send and that are taken. None: nothing arrives, or nothing is accepted.", [Target("reports_now")], "short", steps=SOME_IS_GOOD, decimals=0, w=3, empty="NO REPORTS"),
            number("exporter connections", "Connections", "WebSocket connections open.", [Target("connections_now")], "short", decimals=0, w=3),
            number("refused share", "Refused", "Of what clients send, in the last quarter of an hour. The reasons are below.", [Target("refused_share")], "percentunit", steps=_REFUSED, decimals=1, w=3),
            number("errors", "Own faults, 1 hour", "Each is in the log with its trace: file a bug.", [Target("errors_internal")], "short", steps=NONE_IS_GOOD, decimals=0, w=3),
            number("limited now", "Folded away, 1 hour", "New label sets and values that became other: sums stay right, what is told by label does not.", [Target("limited_now")], "short", steps=_OVERFLOW, decimals=0, w=3),
            number("memory stage", "Memory", "What is given up because memory runs short: first new clients, then reports, then the heaviest clients. It comes back by itself.", [Target("memory_stage")], "short", steps=_STAGE, texts=_STAGES, decimals=0, w=3),
            number("uptime", "Since the last start", "The youngest exporter. Short: it restarts.", [Target("uptime")], "s", decimals=0, w=3),
        ]),
        Row("What comes in", [
            lines("reports", "Reports, by outcome", "Rejected: see the reasons beside.", [Target("reports", "{{rtc_outcome}}")], "short", stack=True, colours=_OUTCOMES, w=6),
            lines("refusals", "Refused, by reason", "README, Refusals, says what each is and what to do.", [Target("refused", "{{rtc_drop_reason}}")], "short", empty="Nothing is refused", stack=True, w=6),
            lines("formats", "Reports, by format", "What clients speak.", [Target("reports_by_format", "{{rtc_transport_protocol}}")], "short", stack=True, w=6),
            lines("connections", "Connections, by format", "A fall to nothing: look at the proxy in front.", [Target("connections", "{{rtc_transport_protocol}}")], "short", stack=True, w=6),
            heat("delay", "From a client's sample to here", "After its clock was corrected. Long: a full uplink, or we are slow.", Target("delay_spread"), "s", w=6),
            lines("clocks", "Client clocks off by more than 5 s", "Spans are corrected for it. Many at once: look at the clock of the exporter.", [Target("clocks_off", "off")], "percentunit", steps=_CLOCKS, w=6),
            lines("silent", "Went without a word, and slept", "Participants that fell silent, and reports after a sleep of the page.", [Target("evicted", "went without a word"), Target("sleeps", "slept")], "short", w=6),
            lines("no room", "No room, by limit", "Connections and requests turned away: what was full is the process, or what one tenant, address or participant may have. Behind a proxy, address means ingest.trusted_hops is not set.", [Target("no_room", "{{rtc_limit}}")], "short", empty="Nobody is turned away", stack=True, w=6),
        ]),
        Row("What it costs", [
            lines("cpu", "Processor", "Of one core; one process uses one.", [Target("cpu", "{{instance}}")], "percentunit", steps=_CPU, w=6),
            lines("memory", "Memory and its limit", "Grows with live participants and series, not with time. From a share of the limit on, things are given up; a limit of 0 is none.", [Target("memory", "held {{instance}}"), Target("memory_limit", "limit {{instance}}")], "bytes", w=6),
            lines("shed", "Given up for want of memory", "Clients refused, reports dropped, clients closed. More replicas, or a higher limit.", [Target("shed", "{{rtc_shed}}")], "short", empty="Nothing is given up", stack=True, w=6),
            lines("loop", "How late the event loop is, p99", "Over 0.1 s: one process has too much to do.", [Target("loop_lag", "late {{instance}}")], "s", steps=_LAG, w=6),
        ]),
        Row("Series", [
            lines("series", "Series held", "All families together.", [Target("series", "series")], "short", w=4),
            bars("families", "Largest families", "What Prometheus pays for.", [Target("series_families", "{{rtc_metric_family}}")], "short", decimals=0, w=8),
            lines("limited", "Folded into other", "By family, and by attribute.", [Target("limited", "{{rtc_metric_family}}{{rtc_attribute}}")], "short", empty="Nothing is folded away", w=6),
            lines("exported", "Participants with series of their own", "Worst: beyond the limit only the worst have them.", [Target("exported", "{{rtc_budget_reason}}")], "short", stack=True, w=6),
        ]),
        Row("Tenants", [
            lines("tenant reports", "Reports, by tenant", "A tenant that falls to nothing: its release, its keys, or its proxy.", [Target("tenant_reports", "{{rtc_tenant}}")], "short", stack=True, w=6),
            lines("tenant refused", "Refused, by tenant", "Whose clients send what cannot be taken; without a name: nobody knows whose.", [Target("tenant_refused", "{{rtc_tenant}}")], "short", empty="Nothing is refused", stack=True, w=6),
            lines("tenant people", "Participants, by tenant", "Who is here now.", [Target("tenant_people", "{{rtc_tenant}}")], "short", stack=True, w=6),
            lines("tenant series", "Series, by tenant", "Each has limits.tenant_series of them; what is over is folded into other.", [Target("tenant_series", "{{rtc_tenant}}")], "short", stack=True, w=6),
        ], closed=True),
        Row("Engine", [
            lines("engine waiting", "Not yet stored", "What edges hold until the engine has it. From half of engine.waiting_bytes on, reports are left out.", [Target("engine_waiting", "{{instance}}")], "bytes", w=6),
            lines("engine batches", "Batches, by outcome", "Edges store them and aggregators read them. Refused: a stream or a disk is full. Lost or spoilt: counts lack something.", [Target("engine_batches", "{{rtc_outcome}}")], "short", w=6),
            lines("engine behind", "Stored and not read", "Grows: aggregators are too slow, start more.", [Target("engine_behind", "{{instance}}")], "short", w=6),
            lines("engine partitions", "Partitions", "Configured: engine.partitions. Held: somebody reads them. Shown: their metrics are here.", [Target("engine_partitions", "{{rtc_state}}")], "short", w=6),
        ], closed=True),
        Row("Scrapes, configuration and history", [
            lines("render", "Rendering a scrape, p95", "Time to write it, waiting for the network included.", [Target("render", "{{rtc_output}}"), Target("scrape", "scrape {{instance}}")], "s", w=6),
            lines("scrapes", "Scrapes, by outcome", "Rendered, given what another has just had, or cut because nobody read them.", [Target("scrapes", "{{rtc_outcome}}")], "short", stack=True, w=6),
            lines("scrape age", "Since the last whole scrape", "Longer than the interval of scrapes: Prometheus times out, see what rendering takes.", [Target("scrape_age", "{{instance}}")], "s", w=6),
            lines("gc", "Garbage collections a second", "By generation; the oldest is the slow one.", [Target("collections", "generation {{generation}}")], "short", w=6),
            lines("stalls", "Stalls of the event loop", "Times that it hung for a second; the log says what held it.", [Target("loop_stalls", "{{instance}}")], "short", w=6),
            lines("admin", "Requests of operators", "Without the right password: somebody tries, or a scrape has an old one.", [Target("admin", "{{rtc_outcome}}")], "short", stack=True, w=6),
            bars("reloads", "Configurations read again", "In the chosen range. Refused: the log says which setting, and the one before stays in use.", [Target("reloads", "{{rtc_config_file}} {{rtc_outcome}}")], "short", decimals=0, w=6),
            lines("clock", "Wall clock ahead of the time in use", "After somebody has set the clock; it is led back slowly, and no call sees a jump.", [Target("clock", "{{instance}}")], "s", low=None, w=6),
            lines("unlogged", "Lines that were not logged", "Of one message there is a line a second; the others are counted here.", [Target("unlogged", "lines")], "short", w=6),
            lines("history", "Sessions remembered", "Those that ended and can still be looked up on the page of sessions.", [Target("history", "sessions")], "short", w=6),
            lines("history bytes", "Memory for them", "What is remembered of calls, as estimated.", [Target("history_bytes", "bytes")], "bytes", w=6),
            lines("history dropped", "Forgotten, by reason", "Age is usual; memory or number: more calls than history.memory or history.sessions hold.", [Target("history_dropped", "{{rtc_drop_reason}}")], "short", empty="Nothing is forgotten", stack=True, w=6),
            lines("not understood", "Not understood", "Events with unknown names, and stats objects whose counters went back: a new release of a client.", [Target("unknown_events", "unknown events"), Target("resets", "counters went back")], "short", w=6),
        ], closed=True),
        Row("OTLP", [
            lines("otlp", "Requests", "By what they carry, and what became of them.", [Target("otlp", "{{rtc_signal}} {{rtc_outcome}}")], "short", w=6),
            lines("otlp time", "Time of a request, p95", "From encoding to the answer. Near the timeout: the receiver is what waits.", [Target("otlp_time", "{{rtc_signal}}")], "s", w=6),
            lines("otlp waiting", "Waiting", "Grows: the receiver is slow or away. Undecided: spans that sampling has not decided on yet, which is no backlog.", [Target("otlp_waiting", "{{rtc_signal}}"), Target("otlp_undecided", "undecided")], "short", w=6),
            lines("otlp delivered", "Taken by the receiver", "Spans and points a second.", [Target("otlp_delivered", "{{rtc_signal}}")], "short", w=6),
            lines("otlp dropped", "Given up", "By reason: lost for good.", [Target("otlp_dropped", "{{rtc_signal}} {{rtc_drop_reason}}")], "short", empty="Nothing is given up", stack=True, w=6),
            lines("spans", "Spans", "Finished, and what became of them.", [Target("spans", "{{rtc_outcome}}")], "short", stack=True, w=6),
        ], closed=True),
        Row("Can it be judged?", [
            lines("unclassified", "Call time that cannot be judged, by browser", "Browsers that do not report enough: their users are in no objective.", [Target("unclassified", "{{user_agent_name}}")], "percentunit", top=1, w=12),
            rows("unjudged", "Issues that a browser cannot show", "Share of peer connections of which an issue could not be judged, since the browser leaves a member out.", [Target("unjudged")],
                 [Column("user_agent_name", "Browser"), Column("rtc_issue", "Issue"), Column("Value", "Cannot judge", "percentunit", decimals=0, width=120)], sort="Cannot judge", w=12, empty="All can be judged"),
        ], closed=True),
    ],
)  # fmt: skip
