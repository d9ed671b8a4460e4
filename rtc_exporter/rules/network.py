"""What can be wrong with the way that packets take: loss, delay, jitter, paths, ICE."""

from math import inf

from rtc_exporter.rules.rule import NETWORK, OUTAGE, Issue, Rule, event

#: Audio codecs without concealment of their own, and how others are told from them.
NARROW = frozenset({"audio/pcmu", "audio/pcma", "audio/g722"})

#: Seconds without anything before a connection that had media counts as dead, and before that is critical.
QUIET, DEAD = 2.0, 5.0

LOSS = Issue(
    "loss", NETWORK, "Packets are lost.",
    "Look at the access network: Wi-Fi signal, a full uplink, VPN or mobile; compare others on the same network.",
)  # fmt: skip
LATENCY = Issue(
    "latency", NETWORK, "The round trip is long.",
    "Look at the path: relay or VPN, a far region, a full uplink; compare with others in the same region.",
)  # fmt: skip
BANDWIDTH_LIMITED = Issue(
    "bandwidth_limited", NETWORK, "The encoder is held back by the network.",
    "The uplink is too small or shared; look at other traffic, Wi-Fi, and what the estimate of bandwidth does.",
)  # fmt: skip
NOTHING_COMES = Issue(
    "no_media", NETWORK, "Nothing arrives.",
    "The path is dead: look for a change of network, a firewall that forgot the flow, or a server that has gone.",
)  # fmt: skip
ICE_DISCONNECTED = Issue(
    "disconnected", NETWORK, "ICE is disconnected.",
    "The path is dead: see whether it came back by itself, by an ICE restart, or not at all.",
)  # fmt: skip

_UP = ("remote_loss", "latency")

NO_MEDIA = Rule(
    NOTHING_COMES, on=QUIET, off=0.0, critical=DEAD, of=(1, 1), unit="s", direction="inbound", source="report",
    help="Nothing at all arrives on a connection that had media.",
    # Two seconds are two reports of rtcstats-js; five, and ICE begins to call itself disconnected.
    origin="critical: ObserveRTC, inbound transport stall",
)  # fmt: skip
DISCONNECTED = event(ICE_DISCONNECTED, "ICE is disconnected, as the peer connection says itself.", "W3C webrtc 4.4.5")

RULES: tuple[Rule, ...] = (
    Rule(
        LOSS, stats="inbound-rtp", signal="loss_ratio", kind="audio", direction="inbound",
        on=0.04, off=0.02, critical=0.10, of=(2, 3), but=NARROW, unit="1",
        causes=(OUTAGE,), help="Audio packets are lost on the way here; Opus hides some of that.",
        origin="on: rtcStats; critical: Teams CQD",
    ),
    Rule(
        LOSS, stats="inbound-rtp", signal="loss_ratio", kind="audio", direction="inbound", variant="narrow",
        on=0.01, off=0.005, critical=0.10, of=(2, 3), codecs=NARROW, unit="1",
        causes=(OUTAGE,), help="Audio packets of a codec that cannot hide loss are lost on the way here.",
        origin="on: rtcStats, for G.711; critical: Teams CQD",
    ),
    Rule(
        LOSS, stats="inbound-rtp", signal="loss_ratio", kind="video", direction="inbound",
        on=0.06, off=0.03, critical=0.10, of=(2, 3), unit="1",
        causes=(OUTAGE,), help="Video packets are lost on the way here.",
        origin="on: LiveKit; critical: Pexip",
    ),
    Rule(
        LOSS, stats="remote-inbound-rtp", signal="loss_ratio", kind="audio", direction="outbound",
        on=0.04, off=0.02, critical=0.10, of=(2, 3), but=NARROW, unit="1",
        causes=(OUTAGE,), help="Audio packets are lost on the way to the other side; Opus hides some of that.",
        origin="on: rtcStats; critical: Teams CQD",
    ),
    Rule(
        LOSS, stats="remote-inbound-rtp", signal="loss_ratio", kind="audio", direction="outbound", variant="narrow",
        on=0.01, off=0.005, critical=0.10, of=(2, 3), codecs=NARROW, unit="1",
        causes=(OUTAGE,), help="Audio packets of a codec that cannot hide loss are lost on the way to the other side.",
        origin="on: rtcStats, for G.711; critical: Teams CQD",
    ),
    Rule(
        LOSS, stats="remote-inbound-rtp", signal="loss_ratio", kind="video", direction="outbound",
        on=0.06, off=0.03, critical=0.10, of=(2, 3), unit="1",
        causes=(OUTAGE,), help="Video packets are lost on the way to the other side.",
        origin="on: LiveKit; critical: Pexip",
    ),
    Rule(
        LATENCY, stats="remote-inbound-rtp", signal="round_trip_time", variant="rtcp",
        on=0.40, off=0.30, critical=0.80, of=(2, 3), unit="s",
        help="The round trip is long, by RTCP.",
        origin="on: Twilio; off: Sinch; critical: ITU-T G.114, 400 ms one way",
    ),
    Rule(
        LATENCY, stats="candidate-pair", signal="round_trip_time", variant="ice",
        on=0.40, off=0.30, critical=0.80, of=(2, 3), unit="s",
        help="The round trip is long, by ICE; judged where RTCP says nothing.",
        origin="on: Twilio; off: Sinch; critical: ITU-T G.114, 400 ms one way",
    ),
    Rule(
        BANDWIDTH_LIMITED, stats="outbound-rtp", signal="bandwidth_limited_ratio", kind="video", direction="outbound",
        # Bandwidth estimation starts low: recorded calls in 720p need up to 18 s, and that is no trouble.
        on=0.20, off=0.10, critical=inf, of=(2, 3), settle=20.0, unit="1",
        causes=_UP, help="The network holds the encoder back.",
        origin="on: rtcStats, less than 80 % of the time unlimited",
    ),
    NO_MEDIA,
    DISCONNECTED,
)  # fmt: skip
