"""
Across participants: who of a session has the same trouble, whose it is then, and who does not hear whom.

Looked at every few seconds, and only in sessions where something is wrong or a stream has run dry.  A stream that one
sends and the stream that another receives are joined by SSRC, as far as what is between them leaves it: peer to peer,
and servers that forward without rewriting.  Where it does not, they are joined by the id of the track, which a server
may pass on in its ``msid`` (RFC 8830): receivers of Chrome take it from there.  A ``mid`` joins nothing: behind a
server every peer connection has its own ``0``, and without one the SSRC is there.  Where nothing can be joined, nothing
is said.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from rtc_exporter.detectors import Flow
from rtc_exporter.episodes import Change, Episode
from rtc_exporter.rules import Rule
from rtc_exporter.rules.crowd import (
    CONCURRENT_ONSET,
    ONE_WAY_AUDIO,
    PUBLISHER_TROUBLE,
    TURN_DEGRADED,
    VIDEO_NOT_DELIVERED,
)
from rtc_exporter.rules.rule import DEVICE, INFO, INFRASTRUCTURE, NETWORK, PEER, UNKNOWN
from rtc_exporter.sessions import Participant, PeerConnection, Session
from rtc_exporter.verdict import Held

#: A level above which somebody speaks, and under which nothing is heard (root mean square).
SPOKEN, HEARD = 0.01, 1e-4
#: Reviews in a row that it takes, and that end it.
HELD = 2
#: Share of the receivers of a publisher who have to have trouble, and how many at least (ObserveRTC).
FAN_OUT, RECEIVERS = 0.6, 2
#: Share of a session, how many at least, within how many seconds, and for how long that stays of interest.
TOGETHER, SEVERAL, AT_ONCE, RECENT = 0.5, 3, 6.0, 60.0
#: Of participants on a relay: how many at least, which share; and of others which share at most.
RELAYED, RELAYED_SHARE, OTHERS_SHARE = 5, 0.5, 0.3

#: A participant by its id in the session; a direction of media between two: who receives, who publishes.
Name: TypeAlias = str
Link: TypeAlias = tuple[Name, Name]


class Bad(NamedTuple):
    """An episode that matters here: at whom, on which peer connection, and when it began on our clock."""

    participant: Participant
    connection: PeerConnection
    episode: Episode
    begin: float


class Found(NamedTuple):
    """What a rule finds at a participant now: whose it is, how much of it there is, on which peer connection."""

    rule: Rule
    participant: Participant
    connection: PeerConnection
    side: str
    value: float


class Stream(NamedTuple):
    """What one participant receives of another: its SSRC there, on which peer connection, and what was sent."""

    ssrc: int
    connection: PeerConnection
    sent: Flow


#: What somebody sends.
Sent: TypeAlias = tuple[Name, Flow]
Links: TypeAlias = dict[Link, list[Stream]]
Told: TypeAlias = tuple[Participant, PeerConnection, Change]


def review(session: Session, now: float, relays_suffer: bool) -> Iterator[Told]:
    """What has begun or ended in a session; the sides of what is open are set on the way."""
    bad = list(_bad(session, now))
    if not bad and not session.crowd and not any(_is_dry(one) for one in session.participants.values()):
        return
    links = streams_between(session)
    found = [*_fan_out(session, links, bad), *_concurrent(session, bad, now), *_undelivered(session, links)]
    if relays_suffer:
        found += [
            Found(TURN_DEGRADED, one.participant, one.connection, INFRASTRUCTURE, 1.0)
            for one in {id(one.participant): one for one in bad}.values()
            if is_relayed(one.participant)
        ]
    yield from _follow(session, found, now)


def is_relayed(participant: Participant) -> bool:
    """Whether its newest path goes through a relay."""
    return participant.path.get("rtc.ice.candidate.type") == "relay"


def suffers(participant: Participant) -> bool:
    """Whether it has trouble with the network that is more than information."""
    return any(
        issue.key.side in (NETWORK, INFRASTRUCTURE) and issue.key.severity != INFO
        for issue in participant.verdict.open.values()
    )


def relays_suffer(participants: Iterable[Participant]) -> bool:
    """Whether those on relays have trouble, and the others have not."""
    numbers = {True: [0, 0], False: [0, 0]}
    for participant in participants:
        if participant.path:
            counts = numbers[is_relayed(participant)]
            counts[0] += 1
            counts[1] += suffers(participant)
    (on_relay, bad), (others, also_bad) = numbers[True], numbers[False]
    return (
        on_relay >= RELAYED and bad >= RELAYED_SHARE * on_relay
        and others >= RELAYED and also_bad < OTHERS_SHARE * others
    )  # fmt: skip


# ── who has what, and from whom


def _open(participant: Participant) -> Iterator[PeerConnection]:
    return (connection for connection in participant.peer_connections.values() if connection.is_open)


def _bad(session: Session, now: float) -> Iterator[Bad]:
    """Open episodes of more than information, with their beginning on our clock."""
    for participant in session.participants.values():
        if not participant.verdict.open:
            continue
        for connection in _open(participant):
            report = connection.report
            # What is measured is on the clock of reports, what is told on that of events.
            measured = 0.0 if report is None else connection.seen - report.time
            told = participant.seen - participant.sent
            for shift, several in ((measured, connection.judge.open), (told, connection.incidents.open)):
                for episode in several:
                    if episode.severity != INFO:
                        yield Bad(participant, connection, episode, episode.begin + shift)


def _is_dry(participant: Participant) -> bool:
    return any(connection.judge.is_dry for connection in _open(participant))


def _connections(session: Session) -> Iterator[tuple[Name, PeerConnection]]:
    return ((name, one) for name, participant in session.participants.items() for one in _open(participant))


def streams_between(session: Session) -> Links:
    """Which streams go from whom to whom."""
    by_ssrc: dict[int, Sent] = {}
    for name, connection in _connections(session):
        by_ssrc |= {ssrc: (name, flow) for ssrc, flow in connection.judge.sent.items()}
    by_track: Mapping[str, Sent] | None = None
    links: Links = {}
    for name, connection in _connections(session):
        for ssrc, mine in connection.judge.received.items():
            sent = by_ssrc.get(ssrc)
            if sent is None and mine.track:
                by_track = _by_track(session) if by_track is None else by_track
                sent = by_track.get(mine.track)
            if sent is not None and sent[0] != name:
                links.setdefault((name, sent[0]), []).append(Stream(ssrc, connection, sent[1]))
    return links


def _by_track(session: Session) -> Mapping[str, Sent]:
    """Who sends which track; of several layers the one that has most.  What two say that they send is nobody's."""
    found: dict[str, Sent] = {}
    disputed: set[str] = set()
    for name, connection in _connections(session):
        for flow in connection.judge.sent.values():
            if not flow.track:
                continue
            known = found.setdefault(flow.track, (name, flow))
            if known[0] != name:
                disputed.add(flow.track)
            elif flow.packets > known[1].packets:
                found[flow.track] = (name, flow)
    return {track: sent for track, sent in found.items() if track not in disputed}


