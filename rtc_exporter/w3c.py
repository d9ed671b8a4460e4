"""
What W3C webrtc-stats says about each stats type, and which words events are made of.

One row per stats type.  The wire keeps no member that is not named here (so a new
browser field costs nothing and nothing private slips through), the delta engine reads
which members count up, and the tests hold the catalogue against it.

Columns of a row:

- ``identity``: if one of these changes under the same stats id, it is another object.
- ``anchors``: counters of the transport side.  One that falls means that the object restarted.
- ``counters``: counters of the decoder, encoder or audio side, which browsers restart one by one.
- ``signed``: may go down in normal life (``packetsLost``, RFC 3550 6.4.1).
- ``gauges``: numbers that go up and down.
- ``words``: strings and booleans: labels, states, references to other objects.

Sources: W3C webrtc-stats; for restarts in place, webrtc bug 5361; for members outside
the W3C text, what Chromium 156 and Firefox 153 send.
"""

from typing import NamedTuple


class StatsType(NamedTuple):
    """What the members of one stats type are."""

    identity: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()
    gauges: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def numbers(self) -> tuple[str, ...]:
        """Members that hold a number."""
        return (*self.anchors, *self.counters, *self.signed, *self.gauges)

    @property
    def members(self) -> frozenset[str]:
        """Every member that is kept."""
        return frozenset((*self.identity, *self.numbers, *self.words))


STATS: dict[str, StatsType] = {
    "inbound-rtp": StatsType(
        identity=("ssrc",),
        anchors=(
            "packetsReceived", "bytesReceived", "headerBytesReceived", "packetsDiscarded",
            "retransmittedPacketsReceived", "retransmittedBytesReceived",
            "fecPacketsReceived", "fecPacketsDiscarded", "fecBytesReceived", "nackCount",
            "packetsReportedAsLost", "packetsReportedAsLostButRecovered",
            "packetsReceivedWithEct1", "packetsReceivedWithCe",
        ),
        counters=(
            "pliCount", "firCount",
            "framesReceived", "framesDecoded", "keyFramesDecoded", "framesRendered", "framesDropped",
            "framesAssembledFromMultiplePackets", "totalAssemblyTime", "totalDecodeTime", "totalProcessingDelay",
            "totalInterFrameDelay", "totalSquaredInterFrameDelay", "qpSum",
            "freezeCount", "totalFreezesDuration", "pauseCount", "totalPausesDuration",
            "corruptionMeasurements", "totalCorruptionProbability",
            "jitterBufferDelay", "jitterBufferTargetDelay", "jitterBufferMinimumDelay", "jitterBufferEmittedCount",
            "totalSamplesReceived", "concealedSamples", "silentConcealedSamples", "concealmentEvents",
            "insertedSamplesForDeceleration", "removedSamplesForAcceleration",
            "totalAudioEnergy", "totalSamplesDuration",
        ),
        signed=("packetsLost",),
        gauges=("jitter", "framesPerSecond", "frameWidth", "frameHeight", "audioLevel", "estimatedPlayoutTimestamp"),
        words=(
            "kind", "codecId", "remoteId", "transportId", "playoutId", "trackIdentifier", "mid",
            "decoderImplementation", "powerEfficientDecoder", "contentType",
        ),
    ),
    "outbound-rtp": StatsType(
        identity=("ssrc",),
        anchors=(
            "packetsSent", "bytesSent", "headerBytesSent", "retransmittedPacketsSent", "retransmittedBytesSent",
            "totalPacketSendDelay", "nackCount", "packetsSentWithEct1",
        ),
        counters=(
            "pliCount", "firCount",
            "framesEncoded", "keyFramesEncoded", "framesSent", "hugeFramesSent",
            "totalEncodeTime", "totalEncodedBytesTarget", "qpSum", "psnrMeasurements",
            "psnrSum.y", "psnrSum.u", "psnrSum.v",
            "qualityLimitationResolutionChanges",
            "qualityLimitationDurations.none", "qualityLimitationDurations.cpu",
            "qualityLimitationDurations.bandwidth", "qualityLimitationDurations.other",
        ),
        gauges=("targetBitrate", "framesPerSecond", "frameWidth", "frameHeight", "encodingIndex"),
        words=(
            "kind", "codecId", "remoteId", "transportId", "mediaSourceId", "mid", "rid", "active",
            "qualityLimitationReason", "scalabilityMode", "encoderImplementation", "powerEfficientEncoder", "contentType",
        ),
    ),
    "remote-inbound-rtp": StatsType(
        identity=("ssrc",),
        anchors=(
            "packetsReceived", "packetsReportedAsLost", "packetsReportedAsLostButRecovered",
            "packetsReceivedWithEct1", "packetsReceivedWithCe", "packetsWithBleachedEct1Marking",
        ),
        counters=("totalRoundTripTime", "roundTripTimeMeasurements"),
        signed=("packetsLost",),
        gauges=("jitter", "roundTripTime", "fractionLost"),
        words=("kind", "codecId", "localId", "transportId"),
    ),
    "remote-outbound-rtp": StatsType(
        identity=("ssrc",),
        anchors=("packetsSent", "bytesSent", "reportsSent"),
        counters=("totalRoundTripTime", "roundTripTimeMeasurements"),
        gauges=("roundTripTime",),
        words=("kind", "codecId", "localId", "transportId"),
    ),
    "media-source": StatsType(
        identity=("trackIdentifier",),
        counters=("frames", "totalAudioEnergy", "totalSamplesDuration"),
        gauges=("framesPerSecond", "width", "height", "audioLevel", "echoReturnLoss", "echoReturnLossEnhancement"),
        words=("kind",),
    ),
    "media-playout": StatsType(
        counters=(
            "synthesizedSamplesDuration", "synthesizedSamplesEvents", "totalSamplesDuration",
            "totalPlayoutDelay", "totalSamplesCount",
        ),
        words=("kind",),
    ),
    "candidate-pair": StatsType(
        identity=("localCandidateId", "remoteCandidateId"),
        anchors=(
            "packetsSent", "packetsReceived", "bytesSent", "bytesReceived",
            "packetsDiscardedOnSend", "bytesDiscardedOnSend",
            "requestsSent", "requestsReceived", "responsesSent", "responsesReceived", "consentRequestsSent",
        ),
        counters=("totalRoundTripTime",),
        gauges=(
            "currentRoundTripTime", "availableOutgoingBitrate", "availableIncomingBitrate",
            "lastPacketReceivedTimestamp",
        ),
        words=("state", "nominated", "selected", "transportId"),
    ),
    "transport": StatsType(
        anchors=("packetsSent", "packetsReceived", "bytesSent", "bytesReceived"),
        counters=("selectedCandidatePairChanges", "ccfbMessagesSent", "ccfbMessagesReceived"),
        words=(
            "dtlsState", "iceState", "iceRole", "dtlsRole", "selectedCandidatePairId",
            "tlsVersion", "dtlsCipher", "srtpCipher",
        ),
    ),
    "peer-connection": StatsType(counters=("dataChannelsOpened", "dataChannelsClosed")),
    "data-channel": StatsType(
        identity=("dataChannelIdentifier",),
        anchors=("messagesSent", "messagesReceived", "bytesSent", "bytesReceived"),
        words=("state",),
    ),
    "local-candidate": StatsType(words=("candidateType", "protocol", "relayProtocol", "networkType")),
    "remote-candidate": StatsType(words=("candidateType", "protocol")),
    "codec": StatsType(gauges=("clockRate", "channels"), words=("mimeType",)),
    "certificate": StatsType(words=("fingerprintAlgorithm",)),
    #: Not W3C: rtcstats-js adds what the Compute Pressure API says (4 nominal .. 1 critical).
    "compute-pressure": StatsType(gauges=("cpuState",)),
}  # fmt: skip

