"""
Every span this exporter makes, its events and its attributes, one row each.

A session is a trace.  Nothing is open for long: a short ``rtc.participant`` leaves early, everything else hangs on
it as spans that end within five minutes.  So a call of a day is seen while it runs, a crash loses minutes, and
back ends that keep the first span of an id (Tempo) or cut traces after seconds of silence get what they need.

The span builder takes names from here; ``docs`` renders pages and the machine-readable conventions, and tests
hold what is built against the rows.
"""

from dataclasses import dataclass

from rtc_exporter import w3c
from rtc_exporter.attributes import ATTRIBUTES, TENANT
from rtc_exporter.rules import ISSUES


@dataclass(frozen=True, slots=True)
class SpanType:
    """One kind of span: where it hangs, when it leaves, and what it carries besides ``COMMON``."""

    name: str
    parent: str
    when: str
    help: str
    attributes: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpanAttribute:
    """
    An attribute that only spans and their events have: its type as in OTLP, its meaning, an example.

    ``values`` are all that there are, where they are known beforehand.
    """

    type: str
    help: str
    example: str
    values: tuple[str, ...] = ()


SESSION, PARTICIPANT, SETUP = "rtc.session", "rtc.participant", "rtc.peer_connection.setup"
NEGOTIATION, RESTART, SEGMENT = "rtc.negotiation", "rtc.ice.restart", "rtc.participant.segment"
VOICE_TURN = "rtc.voice.turn"
SUMMARY, SESSION_SUMMARY = "rtc.participant.summary", "rtc.session.summary"
CAPTURES = {"getUserMedia": "rtc.get_user_media", "getDisplayMedia": "rtc.get_display_media"}

#: Setup phases by name; each is a child of the setup span.
PHASES = (
    "create_offer", "create_answer", "set_local", "set_remote", "ice_gathering", "ice_connecting", "dtls_connecting",
    "first_packet", "first_frame",
)  # fmt: skip
#: Each issue has a span of its own name.
EPISODES = tuple(ISSUES)

#: On every span of a participant; on those of a session what is not the participant's.
COMMON = ("session.id", "rtc.participant.id", "rtc.app.name", "rtc.sampling.reason", TENANT)
#: What was said of the client.
CLIENT = (
    "rtc.app.version", "user_agent.name", "user_agent.version", "user_agent.os.name", "geo.country.iso_code",
    "rtc.client.as", "client.address",
)  # fmt: skip
PATH = ("rtc.ice.candidate.type", "rtc.ice.remote_candidate.type", "rtc.ice.transport", "network.connection.type")
SECURITY = ("tls.protocol.version", "rtc.dtls.cipher", "rtc.srtp.cipher")
CANDIDATES = tuple(f"rtc.ice.candidates.{kind}" for kind in ("host", "srflx", "prflx", "relay"))
#: Distributions on a segment, of each the ``PERCENTILES``, and what they are of.
MEASURES = {
    "rtc.packet_loss.ratio": "share of packets lost",
    "rtc.remote_packet_loss.ratio": "share of packets sent that the other side lost",
    "rtc.jitter": "packet jitter in seconds",
    "rtc.round_trip_time": "round trip time in seconds",
    "rtc.jitter_buffer.delay": "jitter buffer delay in seconds",
    "rtc.concealment.ratio": "share of audio made up",
    "rtc.freeze.ratio": "share of time frozen",
    "rtc.frame_rate": "frames a second",
}
#: Seconds of a voice turn, and the parts of its way.
LATENCIES = ("total", "transport", "pipeline", "unexplained", "agent", *w3c.VOICE_STAGES)
WAY = ("send_delay", "round_trip_time", "jitter_buffer", "playout", "agent_round_trip_time")
PERCENTILES = ("p50", "p95", "max")
#: Quality classes, best first; ``unclassified`` where nothing could be measured, which is never counted as good.
CLASSES = ("good", "fair", "poor", "bad", "unclassified")
#: How bad a class is; of what could not be measured nothing is known, and anything known is worse.
RANK = {name: rank for rank, name in enumerate((CLASSES[-1], *CLASSES[:-1]))}
#: Reports further apart, in seconds, say nothing about the time between: a machine that slept had no bad call meanwhile.
PAUSE = 30.0

