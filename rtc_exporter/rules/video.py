"""What can be wrong with pictures: what is seen, and what is captured and encoded."""

from math import inf

from rtc_exporter.rules.rule import APPLICATION, DEVICE, INFO, INFRASTRUCTURE, NETWORK, OUTAGE, UNKNOWN, Issue, Rule

FREEZE = Issue(
    "freeze", UNKNOWN, "Video stands still.",
    "See the cause beside it: loss or an outage of the network, a decoder that is too slow, or the sender.",
)  # fmt: skip
CPU_LIMITED = Issue(
    "cpu_limited", DEVICE, "The encoder is held back by the machine.",
    "The machine is too busy: close other programs, turn background effects off, or send a lower resolution.",
)  # fmt: skip
DECODER = Issue(
    "decoder_overload", DEVICE, "The machine cannot decode in time.",
    "The machine is too busy for what it receives: fewer or smaller videos, or other programs closed.",
)  # fmt: skip
NO_KEY_FRAME = Issue(
    "key_frame_missing", INFRASTRUCTURE, "Key frames are asked for and do not come.",
    "The server or the sender does not answer key frame requests: look at the SFU, and at the sender's encoder.",
)  # fmt: skip
STUCK = Issue(
    "decoder_stuck", INFRASTRUCTURE, "Video comes and nothing can be decoded.",
    "What arrives cannot be decoded: look for a missing key frame, a wrong codec, or an SFU that mixes layers.",
)  # fmt: skip
KEY_FRAMES = Issue(
    "key_frame_storm", INFRASTRUCTURE, "Key frames are asked for again and again.",
    "Each key frame costs bandwidth and quality: look for loss, a layer that flaps, or receivers that come and go.",
)  # fmt: skip
CAMERA = Issue(
    "capture_starved", DEVICE, "The camera gives too few frames.",
    "Low light, a busy machine, or a USB port that is too slow: see whether it is the same in another program.",
)  # fmt: skip
ENCODER_FAILED = Issue(
    "encoder_failed", DEVICE, "The camera works and nothing is encoded.",
    "The encoder has failed: joining again helps; see whether one browser, driver or codec stands out.",
)  # fmt: skip
ENCODER = Issue(
    "encoder_overload", DEVICE, "The machine cannot encode in time.",
    "The machine is too busy for what it sends: a lower resolution, no background effects, or other programs closed.",
)  # fmt: skip
SENDS_NOTHING = Issue(
    "nothing_sent", APPLICATION, "Something is captured and nothing is sent.",
    "The connection works and the track does not leave: look at what the application did with it.",
)  # fmt: skip
PRESSURE = Issue(
    "cpu_pressure", DEVICE, "The machine is under pressure.",
    "The machine says itself that it is too busy or too hot: close other programs, plug it in.",
)  # fmt: skip
SMALLER = Issue(
    "resolution_drop", APPLICATION, "A smaller picture is sent.",
    "See the cause: bandwidth, the machine, or the application, which may have meant it.",
)  # fmt: skip
TOP_LAYER = Issue(
    "top_layer_lost", NETWORK, "The best simulcast layer is not sent.",
    "Receivers get a smaller picture: the uplink does not carry all layers, or the machine does not encode them.",
)  # fmt: skip
SOFTWARE = Issue(
    "software_fallback", DEVICE, "Video moved from hardware to software.",
    "The hardware encoder or decoder gave up: see whether one driver, codec or resolution stands out.",
)  # fmt: skip
DESYNC = Issue(
    "av_desync", NETWORK, "Sound and picture are apart.",
    "One of them is held up: see jitter buffers, and whether the sender's clocks drift.",
)  # fmt: skip
CORRUPTION = Issue(
    "corruption", DEVICE, "Pictures are corrupt.",
    "A decoder makes wrong pictures: see whether one browser, driver or codec stands out.",
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    Rule(
        FREEZE, stats="inbound-rtp", signal="freeze_ratio", kind="video", direction="inbound",
        on=0.05, off=0.01, critical=0.30, at_once=0.30, of=(3, 5), least=("totalFreezesDuration", 0.5), unit="1",
        causes=(OUTAGE, "loss", "decoder", "dropped", "jitter"), help="Video stands still.",
        # libwebrtc calls a gap of 150 ms over the usual a freeze; one such in a fold is above 3 % and nobody minds.
        origin="on: rtcStats, critical: webrtc-issue-detector; half a second: Agora; 3 of 5: Twilio",
    ),
    Rule(
        CPU_LIMITED, stats="outbound-rtp", signal="cpu_limited_ratio", kind="video", direction="outbound",
        on=0.30, off=0.15, critical=inf, of=(2, 3), unit="1",
        help="The machine holds the encoder back.",
        origin="on: ObserveRTC",
    ),
    Rule(
        DECODER, stats="inbound-rtp", signal="decode_load", kind="video", direction="inbound", variant="time",
        on=0.80, off=0.50, of=(2, 3), unit="1",
        help="Decoding takes over 80 % of the time there is, while next to no packets are lost.",
        origin="on: ObserveRTC",
    ),
    Rule(
        DECODER, stats="inbound-rtp", signal="dropped_ratio", kind="video", direction="inbound", variant="dropped",
        on=0.10, off=0.05, of=(2, 3), unit="1", settle=5.0,
        help="Over 10 % of the frames that come are not shown, while next to no packets are lost.",
        origin="on: ObserveRTC",
    ),
    Rule(
        NO_KEY_FRAME, stats="inbound-rtp", signal="unanswered", kind="video", direction="inbound",
        on=0.5, off=0.5, of=(1, 1), unit="1", settle=10.0, causes=(OUTAGE, "loss"),
        help="Nothing is decoded, two key frames were asked for, and next to nothing comes.",
        origin="ObserveRTC",
    ),
    Rule(
        STUCK, stats="inbound-rtp", signal="undecodable", kind="video", direction="inbound",
        on=0.5, off=0.5, of=(1, 1), unit="1", settle=10.0, causes=(OUTAGE, "loss"),
        help="At least 10 kbit/s come, two key frames were asked for, and nothing is decoded.",
        origin="ObserveRTC",
    ),
    Rule(
        KEY_FRAMES, stats="inbound-rtp", signal="key_frame_requests", kind="video", direction="inbound",
        on=0.50, off=0.15, of=(4, 6), unit="1/s", causes=(OUTAGE, "loss"),
        help="A key frame is asked for every two seconds.",
        origin="on, off, over 30 s: ObserveRTC",
    ),
    Rule(
        CAMERA, signal="capture_shortfall", kind="video", direction="outbound", source="trend",
        on=0.50, off=0.30, of=(2, 3), unit="1", settle=5.0,
        help="A camera gives under half of the frames that it gave at best; screens are not judged.",
        origin="on: ObserveRTC",
    ),
    Rule(
        ENCODER_FAILED, stats="outbound-rtp", signal="encodes_nothing", kind="video", direction="outbound",
        on=0.5, off=0.5, of=(2, 2), unit="1", settle=10.0,
        help="Frames are captured, packets are sent, and no layer encodes a frame.",
        origin="Chime",
    ),
    Rule(
        ENCODER, stats="outbound-rtp", signal="encode_load", kind="video", direction="outbound", variant="time",
        on=0.80, off=0.50, of=(2, 3), unit="1",
        help="Encoding in software takes over 80 % of the time there is.",
        origin="on: ObserveRTC, Chime",
    ),
    Rule(
        ENCODER, stats="outbound-rtp", signal="encode_shortfall", kind="video", direction="outbound", variant="frames",
        on=0.30, off=0.15, of=(2, 3), unit="1", settle=10.0,
        help="A busy encoder leaves out over 30 % of the frames captured.",
        origin="on: Chime; busy: own",
    ),
    Rule(
        SENDS_NOTHING, stats="outbound-rtp", signal="sends_nothing", direction="outbound",
        on=0.5, off=0.5, of=(2, 2), unit="1", causes=(OUTAGE,),
        help="A source gives frames or samples, the other side is heard, and a stream that sent before sends nothing.",
        origin="ObserveRTC",
    ),
    Rule(
        PRESSURE, stats="compute-pressure", signal="pressure",
        on=1.5, off=1.5, of=(6, 6), unit="{state}", severity=INFO,
        help="The Compute Pressure API says serious or critical for half a minute.",
        origin="rtcStats, Chime",
    ),
    Rule(
        SMALLER, signal="size_loss", kind="video", direction="outbound", source="trend",
        on=0.0, off=0.0, of=(1, 1), unit="1", severity=INFO, causes=("cpu", "bandwidth"),
        help="The picture sent has become smaller.",
        origin="ObserveRTC",
    ),
    Rule(
        TOP_LAYER, stats="outbound-rtp", signal="starves_top", kind="video", direction="outbound",
        on=0.5, off=0.5, of=(2, 2), unit="1", settle=20.0, causes=("cpu", "bandwidth"),
        help="The highest simulcast layer is active and sends nothing.",
        origin="ObserveRTC",
    ),
    Rule(
        SOFTWARE, signal="software_fallback", kind="video", source="trend",
        on=0.5, off=0.5, of=(1, 1), unit="1", severity=INFO,
        help="An encoder or decoder that saves power was replaced by one that does not.",
        origin="rtcStats",
    ),
    Rule(
        DESYNC, stats="inbound-rtp", signal="playout_offset", kind="video", direction="inbound",
        on=0.20, off=0.10, of=(3, 4), unit="s", severity=INFO, settle=15.0, causes=(OUTAGE, "loss", "jitter"),
        help="Sound and picture play over 200 ms apart; judged where there is one stream of each.",
        origin="on: callstats",
    ),
    Rule(
        CORRUPTION, stats="inbound-rtp", signal="corruption_probability", kind="video", direction="inbound",
        on=0.10, off=0.05, of=(2, 3), unit="1",
        help="Frames are corrupt with a probability over a tenth.",
        origin="on: ObserveRTC",
    ),
)  # fmt: skip
