"""
The numbers by which rtcstats-js calls stats types and members (``rtcstats-shared``, ``compression``).
"""

from rtc_exporter.wire import browsers
from rtc_exporter.wire.stats import W3C, Names, with_codes

_CODED_TYPES = (
    "inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp", "transport", "candidate-pair",
    "local-candidate", "remote-candidate", "data-channel", "peer-connection", "certificate", "media-source",
    "media-playout", "codec",
)  # fmt: skip

#: Stats type by its code, or by its own name; a stats object of another type is not used.
TYPES: dict[object, str] = {**browsers.TYPES, **dict(enumerate(_CODED_TYPES, 1))}

#: Member codes of what is kept, and of records.  The client's table has more; what it names beyond these is
#: dropped, and so is not listed.
MEMBERS: dict[int, str] = {
    5: "transportId", 6: "mimeType", 7: "clockRate", 8: "channels", 10: "ssrc", 11: "kind", 12: "codecId",
    14: "packetsReceived", 15: "packetsLost", 16: "jitter", 17: "trackIdentifier", 18: "mid", 19: "remoteId",
    20: "framesDecoded", 21: "keyFramesDecoded", 22: "framesDropped", 23: "frameWidth", 24: "frameHeight",
    25: "framesPerSecond", 26: "qpSum", 27: "totalDecodeTime", 28: "totalInterFrameDelay",
    29: "totalSquaredInterFrameDelay", 30: "pauseCount", 31: "totalPausesDuration", 32: "freezeCount",
    33: "totalFreezesDuration", 34: "lastPacketReceivedTimestamp", 35: "headerBytesReceived", 36: "packetsDiscarded",
    37: "fecPacketsReceived", 38: "fecPacketsDiscarded", 39: "fecBytesReceived", 41: "bytesReceived", 42: "nackCount",
    43: "firCount", 44: "pliCount", 45: "totalProcessingDelay", 47: "jitterBufferDelay", 48: "jitterBufferTargetDelay",
    49: "jitterBufferEmittedCount", 50: "jitterBufferMinimumDelay", 51: "totalSamplesReceived", 52: "concealedSamples",
    53: "silentConcealedSamples", 54: "concealmentEvents", 55: "insertedSamplesForDeceleration",
    56: "removedSamplesForAcceleration", 57: "audioLevel", 58: "totalAudioEnergy", 59: "totalSamplesDuration",
    60: "framesReceived", 61: "decoderImplementation", 62: "playoutId", 63: "powerEfficientDecoder",
    64: "framesAssembledFromMultiplePackets", 65: "totalAssemblyTime", 68: "retransmittedPacketsReceived",
    69: "retransmittedBytesReceived", 71: "totalCorruptionProbability", 73: "corruptionMeasurements", 74: "localId",
    75: "roundTripTime", 76: "totalRoundTripTime", 77: "fractionLost", 78: "roundTripTimeMeasurements",
    79: "packetsSent", 80: "bytesSent", 81: "mediaSourceId", 82: "rid", 83: "encodingIndex", 84: "headerBytesSent",
    85: "retransmittedPacketsSent", 86: "retransmittedBytesSent", 87: "targetBitrate", 88: "totalEncodedBytesTarget",
    89: "framesSent", 90: "hugeFramesSent", 91: "framesEncoded", 92: "keyFramesEncoded", 93: "totalEncodeTime",
    94: "totalPacketSendDelay", 95: "qualityLimitationReason", 96: "qualityLimitationDurations",
    97: "qualityLimitationResolutionChanges", 98: "encoderImplementation", 99: "powerEfficientEncoder", 100: "active",
    101: "scalabilityMode", 103: "reportsSent", 104: "echoReturnLoss", 105: "echoReturnLossEnhancement", 106: "width",
    107: "height", 108: "frames", 109: "synthesizedSamplesDuration", 110: "synthesizedSamplesEvents",
    111: "totalPlayoutDelay", 112: "totalSamplesCount", 113: "dataChannelsOpened", 114: "dataChannelsClosed",
    116: "protocol", 117: "dataChannelIdentifier", 118: "state", 119: "messagesSent", 120: "messagesReceived",
    121: "iceRole", 123: "dtlsState", 124: "iceState", 125: "selectedCandidatePairId", 128: "tlsVersion",
    129: "dtlsCipher", 130: "dtlsRole", 131: "srtpCipher", 132: "selectedCandidatePairChanges", 136: "candidateType",
    139: "relayProtocol", 145: "networkType", 148: "localCandidateId", 149: "remoteCandidateId", 150: "nominated",
    152: "currentRoundTripTime", 153: "availableOutgoingBitrate", 154: "availableIncomingBitrate",
    155: "requestsReceived", 156: "requestsSent", 157: "responsesReceived", 158: "responsesSent",
    159: "consentRequestsSent", 160: "packetsDiscardedOnSend", 161: "bytesDiscardedOnSend",
    164: "fingerprintAlgorithm", 167: "psnrMeasurements", 168: "psnrSum", 169: "packetsReceivedWithEct1",
    170: "packetsReceivedWithCe", 171: "packetsReportedAsLost", 172: "packetsReportedAsLostButRecovered",
    173: "packetsWithBleachedEct1Marking", 174: "packetsSentWithEct1", 175: "ccfbMessagesSent",
    176: "ccfbMessagesReceived",
}  # fmt: skip

#: The members that grow when anything arrives, whatever it is, the one that stands further to the front of a delta
#: first, by code and then by name.
_ARRIVED = ("bytesReceived", "packetsReceived")
ARRIVED = (*(str(code) for name in _ARRIVED for code, known in MEMBERS.items() if known == name), *_ARRIVED)

NAMES = with_codes(W3C, {str(code): name for code, name in MEMBERS.items()})


def others(names: Names) -> frozenset[str]:
    """Wire names of what is kept and is no number."""
    return frozenset((*names.words, *names.flags, *names.records, "t"))


OTHERS = others(NAMES)
