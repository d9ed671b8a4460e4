"""What is only seen across participants: who of a session has the same trouble, and who does not hear whom."""

from rtc_exporter.rules.rule import INFRASTRUCTURE, NETWORK, UNKNOWN, WARNING, Issue, Rule

ONE_WAY = Issue(
    "one_way_audio", UNKNOWN, "A participant who speaks is not heard.",
    "The sound leaves and does not arrive, though the path is alive: look at the server between, and who subscribes.",
)  # fmt: skip
NOT_DELIVERED = Issue(
    "not_delivered", UNKNOWN, "Video that is sent does not arrive.",
    "The picture leaves and does not arrive, though the path is alive: look at the server between, and who subscribes.",
)  # fmt: skip
PUBLISHER = Issue(
    "publisher_trouble", NETWORK, "Most who receive this participant have trouble with it.",
    "It is this participant's uplink or machine that spoils the call for the others, or the server that forwards it.",
)  # fmt: skip
CONCURRENT = Issue(
    "concurrent_onset", INFRASTRUCTURE, "Several participants of a session got into trouble at once.",
    "Look at what they share: the server of the session, its region, its network.",
)  # fmt: skip
TURN = Issue(
    "turn_degraded", INFRASTRUCTURE, "Participants on a relay have trouble, and others have not.",
    "Look at the TURN servers: their load, their network, and what else runs there.",
)  # fmt: skip


def _row(issue: Issue, help: str, origin: str, kind: str = "", direction: str = "", severity: str = WARNING) -> Rule:
    return Rule(
        issue, 0.0, 0.0, (2, 2), "1", help, origin, kind=kind, direction=direction, severity=severity, source="session"
    )


ONE_WAY_AUDIO = _row(
    ONE_WAY, "For ten seconds a stream of somebody who speaks brings no packets, or only silence.",
    "own; needs reports of both sides, joined by SSRC or track", "audio", "inbound",
)  # fmt: skip
VIDEO_NOT_DELIVERED = _row(
    NOT_DELIVERED, "For ten seconds video that is sent brings no packets.",
    "ObserveRTC, track delivery mismatch; joined by SSRC or track", "video", "inbound",
)  # fmt: skip
PUBLISHER_TROUBLE = _row(
    PUBLISHER, "60 % of those who receive a participant, and at least two, have trouble with its streams.",
    "ObserveRTC, fan-out of issues", direction="outbound",
)  # fmt: skip
CONCURRENT_ONSET = _row(
    CONCURRENT, "Half of a session, and at least three, got into trouble with the network within one fold.",
    "ObserveRTC, concurrent onset",
)  # fmt: skip
TURN_DEGRADED = _row(
    TURN, "Of at least five on a relay half have trouble with the network, and of five others under 30 %.",
    "ObserveRTC, TURN health",
)  # fmt: skip

RULES: tuple[Rule, ...] = (ONE_WAY_AUDIO, VIDEO_NOT_DELIVERED, PUBLISHER_TROUBLE, CONCURRENT_ONSET, TURN_DEGRADED)
