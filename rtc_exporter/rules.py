"""
What can be wrong with a call: one row for each way to see it.

A rule reads one signal of one stats type.  It opens an episode when ``k`` of the last ``n`` judged folds are above
``on``, or one is above ``at_once``, and closes it when so many in a row are not above ``off`` that ``k`` of ``n`` can
no longer be had.  A signal that the browser does not report is not judged, which is not the same as good.

Several rows may share a name: a name is what an operator sees, a row is one way to measure it.  To add a rule, add a
row, and a row to the table of cases in ``tests/test_rules.py``.

Folds are five seconds, unless the operator chose otherwise: 2 of 3 is ten to fifteen seconds.  Where a source does not
say when a warning clears, it clears at half of where it starts.
"""

from dataclasses import dataclass
from math import inf

#: Audio codecs without concealment of their own, and how others are told from them.
NARROW = frozenset({"audio/pcmu", "audio/pcma", "audio/g722"})

#: Seconds without anything before a connection that had media counts as dead, and before that is critical.
QUIET, DEAD = 2.0, 5.0


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One row.

    ``stats`` and ``signal`` say what is read; a rule without them is decided elsewhere, as ``source`` says.
    ``codecs`` are the only ones that it is about, ``but`` the ones that it is not about, in lower case.
    ``least``: a counter and what it must have gained for an interval to be bad.  ``settle``: seconds of a connection
    that are not judged.  ``causes``: which of ``CAUSES`` may explain it.
    """

    name: str
    variant: str
    stats: str
    signal: str
    kind: str
    direction: str
    on: float
    off: float
    critical: float
    of: tuple[int, int]
    unit: str
    help: str
    origin: str
    at_once: float = inf
    least: tuple[str, float] | None = None
    settle: float = 0.0
    codecs: frozenset[str] = frozenset()
    but: frozenset[str] = frozenset()
    causes: tuple[str, ...] = ()
    source: str = "fold"

    @property
    def id(self) -> str:
        """What tells the row from others: ``loss.inbound.audio.narrow``."""
        return ".".join(part for part in (self.name, self.direction, self.kind, self.variant) if part)

    @property
    def clears_after(self) -> int:
        """Folds in a row that are not bad, and end an episode."""
        k, n = self.of
        return n - k + 1

    def is_about(self, codec: str | None) -> bool:
        """Whether a stream of this codec is judged; an unknown one is taken for the usual."""
        known = (codec or "").lower()
        return known not in self.but and (not self.codecs or known in self.codecs)


@dataclass(frozen=True, slots=True)
class Cause:
    """What else was seen in the worst interval of an episode: a measure of ``quality.LEVELS`` above a bound."""

    word: str
    measure: str
    above: float
    help: str


#: By word, the likeliest first; ``outage``, which no measure shows, is that nothing at all arrived meanwhile.
OUTAGE = "outage"
CAUSES: dict[str, Cause] = {
    cause.word: cause
    for cause in (
        Cause("loss", "rtc.packet_loss.ratio", 0.02, "Packets were lost on the way here."),
        Cause("jitter", "rtc.jitter", 0.04, "Packets came at uneven times."),
        Cause("latency", "rtc.round_trip_time", 0.4, "The round trip was long."),
        Cause("remote_loss", "rtc.remote_packet_loss.ratio", 0.02, "Packets were lost on the way to the other side."),
    )
}

_DOWN = (OUTAGE, "loss", "jitter")
_UP = ("remote_loss", "latency")

RULES: tuple[Rule, ...] = (
    Rule(
        "freeze", "", "inbound-rtp", "freeze_ratio", "video", "inbound",
        on=0.05, off=0.01, critical=0.30, at_once=0.30, of=(3, 5), least=("totalFreezesDuration", 0.5), unit="1",
        causes=_DOWN, help="Video stands still.",
        # libwebrtc calls a gap of 150 ms over the usual a freeze; one such in a fold is above 3 % and nobody minds.
        origin="on: rtcStats, critical: webrtc-issue-detector; half a second: Agora; 3 of 5: Twilio",
    ),
    Rule(
        "audio_concealment", "", "inbound-rtp", "concealment_ratio", "audio", "inbound",
        on=0.03, off=0.01, critical=0.07, of=(2, 3), unit="1",
        causes=_DOWN, help="Sound is made up for what did not come, silence not counted.",
        origin="on, off, over 15 s: ObserveRTC; critical: Teams CQD",
    ),
    Rule(
        "loss", "", "inbound-rtp", "loss_ratio", "audio", "inbound",
        on=0.04, off=0.02, critical=0.10, of=(2, 3), but=NARROW, unit="1",
        causes=(OUTAGE,), help="Audio packets are lost on the way here; Opus hides some of that.",
        origin="on: rtcStats; critical: Teams CQD",
    ),
    Rule(
        "loss", "narrow", "inbound-rtp", "loss_ratio", "audio", "inbound",
        on=0.01, off=0.005, critical=0.10, of=(2, 3), codecs=NARROW, unit="1",
        causes=(OUTAGE,), help="Audio packets of a codec that cannot hide loss are lost on the way here.",
        origin="on: rtcStats, for G.711; critical: Teams CQD",
    ),
    Rule(
        "loss", "", "inbound-rtp", "loss_ratio", "video", "inbound",
        on=0.06, off=0.03, critical=0.10, of=(2, 3), unit="1",
        causes=(OUTAGE,), help="Video packets are lost on the way here.",
        origin="on: LiveKit; critical: Pexip",
    ),
    Rule(
        "loss", "", "remote-inbound-rtp", "loss_ratio", "audio", "outbound",
        on=0.04, off=0.02, critical=0.10, of=(2, 3), but=NARROW, unit="1",
        causes=(OUTAGE,), help="Audio packets are lost on the way to the other side; Opus hides some of that.",
        origin="on: rtcStats; critical: Teams CQD",
    ),
    Rule(
        "loss", "narrow", "remote-inbound-rtp", "loss_ratio", "audio", "outbound",
        on=0.01, off=0.005, critical=0.10, of=(2, 3), codecs=NARROW, unit="1",
        causes=(OUTAGE,), help="Audio packets of a codec that cannot hide loss are lost on the way to the other side.",
        origin="on: rtcStats, for G.711; critical: Teams CQD",
    ),
    Rule(
        "loss", "", "remote-inbound-rtp", "loss_ratio", "video", "outbound",
        on=0.06, off=0.03, critical=0.10, of=(2, 3), unit="1",
        causes=(OUTAGE,), help="Video packets are lost on the way to the other side.",
        origin="on: LiveKit; critical: Pexip",
    ),
    Rule(
        "latency", "rtcp", "remote-inbound-rtp", "round_trip_time", "", "",
        on=0.40, off=0.30, critical=0.80, of=(2, 3), unit="s",
        help="The round trip is long, by RTCP.",
        origin="on: Twilio; off: Sinch; critical: ITU-T G.114, 400 ms one way",
    ),
    Rule(
        "latency", "ice", "candidate-pair", "round_trip_time", "", "",
        on=0.40, off=0.30, critical=0.80, of=(2, 3), unit="s",
        help="The round trip is long, by ICE; judged where RTCP says nothing.",
        origin="on: Twilio; off: Sinch; critical: ITU-T G.114, 400 ms one way",
    ),
    Rule(
        "cpu_limited", "", "outbound-rtp", "cpu_limited_ratio", "video", "outbound",
        on=0.30, off=0.15, critical=inf, of=(2, 3), unit="1",
        help="The machine holds the encoder back.",
        origin="on: ObserveRTC",
    ),
    Rule(
        "bandwidth_limited", "", "outbound-rtp", "bandwidth_limited_ratio", "video", "outbound",
        # Bandwidth estimation starts low and needs some seconds: that is no trouble.
        on=0.20, off=0.10, critical=inf, of=(2, 3), settle=10.0, unit="1",
        causes=_UP, help="The network holds the encoder back.",
        origin="on: rtcStats, less than 80 % of the time unlimited",
    ),
    Rule(
        "no_media", "", "", "", "", "inbound",
        on=QUIET, off=0.0, critical=DEAD, of=(1, 1), unit="s", source="report",
        help="Nothing at all arrives on a connection that had media.",
        # Two seconds are two reports of rtcstats-js; five, and ICE begins to call itself disconnected.
        origin="critical: ObserveRTC, inbound transport stall",
    ),
    Rule(
        "disconnected", "", "", "", "", "",
        on=0.0, off=0.0, critical=DEAD, of=(1, 1), unit="s", source="event",
        help="ICE is disconnected, as the peer connection says itself.",
        origin="critical: ObserveRTC",
    ),
)  # fmt: skip

BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}
NO_MEDIA = BY_ID["no_media.inbound"]
DISCONNECTED = BY_ID["disconnected"]