# ── what is found


def _fan_out(session: Session, links: Links, bad: list[Bad]) -> list[Found]:
    """Most who receive somebody have trouble with it: then it is the publisher's, or of what is between."""
    of_connection: dict[int, set[Name]] = {}
    of_stream: dict[tuple[int, int], Name] = {}
    for (_, publisher), streams in links.items():
        for stream in streams:
            of_connection.setdefault(id(stream.connection), set()).add(publisher)
            of_stream[id(stream.connection), stream.ssrc] = publisher
    receivers: dict[Name, set[Name]] = {}
    for receiver, publisher in links:
        receivers.setdefault(publisher, set()).add(receiver)
    suffering: dict[Link, list[Bad]] = {}
    for one in bad:
        if one.episode.rule.direction == "outbound":
            continue
        known = of_stream.get((id(one.connection), one.episode.ssrc or -1))
        only = of_connection.get(id(one.connection), set())
        whose = known or (next(iter(only)) if len(only) == 1 else None)
        if whose is not None:
            suffering.setdefault((one.participant.key.participant, whose), []).append(one)
    spoilers = {
        publisher: {name for name in several if (name, publisher) in suffering}
        for publisher, several in receivers.items()
    }
    spoilers = {
        publisher: names for publisher, names in spoilers.items()
        if len(names) >= RECEIVERS and len(names) >= FAN_OUT * len(receivers[publisher])
    }  # fmt: skip
    found: list[Found] = []
    for (receiver, publisher), several in suffering.items():
        sender = session.participants[publisher]
        if publisher in spoilers and receiver not in spoilers:
            side = PEER if _is_to_blame(sender) else INFRASTRUCTURE
            if side == PEER or len(receivers[publisher]) > RECEIVERS:
                _settle(several, side, "publisher_trouble")
        elif publisher not in spoilers and _has(sender, DEVICE):
            # A machine that cannot encode sends little, and its receivers know no reason.
            _settle([one for one in several if one.episode.side == UNKNOWN], PEER, "publisher_trouble")
    for publisher, names in spoilers.items():
        sender = session.participants[publisher]
        first = next(_open(sender), None)
        if first is not None and not names <= spoilers.keys():
            side = NETWORK if _has(sender, NETWORK) else DEVICE if _has(sender, DEVICE) else INFRASTRUCTURE
            share = len(names) / len(receivers[publisher])
            found.append(Found(PUBLISHER_TROUBLE, sender, first, side, share))
    return found