SPANS: tuple[SpanType, ...] = (
    SpanType(
        SESSION, "", "when the first participant is seen", "Marks a session; it has no length.",
    ),
    SpanType(
        PARTICIPANT, SESSION, "when setup is complete or has failed, at the latest 30 s after the join",
        "A participant joins: from the first sign of its client to the end of its setup.",
        (*CLIENT, "network.connection.type", "rtc.outcome", "rtc.client.clock_offset", "rtc.participant.join"),
        ("rtc.candidate_error", "rtc.device_change", "rtc.network_change", "rtc.visibility_change"),
    ),
    *(
        SpanType(
            name, PARTICIPANT, "when the promise settles", f"A call of `{method}`.",
            ("rtc.capture.audio", "rtc.capture.video", "error.type"),
        )
        for method, name in CAPTURES.items()
    ),
    SpanType(
        SETUP, PARTICIPANT, "when connected and the path is known, or failed, at the latest after five minutes",
        "A peer connection comes about: from its creation to its outcome.",
        ("rtc.peer_connection.id", "rtc.ice.transport_policy", "rtc.outcome", "error.type", *PATH, *SECURITY,
         *CANDIDATES, "rtc.ice.candidate.errors"),
        ("rtc.candidate_error",),
    ),
    *(
        SpanType(
            f"rtc.setup.{phase}", SETUP, "with its parent, or when it ends after it", f"Setup phase `{phase}`.",
            ("rtc.peer_connection.id", "error.type", *(CANDIDATES if phase == "ice_gathering" else ())),
        )
        for phase in PHASES
    ),
    SpanType(
        NEGOTIATION, PARTICIPANT, "when both descriptions are set, or it was given up", "A later exchange of offer and answer.",
        ("rtc.peer_connection.id", "rtc.negotiation.role", "rtc.outcome", "rtc.tracks.added", "rtc.tracks.removed",
         "error.type"),
    ),
    SpanType(
        RESTART, PARTICIPANT, "when connected again, or failed", "An ICE restart.",
        ("rtc.peer_connection.id", "rtc.ice.restart.trigger", "rtc.ice.candidate.previous_type",
         "rtc.ice.candidate.type", "rtc.outcome"),
    ),
    SpanType(
        SEGMENT, PARTICIPANT, "every five minutes, and at a change of quality class", "A stretch of the call.",
        ("rtc.quality", "rtc.segment.reason", *(f"rtc.quality_time.{name}" for name in CLASSES),
         *(f"{measure}.{percentile}" for measure in MEASURES for percentile in PERCENTILES),
         "rtc.bytes.received", "rtc.bytes.sent", "rtc.freezes", "rtc.freeze.time", "rtc.cpu_limited.time",
         "rtc.bandwidth_limited.time", "rtc.pressure.time", "rtc.frame.height", "rtc.hidden.time", "rtc.spans.over_budget", *PATH),
        ("rtc.mute", "rtc.unmute", "rtc.track_ended", "rtc.device_change", "rtc.network_change",
         "rtc.visibility_change", "rtc.candidate_error", "rtc.report_gap", "rtc.reports_lost", "rtc.feedback", "rtc.voice.gap",
         "rtc.voice.interruption", "rtc.client_issue"),
    ),
    SpanType(
        VOICE_TURN, PARTICIPANT, "when the next turn is decided, at the latest 15 s after it",
        "A turn with a voice agent: from the end of the user's speech to the first audio of the agent.",
        ("rtc.voice.outcome", "gen_ai.agent.name", "gen_ai.conversation.id", "rtc.voice.framework",
         "rtc.voice.timing.source", "rtc.voice.resolution", "rtc.voice.turn.number", "rtc.voice.speech.duration",
         *(f"rtc.voice.latency.{name}" for name in LATENCIES), *(f"rtc.voice.transport.{part}" for part in WAY),
         "rtc.transport.scope", "rtc.voice.interrupted", "rtc.severity"),
        ("rtc.voice.thinking", "rtc.voice.synthesizing"),
    ),
    *(
        SpanType(
            f"rtc.episode.{name}", PARTICIPANT, "when it ends, and every five minutes as a part", help,
            ("rtc.issue", "rtc.severity", "rtc.side", "rtc.cause", "rtc.peer_connection.id", "rtc.media.kind",
             "rtc.media.direction", "rtc.streams", "rtc.worst", "rtc.threshold", "rtc.mid", "rtc.ssrc", "rtc.codec", "rtc.part",
             "rtc.outcome", "error.type", "rtc.api.method", "rtc.setup.stage", "rtc.ice.server.scheme", *PATH,
             *(f"{measure}.worst" for measure in MEASURES)),
            ("rtc.worst",),
        )
        for name, help in ((issue.name, issue.help) for issue in ISSUES.values())
    ),
    SpanType(
        SUMMARY, PARTICIPANT, "when the participant leaves", "The whole stay, from join to leave.",
        (*CLIENT, "rtc.outcome", "rtc.leave.reason", "rtc.quality", *(f"rtc.quality_time.{name}" for name in CLASSES),
         "rtc.bytes.received", "rtc.bytes.sent", "rtc.freezes", "rtc.freeze.time",
         *(f"rtc.episodes.{name}" for name in EPISODES), "rtc.worst_segment.id", "rtc.feedback.rating",
         "rtc.feedback.issue", "rtc.spans.over_budget", "rtc.partial", *PATH),
    ),
    SpanType(
        SESSION_SUMMARY, SESSION, "when the last participant is gone from this exporter",
        "What this exporter saw of the session.",
        ("rtc.participants", "rtc.partial", "rtc.quality", *(f"rtc.quality_time.{name}" for name in CLASSES)),
    ),
)  # fmt: skip