#: Objects that repeat what the other side reported a while ago, or that the client samples on its
#: own clock: they keep their timestamp when a delta does not mention them.
OWN_CLOCK = frozenset({"remote-inbound-rtp", "remote-outbound-rtp", "compute-pressure"})

#: API calls that settle later, with ``OnSuccess`` or ``OnFailure`` appended.
PROMISES = (
    "createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription", "addIceCandidate",
    "getUserMedia", "getDisplayMedia",
)  # fmt: skip

#: API calls that do not settle, or whose result nobody traces.
CALLS = (
    "addTrack", "addTransceiver", "removeTrack", "replaceTrack", "createDataChannel", "restartIce", "setConfiguration",
    "setParameters", "setCodecPreferences", "setHeaderExtensionsToNegotiate", "enumerateDevices", "applyConstraints",
)  # fmt: skip

#: What a voice agent and the person who talks with it do, in one set of names whatever the framework (``wire.voice``).
VOICE_EVENTS = (
    "voice.agent",  # who answers, and how the times that follow are known
    "voice.user_speech_started", "voice.user_speech_stopped", "voice.user_away", "voice.user_muted",
    "voice.user_unmuted", "voice.agent_speech_started", "voice.agent_speech_stopped", "voice.agent_thinking",
    "voice.agent_synthesizing", "voice.metrics",
)  # fmt: skip

#: How the beginning and the end of speech are known, the best first: a detector on the audio in the page; the levels
#: of ``getSynchronizationSources()``, every 50 ms; what an application or its framework says; getStats, each second.
TIMING_SOURCES = ("audio", "sync_source", "framework", "stats")
#: What agents are made with.
FRAMEWORKS = (
    "livekit", "pipecat", "openai_realtime", "gemini_live", "elevenlabs", "vapi", "retell", "ultravox", "deepgram",
    "own",
)  # fmt: skip
#: What an agent says of its own part of a turn: until it knew that the user had finished, until the transcript, until
#: the first token of the language model, until the first byte of speech.
VOICE_STAGES = ("eou", "stt", "llm_ttft", "tts_ttfb")
#: How far the client's round trip reaches: to a media server in between, or to the agent itself.
TRANSPORT_SCOPES = ("client_sfu", "end_to_end")

