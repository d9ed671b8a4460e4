"""
What spans say of a participant: attributes from what is known when a span ends.
"""

import re
from collections.abc import Mapping

from rtc_exporter import spans
from rtc_exporter.delta import Fold
from rtc_exporter.detectors import Episode
from rtc_exporter.labels import Labels
from rtc_exporter.model import Event, Member
from rtc_exporter.phases import candidate_error
from rtc_exporter.rules.rule import CRITICAL
from rtc_exporter.segments import Tally, times
from rtc_exporter.sessions import Participant, PeerConnection
from rtc_exporter.story import OpenEpisode, Story
from rtc_exporter.tracing import Draft

#: Events of the page and of tracks that a segment shows: event -> name on the span.
SHOWN = {
    "mute": "rtc.mute", "unmute": "rtc.unmute", "ended": "rtc.track_ended", "devicechange": "rtc.device_change",
    "networkchange": "rtc.network_change", "visibilitychange": "rtc.visibility_change",
    "icecandidateerror": "rtc.candidate_error", "feedback": "rtc.feedback", "issue": "rtc.client_issue",
    "baseless": "rtc.reports_lost",
}  # fmt: skip

#: Sums on segments and summaries, and what is summed.
SUMS = {
    "rtc.bytes.received": ("inbound-rtp", "bytesReceived"), "rtc.bytes.sent": ("outbound-rtp", "bytesSent"),
    "rtc.freezes": ("inbound-rtp", "freezeCount"), "rtc.freeze.time": ("inbound-rtp", "totalFreezesDuration"),
}  # fmt: skip
#: A token (RFC 5888), as browsers make them: a number, a word, or a UUID.  Anything else is not ours to pass on.
_MID = re.compile(r"[\w-]{1,36}", re.ASCII)


def announcement(participant: Participant, story: Story, time: float) -> Draft:
    """The participant's own span, which ends at ``time`` on the client's clock."""
    draft = story.trace.draft(spans.PARTICIPANT, time if story.first is None else story.first, time)
    draft.attributes |= _client(participant)
    network = participant.path.get("network.connection.type")
    if network:
        draft.attributes["network.connection.type"] = network
    draft.attributes["rtc.participant.join"] = story.trace.join
    draft.attributes["rtc.client.clock_offset"] = round(participant.clock.shift, 3)
    if story.outcome:
        draft.attributes["rtc.outcome"] = story.outcome
        if story.outcome not in ("connected", "abandoned"):
            draft.error, draft.is_bad = "setup failed", True
    return draft


def segment(participant: Participant, story: Story, tally: Tally, reason: str) -> Draft:
    """A stretch of the stay, and over which path it went in the end."""
    draft = story.draw(tally, reason)
    open_ones = (connection for connection in reversed(participant.peer_connections.values()) if connection.path)
    connection = next(open_ones, None)
    if connection is not None:
        told = path_of(connection)
        draft.attributes |= {name: told[name] for name in spans.PATH if name in told}
    return draft


def summary(participant: Participant, story: Story, reason: str, end: float) -> Draft:
    """The whole stay, which ends at ``end`` on the client's clock."""
    draft = story.trace.draft(spans.SUMMARY, story.begin(end), end)
    told: dict[str, Member] = {"rtc.leave.reason": reason, **_client(participant)}
    if story.outcome:
        told["rtc.outcome"] = story.outcome
    if story.classes:
        told["rtc.quality"] = max(story.classes, key=lambda name: (name != "unclassified", story.classes[name]))
        told |= times(story.classes)
    for name, amount in zip(SUMS, totals(participant), strict=True):
        told[name] = round(amount, 3) if name.endswith(".time") else int(amount)
    told |= {f"rtc.episodes.{name}": number for name, number in story.episodes.items()}
    if story.worst[2]:
        told["rtc.worst_segment.id"] = story.worst[2]
    if story.trace.over_budget:
        told["rtc.spans.over_budget"] = story.trace.over_budget
    if story.is_partial:
        told["rtc.partial"] = True
    draft.attributes |= {**told, **story.rating, **{name: value for name, value in participant.path.items() if value}}
    return draft


def capture(story: Story, method: str, event: Event, labels: Labels, now: float) -> Draft:
    """A call of getUserMedia or getDisplayMedia that has settled."""
    call = str(event.facts.get("call", ""))
    start = event.time - (story.calls.settle(method, call, event.time) or 0.0)
    # Camera and microphone are asked for in the same millisecond, by two calls.
    draft = story.trace.draft(spans.CAPTURES[method], start, event.time, str(int(start * 1000)), call)
    asked = story.asked.pop((method, call), event.facts)
    draft.attributes |= {f"rtc.capture.{kind}": asked.get(kind) is True for kind in ("audio", "video")}
    if event.name.endswith("OnFailure"):
        draft.attributes["error.type"] = labels.admit("error.type", str(event.facts.get("error", "_OTHER")), now)
        draft.error, draft.is_bad = f"{method} failed", True
    return draft


