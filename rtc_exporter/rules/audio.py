"""What can be wrong with sound."""

from rtc_exporter.rules.rule import DEVICE, INFO, NETWORK, OUTAGE, PEER, UNKNOWN, Issue, Rule

AUDIO_CONCEALMENT = Issue(
    "audio_concealment", UNKNOWN, "Audio is made up for what did not come.",
    "Words are missing for this listener: see the cause beside it, loss and jitter of the network or a busy machine.",
)  # fmt: skip
JITTER_BUFFER = Issue(
    "jitter_buffer_stress", NETWORK, "The jitter buffer is long and stretches sound.",
    "Packets come so unevenly that sound is delayed and stretched; see jitter.",
)  # fmt: skip
CREEPING_DELAY = Issue(
    "creeping_delay", NETWORK, "Sound comes later and later.",
    "The jitter buffer grows and does not shrink: joining again helps; look at the network's queues, and the machine.",
)  # fmt: skip
PLAYOUT = Issue(
    "playout_underrun", DEVICE, "The loudspeaker runs dry.",
    "The machine does not give sound to its device in time: a busy machine, a driver, or Bluetooth.",
)  # fmt: skip
MICROPHONE_SILENT = Issue(
    "microphone_silent", DEVICE, "The microphone captures only noise.",
    "Nobody speaks, or the wrong device is chosen, or its level is down: ask the user to speak and watch the level.",
)  # fmt: skip
MICROPHONE_FAINT = Issue(
    "microphone_faint", DEVICE, "The microphone is hardly audible.",
    "Its level is far down or its mute key half works: raise the level, or choose another device.",
)  # fmt: skip
ECHO = Issue(
    "echo_risk", DEVICE, "This participant's loudspeaker is heard by others.",
    "The echo canceller does not cope: a headset, or a lower volume, helps the others.",
)  # fmt: skip
LOW_VOLUME = Issue(
    "low_volume", PEER, "What is heard is hardly loud enough.",
    "The speaker's microphone is down or far away: it is for that participant to raise it.",
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    Rule(
        AUDIO_CONCEALMENT, stats="inbound-rtp", signal="concealment_ratio", kind="audio", direction="inbound",
        on=0.03, off=0.01, critical=0.07, of=(2, 3), unit="1",
        causes=(OUTAGE, "loss", "late", "jitter", "playout"),
        help="Sound is made up for what did not come, silence not counted.",
        origin="on, off, over 15 s: ObserveRTC; critical: Teams CQD",
    ),
    Rule(
        JITTER_BUFFER, stats="inbound-rtp", signal="stressed_buffer", kind="audio", direction="inbound",
        on=0.20, off=0.10, of=(2, 2), unit="s",
        help="The jitter buffer aims for a long delay, and over 2 % of samples are inserted or removed.",
        origin="on: ObserveRTC",
    ),
    Rule(
        CREEPING_DELAY, signal="creeping_delay", kind="audio", direction="inbound", source="trend",
        on=0.30, off=0.30, of=(3, 3), unit="s",
        help="Over 30 folds the delay of the jitter buffer rises, by the test of Mann and Kendall.",
        origin="own; the test: ObserveRTC",
    ),
    Rule(
        PLAYOUT, stats="media-playout", signal="glitch_ratio", direction="inbound",
        on=0.05, off=0.025, of=(2, 3), unit="1",
        help="Samples are made up because the device was not fed in time.",
        origin="on: ObserveRTC",
    ),
    Rule(
        # An information, for whoever only listens is silent too, and clients do not say whether a track is disabled.
        MICROPHONE_SILENT, stats="media-source", signal="silent_microphone", kind="audio", direction="outbound",
        on=0.5, off=0.5, of=(6, 6), unit="1", severity=INFO,
        help="For half a minute the level of a live microphone is under 0.001, and not zero.",
        origin="level: ObserveRTC; half a minute: ObserveRTC",
    ),
    Rule(
        MICROPHONE_FAINT, signal="faint_microphone", kind="audio", direction="outbound", source="trend",
        on=0.5, off=0.5, of=(1, 1), unit="1", severity=INFO,
        help="For a minute the level of a live microphone never reaches 0.01.",
        origin="rtcStats",
    ),
    Rule(
        ECHO, stats="media-source", signal="echoes", kind="audio", direction="outbound",
        on=0.5, off=0.5, of=(3, 5), unit="1", severity=INFO,
        help="Echo return loss is under 10 dB, and the canceller enhances it by less than 6 dB.",
        origin="6 dB: rtcStats; 10 dB: own",
    ),
    Rule(
        LOW_VOLUME, signal="low_voice", kind="audio", direction="inbound", source="trend",
        on=0.66, off=0.33, of=(1, 1), unit="1", severity=INFO,
        help="Of the newest 24 folds with a voice, two thirds have a level under 0.15.",
        origin="rtcStats",
    ),
)  # fmt: skip
