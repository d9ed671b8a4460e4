"""What can be wrong with the way that packets take: loss, delay, jitter, paths, ICE."""

from math import inf

from rtc_exporter.rules.rule import INFO, INFRASTRUCTURE, NETWORK, OUTAGE, Issue, Rule, event

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
JITTER = Issue(
    "jitter", NETWORK, "Packets come at uneven times.",
    "Look at Wi-Fi, and at what else uses the link; a queue that fills and empties shows as jitter.",
)  # fmt: skip
LATENCY_STEP = Issue(
    "latency_step", NETWORK, "The round trip has changed all at once.",
    "The route has changed, or a link has filled: see what else began at that time.",
)  # fmt: skip
CONGESTION = Issue(
    "congestion", NETWORK, "The uplink is full.",
    "More is sent than the uplink carries: look for uploads beside the call, and lower the bitrate that is asked for.",
)  # fmt: skip
STARVED = Issue(
    "bandwidth_starved", NETWORK, "There is hardly bandwidth for what is sent.",
    "The uplink carries no video, or not even audio; switch video off, or change the network.",
)  # fmt: skip
PACER = Issue(
    "pacer_delay", NETWORK, "Packets wait before they are sent.",
    "The encoder makes more than the estimate of bandwidth lets out: see what limits the uplink.",
)  # fmt: skip
LATE = Issue(
    "late_packets", NETWORK, "Packets come too late to be played.",
    "Jitter is above what the jitter buffer bridges: see jitter, and the network's queues.",
)  # fmt: skip
RETRANSMISSIONS = Issue(
    "retransmissions", NETWORK, "Much is sent again.",
    "The uplink loses packets: what is sent again takes bandwidth from what is new.",
)  # fmt: skip
UNSTABLE_PATH = Issue(
    "unstable_path", NETWORK, "The path changes again and again.",
    "The machine moves between networks, or a VPN comes and goes; ask for one network, or a wire.",
)  # fmt: skip
RELAY_FALLBACK = Issue(
    "relay_fallback", NETWORK, "A direct path was given up for a relay.",
    "The direct path has died: a firewall or a change of network. The call goes on, by a longer way.",
)  # fmt: skip
TCP_MEDIA = Issue(
    "tcp_media", NETWORK, "Media goes over TCP or TLS.",
    "UDP is blocked on this network: ask its owner to let UDP through to the servers.",
)  # fmt: skip
VPN = Issue(
    "vpn", NETWORK, "Media goes through a VPN.",
    "See whether calls are better without it, and ask for a split tunnel.",
)  # fmt: skip
STUN_UNANSWERED = Issue(
    "stun_unanswered", NETWORK, "The other end of the path does not answer.",
    "Nothing comes back on the path in use: it is dead in at least one direction.",
)  # fmt: skip
ECN_BLEACHED = Issue(
    "ecn_bleached", INFRASTRUCTURE, "Something takes congestion marks off packets.",
    "A router on the way clears ECN marks, so that L4S does not work; tell the network's owner.",
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
DISCONNECTED = event(
    ICE_DISCONNECTED, "ICE is disconnected, as the peer connection says itself.",
    "W3C webrtc 4.4.5; critical: ObserveRTC", critical=DEAD,
)  # fmt: skip

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
    Rule(
        JITTER, stats="inbound-rtp", signal="jitter", kind="audio", direction="inbound",
        on=0.04, off=0.03, critical=0.20, of=(3, 5), unit="s",
        help="Audio packets come at uneven times.",
        origin="on: rtcStats, Pexip; off: Twilio; critical: webrtc-issue-detector; 3 of 5: Twilio",
    ),
    Rule(
        # A frame of video is sent as several packets one after the other, which is jitter to RFC 3550.
        JITTER, stats="inbound-rtp", signal="jitter", kind="video", direction="inbound",
        on=0.20, off=0.10, critical=inf, of=(3, 5), unit="s", severity=INFO,
        help="Video packets come at uneven times.",
        origin="on: webrtc-issue-detector",
    ),
    Rule(
        LATENCY_STEP, signal="round_trip_step", source="trend",
        on=1.0, off=0.5, of=(1, 1), unit="1", severity=INFO, settle=10.0,
        help="The round trip is a third off its mean, or 150 ms, and at least 50 ms.",
        origin="on: ObserveRTC",
    ),
    Rule(
        CONGESTION, signal="congestion", direction="outbound", source="trend",
        on=0.5, off=0.5, of=(2, 3), unit="1", settle=20.0, causes=_UP,
        help="The network holds the encoder back, and the round trip has risen or packets are lost upwards.",
        origin="ObserveRTC",
    ),
    Rule(
        STARVED, stats="candidate-pair", signal="starved", direction="outbound",
        on=0.5, off=0.5, of=(2, 2), unit="1", settle=20.0,
        help="The estimate of bandwidth is under what audio needs, or under 100 kbit/s for each video.",
        origin="webrtc-issue-detector",
    ),
    Rule(
        PACER, stats="outbound-rtp", signal="packet_send_delay", direction="outbound",
        on=0.05, off=0.025, of=(2, 3), unit="s", severity=INFO, settle=20.0,
        help="Packets wait in the pacer.",
        origin="own, after ObserveRTC",
    ),
    Rule(
        LATE, stats="inbound-rtp", signal="discarded_ratio", kind="audio", direction="inbound",
        on=0.01, off=0.005, of=(3, 5), unit="1", severity=INFO,
        help="Audio packets come too late to be played.",
        origin="own",
    ),
    Rule(
        RETRANSMISSIONS, stats="outbound-rtp", signal="retransmitted_ratio", kind="video", direction="outbound",
        # At the start, padding to probe for bandwidth is sent as retransmissions.
        on=0.10, off=0.05, of=(3, 5), unit="1", severity=INFO, settle=20.0,
        help="A tenth of what is sent is sent again.",
        origin="own",
    ),
    Rule(
        UNSTABLE_PATH, signal="path_changes", source="trend",
        on=2.0, off=1.0, of=(1, 1), unit="{change}", settle=10.0,
        help="The selected path has changed three times in half a minute.",
        origin="ObserveRTC",
    ),
    Rule(
        RELAY_FALLBACK, signal="relay_fallback", source="trend",
        on=0.5, off=0.5, of=(1, 1), unit="1", severity=INFO,
        help="The selected path was direct and is a relay now.",
        origin="ObserveRTC",
    ),
    Rule(
        TCP_MEDIA, stats="candidate-pair", signal="over_tcp",
        on=0.5, off=0.5, of=(1, 1), unit="1", severity=INFO,
        help="The selected path uses TCP or TLS, to the other side or to the relay.",
        origin="peermetrics, rtcStats",
    ),
    Rule(
        VPN, stats="candidate-pair", signal="over_vpn",
        on=0.5, off=0.5, of=(1, 1), unit="1", severity=INFO,
        help="The browser says that the network of the selected path is a VPN.",
        origin="rtcStats",
    ),
    Rule(
        STUN_UNANSWERED, stats="candidate-pair", signal="stun_unanswered",
        on=0.5, off=0.5, of=(2, 2), unit="1", causes=(OUTAGE,),
        help="STUN requests on the selected path get no answer.",
        origin="W3C webrtc-stats; RFC 7675: consent ends after 30 s",
    ),
    Rule(
        ECN_BLEACHED, stats="remote-inbound-rtp", signal="bleached", direction="outbound",
        on=0.5, off=0.5, of=(2, 3), unit="1", severity=INFO,
        help="Packets sent with ECT(1) arrive without.",
        origin="RFC 9331; rtcStats",
    ),
    NO_MEDIA,
    DISCONNECTED,
)  # fmt: skip