def shown(participant: Participant, event: Event, labels: Labels, now: float) -> dict[str, Member]:
    """What an event of ``SHOWN`` tells on a span."""
    facts = event.facts
    match event.name:
        case "mute" | "unmute" | "ended":
            kind = str(facts.get("kind", "")) or participant.kind_of(str(facts.get("track", "")))
            return {"rtc.media.kind": kind} if kind else {}
        case "icecandidateerror":
            return candidate_error(facts)
        case "networkchange" if "type" in facts:
            return {"network.connection.type": labels.admit("network.connection.type", str(facts["type"]), now)}
        case "visibilitychange":
            return {"rtc.page.hidden": facts.get("flag") is True}
        case "issue":
            found = labels.admit("rtc.client.issue", str(facts.get("issue", "")), now)
            return {"rtc.client.issue": found, "rtc.client.issue_begins": facts.get("flag", True) is True}
        case "feedback":
            issue = labels.admit("rtc.feedback.issue", str(facts.get("issue", "")), now)
            told: dict[str, Member] = {"rtc.feedback.issue": issue} if issue else {}
            rating = facts.get("value")
            return {**told, "rtc.feedback.rating": float(rating)} if isinstance(rating, int | float) else told
    return {}


def episode(
    story: Story, connection: PeerConnection | None, episode: Episode, known: OpenEpisode, end: float, shift: float,
    labels: Labels, now: float,
) -> Draft:  # fmt: skip
    """
    An episode, or a part of it, that ends at ``end``; ``shift`` leads from its clock to the event clock.

    One of the page has no ``connection``.
    """
    rule, who = episode.rule, "" if connection is None else connection.key.peer_connection
    start = known.began + shift
    draft = story.trace.draft(f"rtc.episode.{rule.name}", start, end + shift, who, rule.id, str(int(start * 1000)))
    told: dict[str, Member | None] = {
        "rtc.issue": rule.name, "rtc.severity": episode.severity, "rtc.side": episode.side,
        "rtc.cause": episode.cause or None,
        "rtc.peer_connection.id": who or None,
        "rtc.media.kind": rule.kind or None, "rtc.media.direction": rule.direction or None,
        "rtc.streams": episode.streams or None, "rtc.worst": _short(episode.worst) if rule.is_measured else None,
        "rtc.threshold": rule.on if rule.is_measured else None,
        "rtc.mid": episode.mid if _MID.fullmatch(episode.mid or "") else None, "rtc.ssrc": episode.ssrc,
        "rtc.part": known.part,
        "rtc.codec": labels.admit("rtc.codec", episode.codec, now) or None,
    }  # fmt: skip
    draft.attributes |= {name: value for name, value in told.items() if value is not None}
    if connection is not None:
        draft.attributes |= {name: value for name, value in path_of(connection).items() if name in spans.PATH}
    draft.attributes |= {f"{measure}.worst": _short(value) for measure, value in episode.evidence.items()}
    draft.attributes |= episode.words
    if rule.source != "event":
        draft.note("rtc.worst", episode.worst_time + shift, {"rtc.worst": _short(episode.worst)})
    if episode.severity == CRITICAL:
        draft.error, draft.is_bad = rule.help.removesuffix("."), True
    return draft


def _short(value: float) -> float:
    """Six digits: what more there are is noise."""
    return float(f"{value:.6g}")


def path_of(connection: PeerConnection) -> Mapping[str, Member]:
    """What is known of the path of a peer connection and of its encryption."""
    return {name: value for name, value in (*connection.path.items(), *connection.security.items()) if value}


def security(fold: Fold, labels: Labels, now: float) -> dict[str, Member]:
    """The remote candidate of the path, and what encrypts it, as the newest report says."""
    pair = fold.stats.get(fold.selected) if fold.selected else None
    if pair is None:
        return {}
    remote = fold.stats.get(str(pair.get("remoteCandidateId", "")), {})
    transport = fold.stats.get(str(pair.get("transportId", "")), {})
    kind = labels.admit("rtc.ice.candidate.type", str(remote.get("candidateType", "")), now)
    members = (
        ("tls.protocol.version", "tlsVersion"), ("rtc.dtls.cipher", "dtlsCipher"), ("rtc.srtp.cipher", "srtpCipher"),
    )  # fmt: skip
    told = {name: labels.admit(name, str(transport.get(member, "")), now) for name, member in members}
    return {"rtc.ice.remote_candidate.type": kind, **told}


def gather(story: Story, fold: Fold) -> None:
    """Sums that are only there before a fold is settled."""
    assert story.segments is not None, "a story that was heard of has segments"
    add = story.segments.window.add
    for thing in fold.changed:
        if thing.type == "outbound-rtp":
            add("rtc.cpu_limited.time", thing.increments.get("qualityLimitationDurations.cpu", 0.0))
            add("rtc.bandwidth_limited.time", thing.increments.get("qualityLimitationDurations.bandwidth", 0.0))
        elif thing.type == "compute-pressure" and thing.elapsed and thing.members.get("cpuState") in (1, 2):
            add("rtc.pressure.time", thing.elapsed)
        elif thing.type == "inbound-rtp":
            across, down = thing.members.get("frameWidth"), thing.members.get("frameHeight")
            if isinstance(across, int | float) and isinstance(down, int | float):
                story.height = min(across, down)


def totals(participant: Participant) -> tuple[float, ...]:
    """What was received, sent and frozen so far, in the order of ``SUMS``; a sum of nothing is 0."""
    return tuple(participant.total(stats, member) or 0.0 for stats, member in SUMS.values())


def _client(participant: Participant) -> dict[str, Member]:
    told = {**participant.attributes, **participant.cohort}
    return {name: told[name] for name in spans.CLIENT if told.get(name)}
