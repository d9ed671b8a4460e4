"""
Events on the wire: clients' spellings to ours, and the few facts that are safe to keep.

``FACTS_OF`` names for each event the function that reads its facts out of the payload.  SDP, addresses, device
labels, user names, credentials and URLs are in those payloads too.  So nothing is copied: every fact passes
a check of its own that admits a closed set of words, a number, a boolean or a machine-made id, and what does not
pass is absent.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from rtc_exporter.model import Member
from rtc_exporter.w3c import (
    CANDIDATE_TYPES,
    CONNECTION_STATES,
    DATA_CHANNEL_STATES,
    DTLS_STATES,
    ERROR_NAMES,
    EVENTS,
    ICE_STATES,
    MEDIA_KINDS,
    PROMISES,
    STUN_ERRORS,
    VOICE_EVENTS,
)  # fmt: skip
from rtc_exporter.wire import voice
from rtc_exporter.wire.decoder import NUMBERS, items, mapping

Facts: TypeAlias = dict[str, Member]

OTHER_ERROR = "_OTHER"

#: Event -> the values its state may have (W3C webrtc 4.3).
STATES: dict[str, tuple[str, ...]] = {
    "connectionstatechange": CONNECTION_STATES,
    "iceconnectionstatechange": ICE_STATES,
    "icegatheringstatechange": ("new", "gathering", "complete"),
    "signalingstatechange": (
        "stable", "have-local-offer", "have-remote-offer", "have-local-pranswer", "have-remote-pranswer", "closed",
    ),
}  # fmt: skip

_ALL_STATES = frozenset({*DTLS_STATES, *DATA_CHANNEL_STATES, *(word for words in STATES.values() for word in words)})

#: Session descriptions, candidates, and networks (W3C webrtc-stats RTCNetworkType, Network Information API).
_TYPES = frozenset({
    "offer", "answer", "pranswer", "rollback", *CANDIDATE_TYPES,
    "bluetooth", "cellular", "cell", "ethernet", "wifi", "wimax", "vpn", "wired", "none", "unavailable", "other",
    "mixed", "unknown", "slow-2g", "2g", "3g", "4g", "5g",
})  # fmt: skip

#: Ids that browsers and clients make: UUIDs (Firefox puts them in braces), counters.  No spaces, so no
#: label; no ``@``, so no mail address; no ``:`` and ``/``, so no URL and no IPv6 address.
_ID = re.compile(r"(?!\d+\.\d+\.\d+\.)[\w{}+=.~-]{1,128}", re.ASCII)

#: One word, as applications write a cause: ``echo``, ``no_audio``.  Free text is not kept.
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}", re.ASCII)

#: RFC 8839 5.1; of the line only transport protocol and type are read.
_CANDIDATE = re.compile(r"candidate:\S{1,64} \d{1,5} (udp|tcp|ssltcp) \d{1,20} \S{1,256} \d{1,5} typ (\w{1,8})", re.I)

#: RFC 7064 and 7065; ``stuns`` counts as stun.
_SCHEME = re.compile(r"(stun|turns?)s?:", re.I)
#: What leads to an ICE server, by scheme and transport (UDP where none is named).
_SERVERS = {("stun", "udp"): "stun", ("stun", "tcp"): "stun", ("turn", "udp"): "turn_udp", ("turn", "tcp"): "turn_tcp"}
#: ICE servers, and URLs of one, that are counted.
MOST_SERVERS = 64


#: Names in lower case that are no events of the DOM.
NOT_DOM = frozenset(("other", "create", "close", "websocket", "stop", "callstart", "callend", *VOICE_EVENTS))

#: What applications call a rating; rtcstats-js wants a colon in front.
_FEEDBACK = ("userRating", "userFeedback", "userfeedback", "feedback")


def _spellings() -> dict[str, str]:
    """Every spelling of every event: the bare name, the handler (``onX``), and rtcstats' dotted ones."""
    known = {name: name for name in EVENTS}
    dom = {name for name in EVENTS if name.islower() and name not in NOT_DOM}
    known |= {f"on{name}": name for name in dom}
    media = {f"{name}{result}" for name in PROMISES[-2:] for result in ("", "OnSuccess", "OnFailure")}
    known |= {f"navigator.mediaDevices.{name}": name for name in (*media, "enumerateDevices")}
    known["navigator.mediaDevices.ondevicechange"] = "devicechange"
    for name in ("ended", "mute", "unmute"):
        known[f"MediaStreamTrack.on{name}"] = name
    for name in ("stop", "enabled", "applyConstraints"):
        known[f"MediaStreamTrack.{name}"] = name
    known["HTMLMediaElement.resize"] = "resize"
    known |= {":callStart": "callstart", ":callEnd": "callend"}
    known |= dict.fromkeys((*_FEEDBACK, *(f":{name}" for name in _FEEDBACK)), "feedback")
    return known


