"""What can be wrong with how a call comes about and stays up, as API events and states tell it: see ``incidents``."""

from rtc_exporter.rules.network import DISCONNECTED
from rtc_exporter.rules.rule import (
    APPLICATION,
    CRITICAL,
    DEVICE,
    INFO,
    INFRASTRUCTURE,
    NETWORK,
    PEER,
    UNKNOWN,
    USER,
    WARNING,
    Issue,
    Rule,
    event,
)  # fmt: skip

# ── camera, microphone, page

CAPTURE_FAILED = Issue(
    "capture_failed", USER, "A microphone or camera could not be had.",
    "See the error: permission was denied, there is no such device, another program holds it, or no device has "
    "what the application asked for.",
)  # fmt: skip
TRACK_ENDED = Issue(
    "track_ended", DEVICE, "A microphone or camera went away during the call.",
    "It was unplugged or switched off, its driver failed, or the permission was taken back.",
)  # fmt: skip
MUTED_BY_SYSTEM = Issue(
    "muted_by_system", DEVICE,
    "The system holds a microphone or camera silent, and the application did not ask for it.",
    "A switch on the headset or laptop, a phone call, or another program: the application should tell the user.",
)  # fmt: skip
CHURN = Issue(
    "churn", USER, "A participant left, or loaded the page again, and was back within a minute.",
    "Once is nothing; see what else was wrong with those who do it again and again.",
)  # fmt: skip

#: Why a device could not be had, by name of the DOMException (W3C mediacapture-main 10.2): variant, whose it is, words.
_CAPTURE_ERRORS = {
    "NotAllowedError": ("denied", USER, "the user or a policy denied it"),
    "SecurityError": ("denied", USER, ""),
    "NotFoundError": ("missing", DEVICE, "there is none"),
    "NotReadableError": ("busy", DEVICE, "another program holds it, or it failed"),
    "AbortError": ("busy", DEVICE, ""),
    "OverconstrainedError": ("unsatisfiable", APPLICATION, "none has what the application asked for"),
    "TypeError": ("misused", APPLICATION, "the application asked for nothing, or on a page that may not ask"),
    "InvalidStateError": ("misused", APPLICATION, ""),
    "": ("other", UNKNOWN, "for another reason"),
}
#: Who has no microphone cannot be heard; who has no camera can.
_WANTED = {"audio": ("microphone", CRITICAL), "video": ("camera", WARNING)}
_CAPTURE_RULES = {
    (kind, variant): event(
        CAPTURE_FAILED, f"A {device} could not be had: {why}.", "rtcStats, peermetrics", severity=severity,
        variant=variant, kind=kind, side=side,
    )
    for kind, (device, severity) in _WANTED.items() for variant, side, why in _CAPTURE_ERRORS.values() if why
}  # fmt: skip
#: Error name ("" for all others) -> media kind -> rule.
CAPTURES: dict[str, dict[str, Rule]] = {
    error: {kind: _CAPTURE_RULES[kind, variant] for kind in _WANTED}
    for error, (variant, _, _) in _CAPTURE_ERRORS.items()
}

ENDED: dict[str, Rule] = {
    kind: event(
        TRACK_ENDED, f"The track of a {device} ended, and nobody stopped it.", "ObserveRTC, rtcStats", kind=kind
    )
    for kind, (device, _) in _WANTED.items()
}
MUTED: dict[str, Rule] = {
    kind: event(
        MUTED_BY_SYSTEM, f"The track of a {device} is muted by the system for longer than a change of devices takes.",
        "ACS microphoneMuteUnexpectedly; bound: own", kind=kind, on=2.0,
    )
    for kind, (device, _) in _WANTED.items()
}  # fmt: skip
RELOADED = event(CHURN, "The page was loaded again.", "rtcStats reloadCount", severity=INFO, variant="reload")
REJOINED = event(
    CHURN, "The participant left and joined again.", "callstats highChurn, peermetrics multiple_rejoins",
    severity=INFO, variant="rejoin",
)  # fmt: skip

# ── ICE, STUN, TURN, DTLS

_SERVERS = "rtcStats; 0.5 s"

