"""Where is quality worst, and is it the access network, our TURN, or a country?"""

from grafana_foundation_sdk.builders import dashboard

from dashboards.src.board import Board, Row, again, chosen
from dashboards.src.judge import LIMITS, NONE_IS_GOOD, RED, Steps, falling, rising
from dashboards.src.overview import SHARE
from dashboards.src.panels import Column, Target, bars, heat, lines, rows, world
from dashboards.src.promql import of

_PATHS = of("rtc.path.quality.time")
_COUNTRY = chosen(
    "country", "Country", "Where clients are, by their address.", f"label_values({_PATHS}, geo_country_iso_code)"
)
_NETWORK = chosen(
    "network", "Network", "What is under the path of media.", f"label_values({_PATHS}, network_connection_type)"
)
MINUTES = (
    dashboard.TextBoxVariable("minutes").label("Least minutes").default_value("60")
    .description("Places with fewer minutes of calls are not drawn on the map: too few to say anything.")
)  # fmt: skip
#: Failures of ICE: the objective for setup allows one in a hundred for all reasons.
_FAILED: Steps = ((None, "green"), (0.01, "orange"), (0.03, RED))
_FEW: Steps = ((None, "green"), (0.2, "orange"))

BOARD = Board(
    "rtc-network",
    "RTC / Network and geography",
    "Where are calls worst: a country, an access network, or our TURN?",
    "network engineers and product managers",
    "A country alone: its routes, or the nearest servers. Relay alone: TURN. One network type: what users have at home.",
    [
        Row("Where", [
            world("map", "Countries", "Colour: the certain part of the share of poor and bad call time. Size: minutes of calls. Countries with too few minutes are left out.",
                  [Target("map_share"), Target("map_minutes")],
                  [Column("geo_country_iso_code", "Country"), Column("Value #A", "At least", "percentunit", SHARE, decimals=1), Column("Value #B", "Minutes", "short", decimals=0)], w=12, h=11),
            rows("places", "Country and network", "Poor and bad call time, sorted by what is certain of it.",
                 [Target("places_share"), Target("places_bound"), Target("places_minutes")],
                 [Column("geo_country_iso_code", "Country", width=90, links=[again("Only ${__value.text}", "rtc-network", country="${__value.raw:percentencode}")]), Column("network_connection_type", "Network"),
                  Column("Value #B", "At least", "percentunit", SHARE, decimals=1, width=100), Column("Value #A", "Poor or bad", "percentunit", decimals=1, width=110), Column("Value #C", "Minutes", "short", decimals=0, width=90)],
                 sort="At least", w=12, h=11),
        ]),
        Row("Round trip", [
            bars("rtt p95", "p95 by country", "19 of 20 folds are under this. Far more than the distance explains: a detour, or the wrong region was chosen.", [Target("rtt_by_country_p95", "{{geo_country_iso_code}}")], "s", steps=rising(LIMITS.round_trip), w=6),
            bars("rtt p50", "p50 by country", "Half of the folds are under this.", [Target("rtt_by_country_p50", "{{geo_country_iso_code}}")], "s", steps=rising(LIMITS.round_trip), w=6),
            heat("rtt places", "Round trip time", "A second band is a group of users on another way. A point is one call: click it for its trace.", Target("rtt_spread_places"), "s", w=6),
            lines("rtt slow", "Over 300 ms, by network", "Share of folds with a long round trip.", [Target("rtt_slow_by_network", "{{network_connection_type}}")], "percentunit", w=6, top=1),
        ]),
        Row("Operators", [
            rows("operators", "Operators of networks, now", "Where the addresses of clients are known: who is live from each autonomous system, how many of them are in trouble, and their mean score. Many in trouble at one operator: its peering, and no country.",
                 [Target("providers"), Target("providers_troubled"), Target("providers_score")],
                 [Column("rtc_client_as", "Operator"), Column("Value #A", "People", "short", decimals=0, width=90), Column("Value #B", "In trouble", "short", NONE_IS_GOOD, decimals=0, width=100), Column("Value #C", "Mean score", "short", falling(LIMITS.score), decimals=1, width=110)],
                 sort="In trouble", w=24, h=6, empty="No operator is known"),
        ]),
        Row("Paths and TURN", [
            lines("path time", "Calls, by path", "How many calls go which way.", [Target("path_time", "{{rtc_ice_candidate_type}} {{rtc_ice_transport}}")], "short", stack=True),
            lines("relay bad", "Poor or bad call time, by path", "Relay above host and srflx for long: the TURN servers, or what is around them.", [Target("relay_bad", "{{rtc_ice_candidate_type}} {{rtc_ice_transport}}")], "percentunit", steps=SHARE),
            bars("relay country", "Share on a relay, by country", "High: UDP is blocked there, or STUN is not reached.", [Target("relay_by_country", "{{geo_country_iso_code}}")], "percentunit", top=1),
            lines("relays gathered", "Relay candidates for each attempt", "How many relays TURN gives. A fall to nothing is an outage of TURN, which only users behind firewalls feel.", [Target("relays_gathered", "{{rtc_ice_transport}}")], "short", w=8),
            lines("ice errors", "Errors of STUN and TURN servers", "401: credentials. 486, 508: quota or capacity. 701: not reached, usual for some interfaces of a client.", [Target("ice_errors", "{{rtc_ice_server_scheme}} {{error_type}}")], "short", empty="No errors", w=8),
            lines("tcp", "Media over TCP or TLS", "Works, with delay: UDP is blocked for these users.", [Target("tcp_share", "tcp or tls")], "percentunit", steps=_FEW, w=8),
        ]),
        Row("Connecting and staying", [
            lines("ice failed", "ICE fails", "Share of attempts that find no path.", [Target("ice_failed", "failed")], "percentunit", steps=_FAILED, w=8),
            lines("setup stages", "Stages of setup, p95", "Which part takes the time: gathering (STUN, TURN), ICE (the path), DTLS.", [Target("ice_time", "{{rtc_setup_stage}}")], "s", steps=rising(LIMITS.setup_time), w=8),
            lines("changes", "Changes in an hour of call", "Other paths, lost connections, and ICE restarts, for each hour that a participant is in a call.",
                  [Target("path_changes", "path changes"), Target("disconnections", "disconnections"), Target("restarts", "ICE restarts")], "short", w=8),
        ]),
        Row("Trend", [
            lines("trend", "Poor or bad call time, and a week ago", "By the hour. Above a week ago for hours: something has changed.", [Target("hourly_bad", "now"), Target("hourly_bad_then", "a week ago")], "percentunit", steps=SHARE, w=24, h=7),
        ], closed=True),
    ],
    variables=[_COUNTRY, _NETWORK, MINUTES],
    since="now-6h",
)  # fmt: skip