_SPELLINGS = _spellings()


def event_name(spelling: object, peer_connection: str | None) -> str:
    """
    One of ``w3c.EVENTS`` for what a client wrote.

    ``create`` without a peer connection is the page telling about itself, and ``close`` without one is
    no API call: what becomes of the page's connection to us is told by Left.
    """
    name = _SPELLINGS.get(spelling, "other") if isinstance(spelling, str) else "other"
    if peer_connection is None:
        return {"create": "createPage", "close": "other"}.get(name, name)
    return name


def told(
    spelling: object, peer_connection: str | None, value: object, extra: Sequence[object] = ()
) -> tuple[str, Facts]:
    """The name of an event that a client wrote, and what may be kept of its payload."""
    if (said := voice.read(spelling, value)) is not None:
        return said
    name = event_name(spelling, peer_connection)
    return name, facts(name, value, extra)


def facts(name: str, value: object, extra: Sequence[object] = ()) -> Facts:
    """What may be kept of an event's payload."""
    read = FACTS_OF.get(name)
    if read is None:
        return {}
    return {fact: member for fact, member in read(value, extra).items() if member is not None}


def listed(spelling: str, peer_connection: str | None, row: Mapping[str, object]) -> tuple[str, Facts]:
    """The same for an event that brings its facts by their own names, beside its own."""
    if (said := voice.read(spelling, row)) is not None:
        return said
    name = event_name(spelling, peer_connection)
    return name, admitted(name, row)


def admitted(name: str, told: Mapping[str, object]) -> Facts:
    """The facts that an event brings by their own names, each checked."""
    kept = {fact: check(told[fact]) for fact, check in CHECKS.items() if fact in told}
    if "state" in kept and name in STATES and kept["state"] not in STATES[name]:
        del kept["state"]
    if name == "feedback":
        kept |= _feedback(dict(told), ())
    return {fact: member for fact, member in kept.items() if member is not None}


def error_name(value: object) -> str:
    """The DOMException name in ``Name: message`` or ``{error|name: Name}``; the message is never kept."""
    if isinstance(value, dict):
        value = value.get("error", value.get("name"))
    name = value.strip('"').split(": ", 1)[0] if isinstance(value, str) else ""
    return name if name in ERROR_NAMES else OTHER_ERROR


# ── checks of single facts ────────────────────────────────────────────────────────────────────────


def _one_of(words: frozenset[str]) -> Callable[[object], str | None]:
    return lambda value: value if isinstance(value, str) and value in words else None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if type(value) in NUMBERS and abs(value) < 1e15 else None  # type: ignore[arg-type]


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1_000_000 else None


def _error(value: object) -> str | None:
    if type(value) is int or isinstance(value, str):
        return str(value) if str(value) in STUN_ERRORS else error_name(value)
    return None


_kind = _one_of(frozenset(MEDIA_KINDS))
_protocol = _one_of(frozenset({"udp", "tcp", "tls"}))
_type = _one_of(_TYPES)

CHECKS: dict[str, Callable[[object], Member | None]] = {
    "call": _id, "state": _one_of(_ALL_STATES), "error": _error, "audio": _flag, "video": _flag, "kind": _kind,
    "track": _id, "type": _type, "protocol": _protocol, "scheme": _one_of(frozenset({"stun", "turn", "turns"})),
    "relay_only": _flag, "stun": _count, "turn_udp": _count, "turn_tcp": _count, "turn_tls": _count,
    "microphone": _id, "camera": _id, "ice_restart": _flag, "reloads": _count, "value": _number, "downlink": _number,
    "rtt": _number, "flag": _flag, "session": _id,
    "issue": lambda value: value if isinstance(value, str) and _WORD.fullmatch(value) else None,
    **voice.CHECKS,
}  # fmt: skip


