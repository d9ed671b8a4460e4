"""What can be wrong with pictures: what is seen, and what is captured and encoded."""

from math import inf

from rtc_exporter.rules.rule import DEVICE, OUTAGE, UNKNOWN, Issue, Rule

FREEZE = Issue(
    "freeze", UNKNOWN, "Video stands still.",
    "See the cause beside it: loss or an outage of the network, a decoder that is too slow, or the sender.",
)  # fmt: skip
CPU_LIMITED = Issue(
    "cpu_limited", DEVICE, "The encoder is held back by the machine.",
    "The machine is too busy: close other programs, turn background effects off, or send a lower resolution.",
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    Rule(
        FREEZE, stats="inbound-rtp", signal="freeze_ratio", kind="video", direction="inbound",
        on=0.05, off=0.01, critical=0.30, at_once=0.30, of=(3, 5), least=("totalFreezesDuration", 0.5), unit="1",
        causes=(OUTAGE, "loss", "jitter"), help="Video stands still.",
        # libwebrtc calls a gap of 150 ms over the usual a freeze; one such in a fold is above 3 % and nobody minds.
        origin="on: rtcStats, critical: webrtc-issue-detector; half a second: Agora; 3 of 5: Twilio",
    ),
    Rule(
        CPU_LIMITED, stats="outbound-rtp", signal="cpu_limited_ratio", kind="video", direction="outbound",
        on=0.30, off=0.15, critical=inf, of=(2, 3), unit="1",
        help="The machine holds the encoder back.",
        origin="on: ObserveRTC",
    ),
)  # fmt: skip
