"""
How browsers and libraries spell what webrtc-stats calls otherwise: the one place that knows.

Every decoder names members through ``stats.W3C``, which is made from ``w3c.STATS`` and these tables; from there on
nobody has to know which browser it was.  What browsers leave out altogether is no matter of spelling: a formula names
the second source of its number itself (``signals.either``: a round trip time from sums, else from the last one), and
the path is that of the transport, else of the pair that says ``selected``, else of the nominated pair with the most
traffic (``delta``).  Counters that browsers set back are the delta engine's.
"""

from rtc_exporter.w3c import STATS

#: Member as it is written -> as the W3C has it.  Where a browser writes both, both say the same (Firefox 153).
SPELLINGS: dict[str, str] = {
    "mediaType": "kind",  # before 2019 everywhere; Chromium and Firefox still send both
    "discardedPackets": "packetsDiscarded",  # Firefox, of video
    "droppedFrames": "framesDropped",  # Firefox of 2020
    "datachannelid": "dataChannelIdentifier",  # Safari 17
    "totalFreezeDuration": "totalFreezesDuration",  # LiveKit's SDKs
    "totalPauseDuration": "totalPausesDuration",  # LiveKit's SDKs
}

#: A time in milliseconds that is later than this is one in microseconds, which libwebrtc's own interfaces have.
MICROSECONDS = 1e14


def stamped(value: object) -> object:
    """An object's own ``timestamp`` in milliseconds."""
    is_number = type(value) is int or type(value) is float
    return value / 1000 if is_number and value > MICROSECONDS else value  # type: ignore[operator]  # a number


#: Stats type as it is written -> as the W3C has it: before 2018 there were no dashes.
TYPES: dict[object, str] = {**{name.replace("-", ""): name for name in STATS}, **{name: name for name in STATS}}