# ── readers of payloads ───────────────────────────────────────────────────────────────────────────

_Read: TypeAlias = Callable[[object, Sequence[object]], Mapping[str, Member | None]]


def _first(extra: Sequence[object]) -> object:
    return extra[0] if extra else None


def _state(name: str) -> _Read:
    admit = _one_of(frozenset(STATES[name]))
    # Chrome's own dumps hold states as JSON inside JSON.
    return lambda value, extra: {"state": admit(value.strip('"') if isinstance(value, str) else value)}


def _call(value: object, extra: Sequence[object]) -> Facts:
    call = _id(_first(extra))
    return {} if call is None else {"call": call}


def _failure(value: object, extra: Sequence[object]) -> Facts:
    return {"error": error_name(value), **_call(value, extra)}


def _description(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    return {"type": _type(mapping(value).get("type")), **_call(value, extra)}


def _offer(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    return {"ice_restart": _flag(mapping(value).get("iceRestart")), **_call(value, extra)}


def _asked(value: object, extra: Sequence[object]) -> Facts:
    """Constraints: true or an object ask for a kind, false or nothing does not."""
    constraints = mapping(value)
    return {kind: constraints.get(kind) not in (None, False) for kind in MEDIA_KINDS} | _call(value, extra)


def _got(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    """Track arrays ``[kind, id, ...]``; or Chrome's ``{audio_track_info, video_track_info}``."""
    if isinstance(value, dict):
        given: Facts = {kind: value.get(f"{kind}_track_info") not in (None, "", "null") for kind in MEDIA_KINDS}
        return given | _call(value, extra)
    tracks = {track["kind"]: track["track"] for track in (_track(row, ()) for row in items(value)[:MOST_SERVERS])}
    got: dict[str, Member | None] = {kind: kind in tracks for kind in MEDIA_KINDS}
    return got | {"microphone": tracks.get("audio"), "camera": tracks.get("video")} | _call(value, extra)


def _shown(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    """What getDisplayMedia gave is no device."""
    return {name: fact for name, fact in _got(value, extra).items() if name not in ("microphone", "camera")}


def _devices(value: object, extra: Sequence[object]) -> Facts:
    kinds = [mapping(device).get("kind") for device in items(value)]
    return {"audio": "audioinput" in kinds, "video": "videoinput" in kinds}


def _track(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    """A track array, or Chrome's object; the label that stands beside kind and id is left there."""
    if isinstance(value, dict):
        return {"kind": _kind(value.get("kind")), "track": _id(value.get("id"))}
    array = items(value)
    return {"kind": _kind(array[0] if array else None), "track": _id(array[1] if len(array) > 1 else None)}


def _transceiver(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    first = _first(items(value))
    return {"kind": _kind(first)} if isinstance(first, str) else _track(first, extra)


def _replaced(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    tracks = [track for track in items(value)[:2] if track]
    return {"kind": _track(tracks[-1], extra)["kind"]} if tracks else {}


def _candidate(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    """Candidate type and protocol; for a relay, what the way to the TURN server is made of."""
    candidate = mapping(value)
    line = candidate.get("candidate", value)
    match = _CANDIDATE.search(line[:1024]) if isinstance(line, str) else None
    found: dict[str, Member | None] = _scheme(candidate.get("url"))
    if match:
        protocol, type = match[1].lower(), match[2].lower()
        found["protocol"] = _protocol(candidate.get("relayProtocol")) or protocol.removeprefix("ssl")
        found["type"] = type if type in CANDIDATE_TYPES else None
    return found | _call(value, extra)


def _scheme(url: object) -> dict[str, Member | None]:
    match = _SCHEME.match(url) if isinstance(url, str) else None
    return {"scheme": match[1].lower()} if match else {}


def _candidate_error(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    error = mapping(value)
    url = error.get("url")
    found = _scheme(url)
    code = error.get("errorCode")
    found["error"] = str(code) if type(code) is int and str(code) in STUN_ERRORS else OTHER_ERROR
    if isinstance(url, str) and "?transport=" in url:
        found["protocol"] = _protocol(url.rsplit("?transport=", 1)[1])
    return found


def _configuration(value: object, extra: Sequence[object]) -> Facts:
    """Whether only relays may be used, and how many servers there are; not one URL, user name or credential."""
    told = mapping(value)
    if not told:
        return {}
    facts: Facts = {"relay_only": told.get("iceTransportPolicy") == "relay"}
    servers = told.get("iceServers")
    return facts | _servers(servers) if isinstance(servers, list) else facts


def _servers(servers: list[object]) -> Facts:
    """ICE servers, as W3C's objects or Chrome's bare URLs, counted by what leads to them."""
    counts: Facts = {"stun": 0, "turn_udp": 0, "turn_tcp": 0, "turn_tls": 0}
    for server in servers[:MOST_SERVERS]:
        urls = mapping(server).get("urls", mapping(server).get("url", server))
        for url in urls[:MOST_SERVERS] if isinstance(urls, list) else (urls,):
            scheme = _SCHEME.match(url) if isinstance(url, str) else None
            if isinstance(url, str) and scheme is not None:
                transport = "tcp" if url.lower().endswith("?transport=tcp") else "udp"
                name = _SERVERS.get((scheme[1].lower(), transport), "turn_tls")
                counts[name] = int(counts[name]) + 1
    return counts


def _feedback(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    """A rating of 1 to 5 under one of the usual names, and one word about what was wrong."""
    told = value if isinstance(value, dict) else {"value": value}
    ratings = (_number(told.get(name)) for name in ("value", "score", "stars", "rating"))
    rating = next((rating for rating in ratings if rating is not None), None)
    return {
        "value": rating if rating is not None and 1 <= rating <= 5 else None,
        "issue": next((word for name in ("issue", "reason") if (word := CHECKS["issue"](told.get(name)))), None),
    }


def _connection_time(value: object, extra: Sequence[object]) -> Mapping[str, Member | None]:
    time = _number(mapping(value).get("connectionTime"))
    return {"value": time / 1000 if time is not None and time >= 0 else None}


#: Event -> how its facts are read; an event that is not here carries none.
FACTS_OF: dict[str, _Read] = {
    **{name: _state(name) for name in STATES},
    **{f"{name}OnFailure": _failure for name in PROMISES},
    **dict.fromkeys(("setLocalDescription", "setRemoteDescription"), _description),
    **{f"{name}OnSuccess": _description for name in PROMISES[:4]},
    **dict.fromkeys(PROMISES[-2:], _asked),
    "getUserMediaOnSuccess": _got, "getDisplayMediaOnSuccess": _shown,
    "createOffer": _offer, "createAnswer": _call,
    "addIceCandidate": _candidate, "addIceCandidateOnSuccess": _call, "icecandidate": _candidate,
    "icecandidateerror": _candidate_error,
    "create": _configuration, "setConfiguration": _configuration,
    "createPage": lambda value, extra: {"reloads": _count(mapping(value).get("reloadCount"))},
    "enumerateDevices": _devices,
    "addTrack": _track, "track": _track, "addTransceiver": _transceiver, "replaceTrack": _replaced,
    "ended": lambda value, extra: {"track": _id(value), **_call(value, extra)},
    "mute": lambda value, extra: {"track": _id(value)},
    "unmute": lambda value, extra: {"track": _id(value)},
    "stop": lambda value, extra: {"track": _id(_first(extra)), **_call(value, extra[1:])},
    "applyConstraints": lambda value, extra: {"track": _id(_first(extra))},
    "enabled": lambda value, extra: {"flag": _flag(value), "track": _id(_first(extra))},
    "resize": lambda value, extra: {"track": _id(_first(extra))},
    "feedback": _feedback,
    "callstart": lambda value, extra: {"session": _id(value.get("id") if isinstance(value, dict) else value)},
    "websocket": _connection_time,
}  # fmt: skip
