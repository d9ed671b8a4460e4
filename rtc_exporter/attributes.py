"""
What every attribute of the catalogue means.

``docs`` and ``conventions`` render it together with ``labels.RULES``, which knows the values, and a test holds
it against ``catalog.METRICS``.  OpenTelemetry's name is used where there is one; the label is the attribute with
every other character as ``_``.  An attribute that is not known for a series is absent from it.  All of them are
strings, those that are ``true`` or ``false`` too, since labels are.
"""

#: On every series, and every span, of a tenant, where there are tenants: no row of a table names it.
TENANT = "rtc.tenant"
#: On every series of one of several processes of a host, see ``shards``; spans have an instance instead.
SHARD = "shard"

ATTRIBUTES: dict[str, str] = {
    "session.id": "The call, conference or room.",
    "rtc.participant.id": "The user, page or agent in the call.",
    "rtc.app.name": "The application that the client belongs to.",
    "rtc.app.version": "The version of the application.",
    "user_agent.name": "The browser or client.",
    "user_agent.version": "The major version of the browser or client.",
    "user_agent.os.name": "The operating system.",
    "geo.country.iso_code": "The country that the client is in.",
    "rtc.client.as": "The autonomous system that the client is in.",
    "network.connection.type": "The network under the selected path.",
    "network.io.direction": "Whether the client sends or receives.",
    "rtc.media.kind": "What a stream carries.",
    "rtc.media.direction": "Whether the client sends or receives the stream.",
    "rtc.codec": "The codec of a stream.",
    "rtc.hardware_accelerated": "Whether a power-efficient encoder or decoder is at work.",
    "rtc.ice.candidate.type": "The local candidate of the path.",
    "rtc.ice.transport": "The protocol of the path; for a relay, the one to the TURN server.",
    "rtc.ice.server.scheme": "The kind of server that a candidate was asked from.",
    "rtc.ice.state": "The new `iceConnectionState`.",
    "rtc.peer_connection.state": "The `connectionState`.",
    "rtc.transport.layer": "The layer whose state changed.",
    "rtc.transport.state": "The new state of the layer.",
    "rtc.transport.protocol": "The format that a client speaks, see [formats](../README.md#formats).",
    "rtc.data_channel.state": "The new state of a data channel.",
    "tls.protocol.version": "The DTLS version.",
    "rtc.dtls.cipher": "The DTLS cipher suite.",
    "rtc.srtp.cipher": "The SRTP protection profile.",
    "rtc.certificate.algorithm": "The fingerprint algorithm of a certificate.",
    "rtc.api.method": "The call of the WebRTC API.",
    "error.type": "The `DOMException`, or the code of the STUN or TURN server; on the span of a setup that failed, its outcome.",
    "rtc.outcome": "How it ended: an attempt to connect, an ICE restart, an episode, a report, a span, an OTLP request, a request of an operator, a scrape, a reload, a batch or snapshot of the engine.",
    "rtc.setup.stage": "The stage of setting up a call.",
    "rtc.leave.reason": "How a participant went.",
    "rtc.event.type": "What happened to a track or a data channel.",
    "rtc.quality_limitation.reason": "What holds the encoder back.",
    "rtc.rtcp.type": "The feedback message.",
    "rtc.stun.type": "The STUN message.",
    "rtc.ecn": "The ECN mark of a packet.",
    "rtc.echo.stage": "Which of the two measures of echo.",
    "rtc.video.component": "The plane of the picture.",
    "rtc.pressure.source": "What is under pressure.",
    "rtc.pressure.state": "How much pressure there is, by the Compute Pressure API.",
    "rtc.battery.low": "Whether the battery has less than a fifth left.",
    "rtc.feedback.stars": "The user's rating, as a whole number.",
    "rtc.client.issue": "What a library at the client has found.",
    "rtc.feedback.issue": "What a user complains about.",
    "rtc.quality": "Quality class; `unclassified` where nothing could be measured.",
    "rtc.issue": "What is wrong, see [issues](issues.md).",
    "rtc.side": "Who can do something about it: `peer` is the other participant, `user` somebody's own choice.",
    "rtc.severity": "How bad it is: `info` is worth knowing, `warning` is noticed, `critical` makes a call useless.",
    "rtc.cause": "What was seen beside it, which may be why; of bad time, the gravest issue open then.",
    "rtc.judgement": "Whether a browser reports what it takes to judge.",
    "gen_ai.agent.name": "The voice agent.",
    "rtc.voice.framework": "What the voice agent is made with.",
    "rtc.voice.timing.source": "How the beginning and the end of speech are known: a detector on the `audio`, levels of synchronization sources (`sync_source`), what the `framework` or application says, or getStats once a second (`stats`).",
    "rtc.voice.outcome": "What became of a turn: `answered`, `no_response` in ten seconds, `reprompted` by the user, `abandoned` when the page went, or `unmeasured`.",
    "rtc.voice.stage": "A part of the agent's own time: until it knew that the user had finished (`eou`), until the transcript (`stt`), the first token (`llm_ttft`), the first byte of speech (`tts_ttfb`).",
    "rtc.voice.interruption": "What came of two who spoke at once: the agent `stopped` for the user, stopped for nobody (`false`), went on (`ignored`), or had cut in itself (`by_agent`).",
    "rtc.voice.gap.cause": "Whose a gap in the agent's speech is.",
    "rtc.budget.reason": "Why a participant has series of its own: `all`, `worst` or `pinned`.",
    "rtc.metric.family": "A metric of the tables above.",
    "rtc.attribute": "An attribute of this table.",
    "rtc.stats.type": "The W3C `RTCStatsType`.",
    "rtc.drop.reason": "Of reports, one of the [refusals](../README.md#refusals), `duplicate`, `out_of_order`, `rejected_value` or `between_calls`; of OTLP, `queue_full`, `refused`, `expired`, `superseded`, `too_large` or `shutdown`.",
    "service.version": "The version of the exporter.",
    "process.runtime.version": "The version of Python.",
    "rtc.config.file": "What was read again: all settings, or the web config file alone.",
    "rtc.shed": "A new `connection`, a `report`, or the `heaviest` client.",
    "rtc.limit": "What was full: the `process`, or what one `tenant`, `address` or `participant` may have; the `requests` of an address, or the bytes of all `bodies`.",
    "rtc.output": "The exposition that was rendered: `text`, `openmetrics` or `protobuf`.",
    "rtc.state": "Partitions that there are (`configured`, told by every edge and aggregator), those that an aggregator has (`held`), and those of which it knows enough to show them (`shown`).",
    "rtc.signal": "What OTLP carries: `traces` or `metrics`.",
}

#: Values of the attributes for which neither a label rule nor the catalogue has a list.
EXAMPLES: dict[str, tuple[str, ...]] = {
    "rtc.participant.id": ("alice", "p-4711"),
    "rtc.app.name": ("meet", "support-desk"),
    "rtc.app.version": ("2026.11.3", "4.0.1"),
    "rtc.client.as": ("AS3320", "AS7922"),
    "rtc.budget.reason": ("all", "worst", "pinned"),
    "rtc.metric.family": ("rtc.inbound.packets", "rtc.setup.duration"),
    "rtc.attribute": ("rtc.app.version", "user_agent.name"),
    "rtc.output": ("text", "openmetrics", "protobuf"),
}