ICE_FAILED = event(
    Issue(
        "ice_failed", NETWORK, "ICE found no path: there is no call.",
        "A firewall between the two: offer TURN over TCP and TLS on port 443, and see whether its candidates are "
        "gathered.",
    ), "The peer connection failed before ICE connected.", "W3C webrtc 4.3.3", severity=CRITICAL,
)  # fmt: skip
DTLS_FAILED = event(
    Issue(
        "dtls_failed", NETWORK, "There is a path, but no encryption over it: there is no call.",
        "Something on the path drops DTLS, or the certificate does not fit the fingerprint that was signalled.",
    ), "The peer connection failed after ICE connected and before it was connected itself.", "rtcStats, Telnyx",
    severity=CRITICAL,
)  # fmt: skip
SLOW_DTLS = event(
    Issue("slow_dtls", NETWORK, "Encryption takes long to set up.",
    "First packets are lost on the path, or a machine is too busy."),
    "From ICE connected to connected.", "rtcStats; bound: own", on=2.0,
)  # fmt: skip
SLOW_STUN = event(
    Issue("slow_stun", INFRASTRUCTURE, "The STUN server answers late.",
    "Use a server in the user's region, and not several of them."),
    "From the begin of gathering to the first server reflexive candidate.", _SERVERS, severity=INFO, on=0.5,
)  # fmt: skip
_TURN_IS_SLOW = Issue(
    "slow_turn", INFRASTRUCTURE, "The TURN server answers late.",
    "Use a server in the user's region; over TCP and TLS it takes more round trips.",
)  # fmt: skip
#: Protocol to the TURN server -> rule.
SLOW_TURN: dict[str, Rule] = {
    protocol: event(
        _TURN_IS_SLOW, f"From the begin of gathering to the first relay candidate over {protocol.upper()}.", _SERVERS,
        severity=INFO, variant=protocol, on=0.5,
    )
    for protocol in ("udp", "tcp", "tls")
}  # fmt: skip

_NO_RELAY = Issue(
    "turn_unreachable", NETWORK, "TURN is configured, and no relay candidate was had.",
    "See the STUN code: 401 are wrong or expired credentials, 486 and 508 a full server, 701 a firewall or a "
    "wrong address.",
)  # fmt: skip
_TURN_ORIGIN = "rtcStats; codes: RFC 8489 18.2, RFC 8656 18, W3C webrtc 4.8.1.3"
TURN_DENIED = event(
    _NO_RELAY, "The TURN server refused the credentials.", _TURN_ORIGIN, variant="credentials", side=APPLICATION,
)  # fmt: skip
TURN_FULL = event(
    _NO_RELAY, "The TURN server has no room left.", _TURN_ORIGIN, variant="quota", side=INFRASTRUCTURE,
)  # fmt: skip
TURN_REFUSED = event(
    _NO_RELAY, "The TURN server refused for another reason.", _TURN_ORIGIN, variant="refused", side=INFRASTRUCTURE,
)  # fmt: skip
TURN_SILENT = event(_NO_RELAY, "The TURN server was not reached, or did not answer.", _TURN_ORIGIN, variant="silent")

#: STUN code of a TURN server -> what it means, the plainest first.
TURN_ERRORS: dict[str, Rule] = {
    **dict.fromkeys(("401", "403", "438", "441"), TURN_DENIED),
    **dict.fromkeys(("486", "508"), TURN_FULL),
    **dict.fromkeys(("300", "400", "420", "437", "440", "442", "443", "500", "600"), TURN_REFUSED),
    "701": TURN_SILENT,
}

NO_TURN = event(
    Issue(
        "no_turn", APPLICATION, "A connection failed, and the application offers no TURN server.",
        "Give peer connections a TURN server, over UDP, TCP and TLS: without one, whoever is behind a strict "
        "firewall has no call.",
    ), "No path was found, and the configuration names no TURN server.", "rtcStats turnNoConfig", severity=INFO,
)  # fmt: skip
ICE_COLD_START = event(
    Issue(
        "ice_cold_start", APPLICATION, "ICE failed before the candidates were there that it needed.",
        "Set the servers before the first description; do not give up before gathering is complete.",
    ), "Only host candidates, then failed, then server reflexive or relay candidates.", "rtcStats icewarmup",
)  # fmt: skip

# ── signalling

_SLOW_ANSWER = Issue(
    "signalling_slow", INFRASTRUCTURE, "The answer to an offer is long in coming.",
    "Look at the signalling server and at what the application waits for.",
)  # fmt: skip
ANSWER_SLOW = event(
    _SLOW_ANSWER, "From the first offer to its answer; somebody may have had to pick up.", "rtcStats, 1 s",
    severity=INFO, variant="first", on=1.0,
)  # fmt: skip
LATER_ANSWER_SLOW = event(
    _SLOW_ANSWER, "From a later offer to its answer, which no human has to give.", "rtcStats, 1 s", variant="later",
    on=1.0,
)  # fmt: skip
_REFUSED = Issue(
    "description_failed", APPLICATION, "The browser refused an offer, an answer or a candidate.",
    "See method and error: descriptions out of order, for a connection that is closed, or that the browser cannot"
    " read.",
)  # fmt: skip
DESCRIPTION_FAILED = event(
    _REFUSED, "createOffer, createAnswer, setLocalDescription or setRemoteDescription failed.", "rtcStats, Jitsi",
)  # fmt: skip
CANDIDATE_FAILED = event(
    _REFUSED, "addIceCandidate failed; often a candidate that came too late to matter.", "rtcStats", severity=INFO,
    variant="candidate",
)  # fmt: skip
NEGOTIATION_PENDING = event(
    Issue(
        "negotiation_pending", APPLICATION, "A connection was closed in the middle of a negotiation.",
        "An offer was never answered: look for lost messages, and for offers of both sides at once.",
    ), "The signalling state was not stable for longer than a second when the connection closed.", "rtcStats",
    severity=INFO, on=1.0,
)  # fmt: skip
NEGOTIATION_STORM = event(
    Issue(
        "negotiation_storm", APPLICATION, "Descriptions are exchanged again and again.",
        "Collect changes of tracks and negotiate once; look for two sides that answer each other's offers with offers.",
    ), "Negotiations in a minute.", "rtcStats numberOfNegotiations; bound: own", on=10.0, unit="1",
)  # fmt: skip

