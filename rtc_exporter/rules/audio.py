"""What can be wrong with sound."""

from rtc_exporter.rules.rule import OUTAGE, UNKNOWN, Issue, Rule

AUDIO_CONCEALMENT = Issue(
    "audio_concealment", UNKNOWN, "Audio is made up for what did not come.",
    "Words are missing for this listener: see the cause beside it, loss and jitter of the network or a busy machine.",
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    Rule(
        AUDIO_CONCEALMENT, stats="inbound-rtp", signal="concealment_ratio", kind="audio", direction="inbound",
        on=0.03, off=0.01, critical=0.07, of=(2, 3), unit="1",
        causes=(OUTAGE, "loss", "jitter"), help="Sound is made up for what did not come, silence not counted.",
        origin="on, off, over 15 s: ObserveRTC; critical: Teams CQD",
    ),
)  # fmt: skip
