"""Are servers green while users are unhappy?"""

from grafana_foundation_sdk.builders import dashboard

from dashboards.src.board import Board, Row, again
from dashboards.src.judge import LIMITS, SIDES, rising
from dashboards.src.panels import Target, lines

_SERVER = (
    dashboard.TextBoxVariable("server").label("Media servers").default_value(".*")
    .description("Instances of the node exporter on media servers, as a regular expression.")
)  # fmt: skip
_NO_SERVER = (
    "Names are LiveKit's and the node exporter's; without them the panel is empty, and nothing else depends on it."
)

BOARD = Board(
    "rtc-servers",
    "RTC / Servers and clients",
    "Do users suffer while servers look well?",
    "who runs media servers",
    "Client lines rise and server lines do not: the way between, or devices. Both rise: the servers.",
    [
        Row("Loss and delay, at the server and at the client", [
            lines("both loss", "Packets lost, p95", f"Server: what it did not get. Client: what users did not get. {_NO_SERVER}", [Target("server_loss", "server, incoming"), Target("client_loss", "client, received")], "percentunit", steps=rising(LIMITS.video_loss), w=12),
            lines("both rtt", "Round trip time, p95", f"Seen from both ends. {_NO_SERVER}", [Target("server_rtt", "server"), Target("client_rtt", "client")], "s", steps=rising(LIMITS.round_trip), w=12),
        ]),
        Row("Load and joins", [
            lines("server cpu", "Processor of media servers", f"Over 80 %: packets wait. {_NO_SERVER}", [Target("server_cpu", "{{instance}}")], "percentunit", top=1, w=8),
            lines("bad sides", "Bad call time, by whose it is", "How many participants are in a poor or bad call.", [Target("bad_by_side", "{{rtc_side}}")], "short", stack=True, colours=SIDES, w=8, links=[again("Overview", "rtc-overview", app="")]),
            lines("joins", "Joins, at the server and at the client", f"Fewer at the server than at the client: users do not reach it. {_NO_SERVER}", [Target("server_joins", "server: {{state}}"), Target("client_joins", "client: {{rtc_outcome}}")], "short", w=8),
        ]),
    ],
    variables=[_SERVER],
)  # fmt: skip