# ── the whole connection

_NO_CONNECTION = Issue(
    "never_connected", NETWORK, "A peer connection neither connected nor failed.",
    "See the stage it got to: no candidates, a path that is never found, or encryption that is never ready.",
)  # fmt: skip
NEVER_CONNECTED = event(
    _NO_CONNECTION, "Both descriptions are set for 30 s, and nothing came of it.", "callstats failed conferences",
    severity=CRITICAL, variant="timeout",
)  # fmt: skip
GIVEN_UP = event(
    _NO_CONNECTION, "It was closed without ever being connected; within 3 s somebody just changed their mind.",
    "rtcStats aborted, 3 s", variant="closed", on=3.0,
)  # fmt: skip
UNANSWERED = event(
    _NO_CONNECTION, "It was closed and nobody had answered.", "rtcStats aborted, 3 s", severity=INFO,
    variant="unanswered", side=PEER, on=3.0,
)  # fmt: skip
SLOW_CONNECT = event(
    Issue(
        "slow_connect", NETWORK, "A connection takes long to come about.",
        "See the path that it took in the end; relays over TCP and TLS are tried last.",
    ), "Connecting for so long.", "ObserveRTC", on=5.0,
)  # fmt: skip
DROPPED_CALL = event(
    Issue(
        "dropped_call", NETWORK, "A call broke off: nobody hung up, and nothing came back.",
        "The path died, or the other end did; see whether others were cut off at the same moment.",
    ),
    "Disconnected or failed for so long without close, recovery or a new connection.", "callstats droppedConferences",
    severity=CRITICAL, on=30.0,
)  # fmt: skip
ICE_RESTART_FAILED = event(
    Issue(
        "ice_restart_failed", NETWORK, "An ICE restart did not bring the call back.",
        "The network is gone, or the offer never reached the other side: restart after signalling is back.",
    ), "An ICE restart was begun, and ended in failed or at the end of the connection.", "ObserveRTC, rtcStats",
)  # fmt: skip
EMPTY_CONNECTION = event(
    Issue(
        "empty_connection", APPLICATION, "A connection carried nothing.",
        "Connections that are not needed cost setup time and TURN allocations: make them when there is something "
        "to send.",
    ), "Connected for so long, and neither media nor a data channel.", "rtcStats; bound: own", severity=INFO, on=10.0,
)  # fmt: skip
SLOW_FIRST_FRAME = event(
    Issue(
        "slow_first_frame", INFRASTRUCTURE, "Packets of video come, and no picture.",
        "The first key frame is missing: a media server should ask its sender for one as soon as somebody joins.",
    ), "From the first packet of the first video track, on a connection that is there, to its first picture.",
    "rtcStats; bound: own", on=2.0,
)  # fmt: skip

RULES: tuple[Rule, ...] = (
    *_CAPTURE_RULES.values(), *ENDED.values(), *MUTED.values(), RELOADED, REJOINED,
    ICE_FAILED, DTLS_FAILED, SLOW_DTLS, SLOW_STUN, *SLOW_TURN.values(),
    TURN_DENIED, TURN_FULL, TURN_REFUSED, TURN_SILENT, NO_TURN, ICE_COLD_START,
    ANSWER_SLOW, LATER_ANSWER_SLOW, DESCRIPTION_FAILED, CANDIDATE_FAILED, NEGOTIATION_PENDING, NEGOTIATION_STORM,
    NEVER_CONNECTED, GIVEN_UP, UNANSWERED, SLOW_CONNECT, DROPPED_CALL, ICE_RESTART_FAILED, EMPTY_CONNECTION,
    SLOW_FIRST_FRAME,
)  # fmt: skip

#: Rules of one connection that have the side of its TURN trouble, where there was some.
BLAMES_TURN = (ICE_FAILED, NEVER_CONNECTED, GIVEN_UP)

#: Issue and side of all that may be critical: their counters begin at 0.
CRITICAL_SIDES: tuple[tuple[str, str], ...] = tuple(dict.fromkeys((
    *((rule.name, rule.side) for rule in (*RULES, DISCONNECTED) if rule.severity == CRITICAL),
    (DISCONNECTED.name, DISCONNECTED.side),
    *((rule.name, turn.side) for rule in BLAMES_TURN if rule.severity == CRITICAL for turn in TURN_ERRORS.values()),
)))  # fmt: skip