BY_NAME: dict[str, SpanType] = {row.name: row for row in SPANS}

#: Span events: what happened, and what the event carries.
EVENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "rtc.mute": ("A track was muted.", ("rtc.media.kind",)),
    "rtc.unmute": ("A track is heard or seen again.", ("rtc.media.kind",)),
    "rtc.track_ended": ("A track ended: its device is gone, or sharing was stopped.", ("rtc.media.kind",)),
    "rtc.device_change": ("A device was plugged in or out.", ()),
    "rtc.network_change": ("The network changed.", ("network.connection.type",)),
    "rtc.visibility_change": ("The page was hidden, or shown again.", ("rtc.page.hidden",)),
    "rtc.candidate_error": ("A STUN or TURN server refused, or was not reached.", ("error.type", "rtc.ice.server.scheme", "rtc.ice.transport")),
    "rtc.reports_lost": ("Reports of a peer connection could not be read, or not whole: what they build on never came, or went to another process, or to this one before it was started again.", ()),
    "rtc.report_gap": ("No report came for a while: the page or the machine slept.", ()),
    "rtc.client_issue": ("A library at the client found something wrong, or over.", ("rtc.client.issue", "rtc.client.issue_begins")),
    "rtc.feedback": ("The user gave a rating.", ("rtc.feedback.rating", "rtc.feedback.issue")),
    "rtc.worst": ("The worst report of an episode.", ("rtc.worst",)),
    "rtc.voice.gap": ("The agent was silent in the middle of what it said.", ("rtc.voice.gap.cause", "rtc.voice.gap.duration")),
    "rtc.voice.interruption": ("The user and the agent spoke at once.", ("rtc.voice.interruption",)),
    "rtc.voice.thinking": ("The agent began to work on its answer.", ()),
    "rtc.voice.synthesizing": ("The agent began to make speech of its answer.", ()),
}  # fmt: skip