#: Every event name.  Clients' own spellings (``navigator.mediaDevices.getUserMedia``, ``connectionstatechange``)
#: become these at the wire; what is not listed becomes ``other``.
EVENTS = frozenset({
    *PROMISES, *(f"{name}OnSuccess" for name in PROMISES), *(f"{name}OnFailure" for name in PROMISES),
    *CALLS, "addTrackOnSuccess", "addTransceiverOnSuccess",
    # the page, with what the client tells about itself
    "createPage", "visibilitychange", "networkchange", "memory", "longtask", "battery", "devicechange", "feedback",
    "issue",
    # the peer connection
    "create", "close", "connectionstatechange", "iceconnectionstatechange", "icegatheringstatechange",
    "signalingstatechange", "negotiationneeded", "icecandidate", "icecandidateerror", "track", "datachannel",
    # tracks and elements
    "mute", "unmute", "ended", "stop", "enabled", "resize",
    *VOICE_EVENTS,
    # calls, of which a page may have many: the application says where one begins and ends
    "callstart", "callend",
    # the connection to us; reports that cannot be read whole, since what they build on never came here
    "websocket", "baseless", "other",
})  # fmt: skip

#: What an event may carry, and of which type; all else stays in the parser.  A test holds the parser against it.
FACTS: dict[str, type] = {
    "call": str,  # the client's id that ties a call to its result
    "state": str,  # the new state, a W3C enumeration value
    "error": str,  # a DOMException name, or a STUN error code
    "audio": bool,  # what was asked for, or got
    "video": bool,
    "kind": str,  # audio or video
    "track": str,  # a track id, random per page load
    "type": str,  # offer, answer, pranswer, rollback; host, srflx, prflx, relay; wifi, cell, ...
    "protocol": str,  # udp or tcp; for a relay, the protocol to the TURN server
    "scheme": str,  # stun, turn or turns
    "relay_only": bool,  # iceTransportPolicy
    "stun": int,  # how many URLs of ICE servers a configuration names, by what leads there
    "turn_udp": int,
    "turn_tcp": int,
    "turn_tls": int,
    "microphone": str,  # the id of the track that getUserMedia gave, random per page load
    "camera": str,
    "ice_restart": bool,  # asked for with createOffer
    "reloads": int,  # how often the page was loaded before
    "value": float,  # one number: a rating, bytes, seconds
    "downlink": float,  # bytes per second
    "rtt": float,  # seconds
    "flag": bool,  # hidden, muted, charging; of an issue, that it begins
    "session": str,  # the application's id of a call
    "issue": str,  # what the user complains about, or what the client's own library has found
    # of voice agents
    "source": str,  # one of TIMING_SOURCES
    "hangover": float,  # seconds that the detector waited before it said so
    "agent": str,  # the agent's name
    "framework": str,  # one of FRAMEWORKS
    "conversation": str,  # gen_ai.conversation.id
    "turn": int,  # the agent's number of the turn
    "traceparent": str,  # W3C Trace Context of the agent's own span
    "interrupted": bool,  # whether the agent stopped because the user spoke
    "scope": str,  # one of TRANSPORT_SCOPES
    "agent_rtt": float,  # seconds, between the media server and the agent
    "e2e": float,  # seconds, of the whole turn as the agent measured it
    "eou": float,  # seconds, VOICE_STAGES
    "stt": float,
    "llm_ttft": float,
    "tts_ttfb": float,
}

LEAVE_REASONS = ("left", "closed", "page_hide", "timeout", "idle", "error")

CONNECTION_STATES = ("new", "connecting", "connected", "disconnected", "failed", "closed")
ICE_STATES = ("new", "checking", "connected", "completed", "disconnected", "failed", "closed")
DTLS_STATES = ("new", "connecting", "connected", "closed", "failed")
DATA_CHANNEL_STATES = ("connecting", "open", "closing", "closed")
CANDIDATE_TYPES = ("host", "srflx", "prflx", "relay")
LIMITATION_REASONS = ("none", "cpu", "bandwidth", "other")
MEDIA_KINDS = ("audio", "video")

#: Error names of the media capture and peer connection APIs (W3C mediacapture-main, webrtc, WebIDL).
ERROR_NAMES = frozenset({
    "AbortError", "DataError", "EncodingError", "InvalidAccessError", "InvalidModificationError", "InvalidStateError",
    "NetworkError", "NotAllowedError", "NotFoundError", "NotReadableError", "NotSupportedError", "OperationError",
    "OverconstrainedError", "SecurityError", "SyntaxError", "TimeoutError", "TypeError", "RangeError", "UnknownError",
})  # fmt: skip

#: STUN and TURN error codes (RFC 8489 18.2, RFC 8656 18) and 701, "server not reached" (W3C webrtc 4.8.1.3).
STUN_ERRORS = frozenset(
    ["300", "400", "401", "403", "420", "437", "438", "440", "441", "442", "443", "486", "500", "508", "600", "701"]
)
