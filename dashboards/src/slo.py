"""Are the objectives kept, and who spends the budget?"""

from dashboards.src.board import OF_ROW, Board, Row, again, chosen, tenant_column
from dashboards.src.judge import LEFT, Steps
from dashboards.src.panels import Column, Link, Target, bars, lines, rows
from tools.rules import Bases
from tools.slos import PAIRS

_SLO = chosen("slo", "Objective", "Objectives, as docs/slo.md has them.", "label_values(rtc_slo:objective:ratio, slo)")
#: The rates of burning at which alerts speak.
BURN: Steps = (
    (None, "green"),
    *((pair.factor, "orange" if pair.severity == "warning" else "red") for pair in reversed(PAIRS)),
)

BOARD = Board(
    "rtc-slo",
    "RTC / Objectives",
    "Are the objectives kept, and who spends their budgets?",
    "who answers for the service",
    "A rate of 1 uses the budget up in exactly thirty days; alerts speak at the lines.",
    [
        Row("Objectives", [
            rows("objectives", "Objectives", "What is wanted, what was bad over thirty days, what is left, and how many events stand behind it today.",
                 [Target("slo_error"), Target("slo_left"), Target("slo_events"), Target("slo_bad"), Target("slo_burn_1h")],
                 [Column("slo", "Objective", links=[again("Only ${__value.text}", "rtc-slo", tenant=OF_ROW, slo="${__value.raw:percentencode}")]), tenant_column("rtc-slo"), Column("rtc_app_name", "Application", links=[again("Overview of ${__value.text}", "rtc-overview", tenant=OF_ROW, app="${__value.raw:percentencode}")]),
                  Column("Value #B", "Budget left", "percentunit", LEFT, decimals=1, width=110), Column("Value #E", "Burning now", "short", BURN, decimals=1, width=110),
                  Column("Value #A", "Bad, 30 days", "percentunit", decimals=2, width=110), Column("Value #D", "Bad, 1 day", "short", decimals=0, width=100), Column("Value #C", "Events, 1 day", "short", decimals=0, width=110)],
                 sort="Budget left", descending=False, w=16, h=10),
            bars("targets", "What is wanted", "Share of good events over thirty days.", [Target("slo_objective", "{{slo}}")], "percentunit", low=0.9, top=1, decimals=1, w=8, h=10),
        ]),
        Row("Burning", [
            lines("burn fast", "Rate of burning, 5 minutes and 1 hour", "Both over 14.4: a page within minutes.", [Target("slo_burn_5m", "{{slo}} {{rtc_tenant}} {{rtc_app_name}} 5m"), Target("slo_burn_1h", "{{slo}} {{rtc_tenant}} {{rtc_app_name}} 1h")], "short", steps=BURN, w=12, decimals=1),
            lines("burn slow", "Rate of burning, 6 hours and 1 day", "Over 1 for days: a ticket.", [Target("slo_burn_6h", "{{slo}} {{rtc_tenant}} {{rtc_app_name}} 6h"), Target("slo_burn_1d", "{{slo}} {{rtc_tenant}} {{rtc_app_name}} 1d")], "short", steps=BURN, w=12, decimals=1),
            lines("left", "Budget left", "Falls with each bad event; a steep fall is an incident.", [Target("slo_left_over_time", "{{slo}} {{rtc_tenant}} {{rtc_app_name}}")], "percentunit", steps=LEFT, low=None, w=12),
            bars("forecast", "Budget left in a day", "If the last six hours go on.", [Target("slo_forecast", "{{slo}} {{rtc_tenant}} {{rtc_app_name}}")], "percentunit", steps=LEFT, top=1, w=12),
        ]),
        Row("Who spends it", [
            bars("slo countries", "Bad call time, by country", "Each country's part of all bad call time.", [Target("slo_countries", "{{geo_country_iso_code}}")], "percentunit", top=1, w=8, links=[again("Network", "rtc-network", country="${__field.labels.geo_country_iso_code:percentencode}")], empty="No bad call time"),
            bars("slo releases", "Bad call time, by release", "Each release's part.", [Target("slo_releases", "{{rtc_app_version}}")], "percentunit", top=1, w=8, links=[again("Release", "rtc-release", candidate="${__field.labels.rtc_app_version:percentencode}")], empty="No bad call time"),
            rows("slo alerts", "Alerts", "Those that fire now.", [Target("slo_alerts")], [Column("alertname", "Alert", links=[Link("Runbook", Bases().runbooks + "/${__value.raw}.md")]), Column("slo", "Objective"), Column("window", "Window", width=80), tenant_column("rtc-slo"), Column("rtc_app_name", "Application")], w=8, empty="No alert fires"),
        ]),
    ],
    variables=[_SLO],
    since="now-1d",
)  # fmt: skip