#: Values that attributes have on spans alone: an episode ends with its peer connection.
VALUES: dict[str, tuple[str, ...]] = {"rtc.outcome": ("closed",)}

#: Attributes that no metric has.
SPAN_ATTRIBUTES: dict[str, SpanAttribute] = {
    "rtc.sampling.reason": SpanAttribute("string", "Why the span was kept: `ratio`, what went wrong, or `pinned`.", "ratio"),
    "client.address": SpanAttribute("string", "The client's address, cut to /24 or /48; with `privacy.addresses` alone.", "192.0.2.0"),
    "rtc.participant.join": SpanAttribute("int", "How often the participant had joined the session before.", "0"),
    "rtc.client.clock_offset": SpanAttribute("double", "Seconds that were added to the client's times.", "0.0"),
    "rtc.peer_connection.id": SpanAttribute("string", "The peer connection, as the client names it.", "PC_0"),
    "rtc.capture.audio": SpanAttribute("boolean", "Whether a microphone was asked for.", "true"),
    "rtc.capture.video": SpanAttribute("boolean", "Whether a camera or screen was asked for.", "true"),
    "rtc.ice.transport_policy": SpanAttribute("string", "Which candidates the page lets ICE use.", "relay", ("all", "relay")),
    "rtc.ice.remote_candidate.type": SpanAttribute("string", "The remote candidate of the path.", "srflx"),
    "rtc.ice.candidate.previous_type": SpanAttribute("string", "The local candidate of the path before.", "host"),
    **{name: SpanAttribute("int", f"Local {name.rsplit('.', 1)[1]} candidates gathered.", "2") for name in CANDIDATES},
    "rtc.ice.candidate.errors": SpanAttribute("int", "Candidate errors so far.", "0"),
    "rtc.ice.restart.trigger": SpanAttribute("string", "`restartIce`, or `createOffer` with iceRestart.", "restartIce"),
    "rtc.negotiation.role": SpanAttribute("string", "`offer` where this side made the offer, else `answer`.", "offer", ("offer", "answer")),
    TENANT: SpanAttribute("string", "Whose session it is, where there are tenants.", "acme"),
    "rtc.tracks.added": SpanAttribute("int", "Tracks and transceivers added for it.", "1"),
    "rtc.tracks.removed": SpanAttribute("int", "Tracks removed for it.", "0"),
    "rtc.segment.reason": SpanAttribute("string", "Why the segment ended: five minutes were over, the class changed, the participant left, or a new trace began.", "interval", ("interval", "quality", "leave", "rollover")),
    **{f"rtc.quality_time.{name}": SpanAttribute("double", f"Seconds of quality class `{name}`.", "295.0") for name in CLASSES},
    **{
        f"{measure}.{percentile}": SpanAttribute("double", f"{what.capitalize()}, of the worst stream of each fold in the segment: {percentile}.", "0.02")
        for measure, what in MEASURES.items() for percentile in PERCENTILES
    },
    **{f"{measure}.worst": SpanAttribute("double", f"{what.capitalize()}, of the worst stream in the worst interval of an episode.", "0.02") for measure, what in MEASURES.items()},
    "rtc.bytes.received": SpanAttribute("int", "RTP payload bytes received.", "123456"),
    "rtc.bytes.sent": SpanAttribute("int", "RTP payload bytes sent.", "123456"),
    "rtc.freezes": SpanAttribute("int", "Video freezes.", "2"),
    "rtc.freeze.time": SpanAttribute("double", "Seconds in which video was frozen.", "1.2"),
    "rtc.cpu_limited.time": SpanAttribute("double", "Seconds in which the machine held the encoder back.", "0.0"),
    "rtc.bandwidth_limited.time": SpanAttribute("double", "Seconds in which the network held the encoder back.", "0.0"),
    "rtc.pressure.time": SpanAttribute("double", "Seconds under serious or critical CPU pressure.", "0.0"),
    "rtc.frame.height": SpanAttribute("int", "Shorter side of the newest video received.", "480"),
    "rtc.hidden.time": SpanAttribute("double", "Seconds in which the page was hidden.", "0.0"),
    "rtc.spans.over_budget": SpanAttribute("int", "Spans that were left out because the participant had used up its budget.", "0"),
    "rtc.partial": SpanAttribute("boolean", "Reports could not be read, so sums and times lack what they told.", "true"),
    "rtc.streams": SpanAttribute("int", "Streams that were affected at once, at most.", "1"),
    "rtc.worst": SpanAttribute("double", "The worst value seen, in the unit of the threshold.", "0.31"),
    "rtc.threshold": SpanAttribute("double", "The value from which on it counts.", "0.05"),
    "rtc.mid": SpanAttribute("string", "The mid of the worst stream.", "1"),
    "rtc.ssrc": SpanAttribute("int", "The SSRC of the worst stream.", "12345"),
    "rtc.part": SpanAttribute("int", "Which part of a long episode this is, from 0.", "0"),
    **{f"rtc.episodes.{name}": SpanAttribute("int", f"Episodes of `{name}`.", "1") for name in EPISODES},
    "rtc.worst_segment.id": SpanAttribute("string", "Span id of the worst segment.", "00f067aa0ba902b7"),
    "rtc.client.issue_begins": SpanAttribute("boolean", "Whether the issue begins, or is over.", "true"),
    "rtc.feedback.rating": SpanAttribute("double", "The user's rating, 1 to 5.", "4.0"),
    "rtc.participants": SpanAttribute("int", "Participants seen.", "2"),
    "gen_ai.conversation.id": SpanAttribute("string", "The conversation, as the agent names it.", "conv-4711"),
    "rtc.voice.resolution": SpanAttribute("string", "How fine the times are: `coarse` where they are those of reports.", "fine", ("fine", "coarse")),
    "rtc.voice.turn.number": SpanAttribute("int", "The agent's number of the turn, else ours, from 1.", "3"),
    "rtc.voice.speech.duration": SpanAttribute("double", "Seconds that the user spoke.", "2.4"),
    **{f"rtc.voice.latency.{name}": SpanAttribute("double", f"Seconds: {what}.", "0.62") for name, what in zip(LATENCIES, (
        "voice to voice", "the way, up and down", "what the way does not account for",
        "what neither the way nor the agent accounts for", "the turn as the agent measured it",
        "until the agent knew that the user had finished", "until the agent had the transcript",
        "until the first token of the language model", "until the first byte of speech",
    ), strict=True)},
    **{f"rtc.voice.transport.{part}": SpanAttribute("double", f"Seconds of the way: {what}.", "0.04") for part, what in zip(WAY, (
        "in the pacer", "the round trip by RTCP", "in the jitter buffer", "from there to the speaker",
        "the round trip between media server and agent",
    ), strict=True)},
    "rtc.transport.scope": SpanAttribute("string", "How far the way reaches: to a media server in between, or to the agent.", "client_sfu", w3c.TRANSPORT_SCOPES),
    "rtc.voice.interrupted": SpanAttribute("boolean", "Whether the user interrupted the answer.", "false"),
    "rtc.voice.gap.duration": SpanAttribute("double", "Seconds of a gap.", "0.6"),
    "rtc.page.hidden": SpanAttribute("boolean", "Whether the page is hidden now.", "true"),
}  # fmt: skip


def common(row: SpanType) -> tuple[str, ...]:
    """What it carries because every span does: a session's span has no participant."""
    is_session = row.name in (SESSION, SESSION_SUMMARY)
    return tuple(name for name in COMMON if not (is_session and name == "rtc.participant.id"))


def names() -> frozenset[str]:
    """Every attribute that a span or span event may carry."""
    used = {name for row in SPANS for name in row.attributes} | {
        name for _, several in EVENTS.values() for name in several
    }
    return frozenset(used | set(COMMON))


def is_known(attribute: str) -> bool:
    """Whether the attribute is explained somewhere."""
    return attribute in SPAN_ATTRIBUTES or attribute in ATTRIBUTES