def _has(participant: Participant, side: str) -> bool:
    return any(issue.key.side == side and issue.key.severity != INFO for issue in participant.verdict.open.values())


def _is_to_blame(participant: Participant) -> bool:
    """Whether a publisher has trouble of its own, or something of its own that is looked for here."""
    return _has(participant, NETWORK) or _has(participant, DEVICE)


def _settle(several: Iterable[Bad], side: str, cause: str) -> None:
    """Others know better whose it is than what was measured at one."""
    for one in several:
        one.episode.side, one.episode.cause, one.episode.is_settled = side, cause, True


def _concurrent(session: Session, bad: list[Bad], now: float) -> list[Found]:
    """Several got into trouble within one fold, and no publisher among them explains it."""
    if len(session.participants) < SEVERAL:
        return []
    recent = sorted(
        (one for one in bad if one.episode.side == NETWORK and not one.episode.is_settled and now - one.begin < RECENT),
        key=lambda one: one.begin,
    )
    for first in recent:
        together = [one for one in recent if 0 <= one.begin - first.begin <= AT_ONCE]
        names = {one.participant.key.participant for one in together}
        if len(names) >= SEVERAL and len(names) >= TOGETHER * len(session.participants):
            _settle(together, INFRASTRUCTURE, "concurrent_onset")
            share = len(names) / len(session.participants)
            each = {id(one.participant): one for one in together}.values()
            return [Found(CONCURRENT_ONSET, one.participant, one.connection, INFRASTRUCTURE, share) for one in each]
    return [
        Found(CONCURRENT_ONSET, one.participant, one.connection, INFRASTRUCTURE, 1.0)
        for one in {id(one.participant): one for one in bad if one.episode.cause == "concurrent_onset"}.values()
    ]


def _undelivered(session: Session, links: Links) -> list[Found]:
    """Somebody sends, and somebody else, whose path is alive, gets nothing of it."""
    missing: dict[tuple[Name, str], list[tuple[Name, PeerConnection]]] = {}
    reached: set[tuple[Name, str]] = set()
    for (receiver, publisher), streams in links.items():
        for ssrc, connection, mine in streams:
            theirs = connection.judge.received[ssrc]
            if not mine.packets or theirs.is_muted or (mine.kind == "audio" and (mine.level or 0.0) < SPOKEN):
                continue
            is_silent = mine.kind == "audio" and theirs.level is not None and theirs.level < HEARD
            if theirs.packets and not is_silent:
                reached.add((publisher, mine.kind))
            elif connection.judge.is_alive:
                missing.setdefault((publisher, mine.kind), []).append((receiver, connection))
    found = []
    for (publisher, kind), several in missing.items():
        rule = ONE_WAY_AUDIO if kind == "audio" else VIDEO_NOT_DELIVERED
        # Who sends to several and reaches none: it is lost where all of it passes.
        side = INFRASTRUCTURE if len(several) >= RECEIVERS and (publisher, kind) not in reached else UNKNOWN
        found += [Found(rule, session.participants[name], connection, side, 1.0) for name, connection in several]
    return found


# ── what becomes of it


def _follow(session: Session, found: list[Found], now: float) -> Iterator[Told]:
    """Open what was found often enough, and end what is not found any more."""
    held = session.crowd
    seen = {(one.rule.id, one.participant.key.participant): one for one in found}
    for key, one in seen.items():
        time = one.participant.time(now)
        state = held.get(key)
        if state is None or state.who is not one.participant:
            state = held[key] = Held(one.participant, time)
        state.found, state.missed = state.found + 1, 0
        if state.episode is not None:
            state.episode.last, state.episode.side = time, one.side
        elif state.found >= HELD:
            state.episode = Episode(
                one.rule, state.since, time, one.rule.severity, one.value, time, streams=1, side=one.side
            )
            yield one.participant, one.connection, Change("begin", state.episode)
    for key, state in list(held.items()):
        if key in seen:
            continue
        state.missed += 1
        participant = session.participants.get(key[1])
        is_here = participant is state.who
        if state.episode is None or state.missed >= HELD or not is_here:
            del held[key]
            connection = next(_open(participant), None) if is_here and participant is not None else None
            if state.episode is not None and participant is not None and connection is not None:
                state.episode.end = state.episode.last
                yield participant, connection, Change("end", state.episode)
