"""Across participants: whose trouble it is, and who does not hear whom, in rooms of which everything is known."""

from collections.abc import Mapping

import pytest

from rtc_exporter.attribution import attribute
from rtc_exporter.crowd import streams_between
from rtc_exporter.episodes import Episode
from rtc_exporter.model import Event, Left, Members, ParticipantKey, PeerConnectionKey, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from rtc_exporter.rules import BY_ID, RULES
from tests.judging import CODECS
from tests.test_issue_series import series

START = 1_760_000_000.0
SECONDS = 5.0

#: What a participant's five seconds bring: stats id -> member -> increase.
Brings = Mapping[str, Mapping[str, float]]
WELL = {"packetsReceived": 1000.0, "packetsLost": 0.0}
LOSSY = {"packetsReceived": 850.0, "packetsLost": 150.0}


class Room:
    """Participants whose counters grow by what a test says, one report each in five seconds."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(PipelineSettings(), START)
        self.time = START
        self._stats: dict[ParticipantKey, dict[str, Members]] = {}

    def add(self, name: str, objects: Mapping[str, Members], session: str = "s") -> None:
        """Somebody with these stats objects."""
        self._stats[ParticipantKey(session, name)] = {ident: dict(members) for ident, members in objects.items()}

    def fold(self, brings: Mapping[str, Brings], times: int = 1) -> None:
        """So many folds in which everybody gets what is theirs, and nothing else."""
        for _ in range(times):
            self.time += SECONDS
            for number, (key, stats) in enumerate(self._stats.items()):
                for ident, gained in brings.get(key.participant, {}).items():
                    for member, amount in gained.items():
                        before = stats[ident].get(member, 0.0)
                        assert isinstance(before, int | float)
                        stats[ident][member] = before + amount
                now = self.time + number / 100
                report = {**CODECS, **{ident: dict(members) for ident, members in stats.items()}}
                self.pipeline.feed(Report(PeerConnectionKey(*key, "PC_0"), now, now, report, {}), now)
            self.pipeline.tick(self.time + 1)

    def leave(self, name: str) -> None:
        key = ParticipantKey("s", name)
        del self._stats[key]
        self.pipeline.feed(Left(key, self.time, "closed"), self.time)

    def open(self) -> set[tuple[str, str, str]]:
        """Who has which issue of more than information now, and whose it is."""
        held = series(self.pipeline, "rtc.issue.active", "rtc.participant.id", "rtc.issue", "rtc.side", "rtc.severity")
        return {(who, issue, side) for who, issue, side, severity in held if severity != "info"}


def inbound(ssrc: int, kind: str = "video") -> Members:
    return {"type": "inbound-rtp", "kind": kind, "ssrc": ssrc, "trackIdentifier": f"t{ssrc}", "framesDecoded": 0}


def outbound(ssrc: int, kind: str = "video") -> Members:
    return {"type": "outbound-rtp", "kind": kind, "ssrc": ssrc, "mediaSourceId": "source"}


SENDER: dict[str, Members] = {
    "out": outbound(10), "told": {"type": "remote-inbound-rtp", "kind": "video", "ssrc": 10, "localId": "out"},
    "source": {"type": "media-source", "kind": "video", "trackIdentifier": "mine"},
}  # fmt: skip
SENDS: Brings = {"out": {"packetsSent": 1000}, "told": {"packetsLost": 0, "roundTripTimeMeasurements": 1}}
SENDS_BADLY: Brings = {**SENDS, "told": {"packetsLost": 150, "roundTripTimeMeasurements": 1}}


def stage(receivers: int) -> Room:
    """One who sends and some who receive, of one server; all is well so far."""
    room = Room()
    room.add("a", SENDER)
    for name in "bcdefg"[:receivers]:
        room.add(name, {"in": inbound(10)})
    room.fold({"a": SENDS, **{name: {"in": WELL} for name in "bcdefg"[:receivers]}}, 3)
    assert room.open() == set()
    return room


def test_trouble_of_a_publisher_is_the_publishers() -> None:
    """All who receive it lose packets, and it hears itself that they do: not their network, but that of a peer."""
    room = stage(3)
    room.fold({"a": SENDS_BADLY, **{name: {"in": LOSSY} for name in "bcd"}}, 6)

    assert room.open() == {
        ("a", "loss", "network"), ("a", "publisher_trouble", "network"),
        ("b", "loss", "peer"), ("c", "loss", "peer"), ("d", "loss", "peer"),
    }  # fmt: skip

    room.fold({"a": SENDS, **{name: {"in": WELL} for name in "bcd"}}, 6)
    assert room.open() == set()


def test_trouble_behind_a_publisher_who_is_well_is_of_what_is_between() -> None:
    """All of three lose packets of one who has no trouble to send them."""
    room = stage(3)
    room.fold({"a": SENDS, **{name: {"in": LOSSY} for name in "bcd"}}, 6)

    assert room.open() == {
        ("a", "publisher_trouble", "infrastructure"),
        ("b", "loss", "infrastructure"), ("c", "loss", "infrastructure"), ("d", "loss", "infrastructure"),
    }  # fmt: skip


@pytest.mark.parametrize(("receivers", "bad"), [(3, "b"), (2, "b"), (5, "bc"), (1, "b")])
def test_trouble_of_a_few_is_their_own(receivers: int, bad: str) -> None:
    """Under 60 % of those who receive, or only one."""
    room = stage(receivers)
    room.fold({"a": SENDS, **{name: {"in": LOSSY if name in bad else WELL} for name in "bcdef"[:receivers]}}, 6)

    assert room.open() == {(name, "loss", "network") for name in bad}


def test_a_machine_that_cannot_encode_is_a_peer_to_who_waits_for_its_pictures() -> None:
    """The receiver's freeze has no reason of its own, and its only publisher's machine has one."""
    room = stage(1)
    held = {"out": {"packetsSent": 1000, "qualityLimitationDurations.cpu": 5.0}}
    frozen = {"in": {**WELL, "framesDecoded": 100, "totalFreezesDuration": 1.0, "freezeCount": 1}}
    room.fold({"a": {"out": {"qualityLimitationDurations.cpu": 0.0}}, "b": {"in": {"totalFreezesDuration": 0.0}}}, 2)
    room.fold({"a": held, "b": frozen}, 6)

    assert room.open() == {("a", "cpu_limited", "device"), ("b", "freeze", "peer")}


# ── who hears whom


def links(room: Room) -> dict[tuple[str, str], list[int]]:
    """(receiver, publisher) -> SSRCs as they are received."""
    session = room.pipeline.sessions.session("s")
    assert session is not None
    return {link: [one.ssrc for one in streams] for link, streams in streams_between(session).items()}


def relayed(ssrc: int, track: str) -> Members:
    """What comes of a server that makes up SSRCs."""
    return {**inbound(ssrc), "trackIdentifier": track}


def test_behind_a_server_that_makes_up_ssrcs_tracks_tell_who_is_who() -> None:
    """As far as it passes their ids on; the one that it makes up as well is nobody's."""
    room = Room()
    room.add("a", SENDER)
    room.add("b", {"in": relayed(501, "mine"), "made up": relayed(502, "made up"), "none": {**inbound(503)}})
    room.add("c", {"in": relayed(601, "mine")})
    room.fold({"a": SENDS, "b": {"in": WELL, "made up": WELL, "none": WELL}, "c": {"in": WELL}}, 2)

    assert links(room) == {("b", "a"): [501], ("c", "a"): [601]}


def test_trouble_behind_a_server_is_the_publishers_as_well() -> None:
    """What is found by SSRC is found by track."""
    room = Room()
    room.add("a", SENDER)
    for number, name in enumerate("bcd"):
        room.add(name, {"in": relayed(500 + number, "mine")})
    room.fold({"a": SENDS, **{name: {"in": WELL} for name in "bcd"}}, 3)
    room.fold({"a": SENDS_BADLY, **{name: {"in": LOSSY} for name in "bcd"}}, 6)

    assert ("a", "publisher_trouble", "network") in room.open()
    assert {("b", "loss", "peer"), ("c", "loss", "peer"), ("d", "loss", "peer")} <= room.open()


def test_of_several_layers_what_is_sent_is_the_one_that_flows() -> None:
    """A camera that is sent three times, of which one is at rest, is missed where nothing of it arrives."""
    room = Room()
    room.add("a", {"low": outbound(10), "high": outbound(11), "source": SENDER["source"]})
    room.add("b", {"in": relayed(501, "mine")})
    flows = {"a": {"low": {"packetsSent": 0}, "high": {"packetsSent": 1000}}}
    room.fold({**flows, "b": {"in": WELL}}, 3)
    assert room.open() == set()
    room.fold({**flows, "b": {"in": {"packetsReceived": 0}}}, 4)

    assert room.open() == {("b", "not_delivered", "unknown")}


def test_a_track_that_two_say_they_send_is_nobodys() -> None:
    """Who copies the id of another is not heard in its place."""
    room = Room()
    room.add("a", SENDER)
    room.add("b", {"in": relayed(501, "mine")})
    room.fold({"a": SENDS, "b": {"in": WELL}}, 2)
    assert links(room) == {("b", "a"): [501]}
    room.add("m", {"out": outbound(99), "source": SENDER["source"]})
    room.fold({"a": SENDS, "m": {"out": {"packetsSent": 5000}}, "b": {"in": WELL}}, 2)

    assert links(room) == {}


def test_nobody_hears_themselves() -> None:
    """What a server sends back to who sent it is no pair."""
    room = Room()
    room.add("a", {**SENDER, "in": relayed(501, "mine"), "same": inbound(10)})
    room.add("b", {"in": relayed(502, "mine")})
    room.fold({"a": {**SENDS, "in": WELL, "same": WELL}, "b": {"in": WELL}}, 2)

    assert links(room) == {("b", "a"): [502]}


# ── who does not hear whom

SPEAKER: dict[str, Members] = {
    "out": outbound(20, "audio"), "source": {"type": "media-source", "kind": "audio", "trackIdentifier": "mine"},
}  # fmt: skip


def speaks(level: float = 0.1) -> Brings:
    return {"out": {"packetsSent": 250}, "source": {"totalAudioEnergy": level**2 * 5, "totalSamplesDuration": 5.0}}


def hears(packets: float = 250, level: float = 0.1) -> Brings:
    return {"in": {"packetsReceived": packets, "totalAudioEnergy": level**2 * 5, "totalSamplesDuration": 5.0}}


def talk() -> Room:
    room = Room()
    room.add("a", SPEAKER)
    room.add("b", {"in": inbound(20, "audio")})
    room.fold({"a": speaks(), "b": hears()}, 3)
    assert room.open() == set()
    return room


@pytest.mark.parametrize("heard", [hears(packets=0), hears(level=0.0)], ids=["no packets", "only silence"])
def test_who_speaks_and_is_not_heard(heard: Brings) -> None:
    """After ten seconds, and until something is heard again."""
    room = talk()
    room.fold({"a": speaks(), "b": heard})
    assert room.open() == set()
    room.fold({"a": speaks(), "b": heard}, 3)

    assert room.open() == {("b", "one_way_audio", "unknown")}
    room.fold({"a": speaks(), "b": hears()}, 3)
    assert room.open() == set()


def test_who_is_silent_is_not_missed() -> None:
    """Nothing has to be heard of somebody who does not speak."""
    room = talk()
    room.fold({"a": speaks(level=0.009), "b": hears(packets=0)}, 5)

    assert room.open() == set()


def test_who_hears_a_little_hears() -> None:
    """One packet is a sign of life, and so is the lowest of voices."""
    room = talk()
    room.fold({"a": speaks(), "b": hears(packets=1, level=0.001)}, 5)

    assert room.open() == set()


def test_who_is_heard_by_nobody_is_lost_in_between() -> None:
    """Two do not hear it: it is lost where all of it passes."""
    room = Room()
    room.add("a", SPEAKER)
    for name in "bc":
        room.add(name, {"in": inbound(20, "audio")})
    room.fold({"a": speaks(), "b": hears(), "c": hears()}, 3)
    room.fold({"a": speaks(), "b": hears(packets=0), "c": hears(packets=0)}, 4)

    assert room.open() == {(name, "one_way_audio", "infrastructure") for name in "bc"}


def test_video_that_does_not_arrive() -> None:
    """The same of pictures."""
    room = stage(1)
    room.fold({"a": SENDS, "b": {"in": {"packetsReceived": 0}}}, 4)

    assert room.open() == {("b", "not_delivered", "unknown")}
    room.fold({"a": {"out": {"packetsSent": 0}}, "b": {"in": {"packetsReceived": 0}}}, 3)
    assert room.open() == set(), "nothing is sent any more"


def test_what_is_found_at_somebody_ends_with_them() -> None:
    """Nothing is counted of who is gone, and nothing is told twice."""
    room = talk()
    room.fold({"a": speaks(), "b": hears(packets=0)}, 4)
    room.leave("b")

    assert series(room.pipeline, "rtc.issue.participants", "rtc.issue") == {}
    room.fold({"a": speaks()}, 4)
    assert series(room.pipeline, "rtc.issue.onsets", "rtc.issue") == {("one_way_audio",): 1.0}


# ── several at once


def alone(room: Room, names: str) -> None:
    """Participants behind a server that rewrites SSRCs: nobody knows from whom a stream is."""
    for number, name in enumerate(names):
        room.add(name, {"in": inbound(100 + number)})
    room.fold({name: {"in": WELL} for name in names}, 3)


def test_half_of_a_session_at_once_is_what_they_share() -> None:
    """Three of four get into trouble within one fold."""
    room = Room()
    alone(room, "abcd")
    room.fold({**{name: {"in": LOSSY} for name in "abc"}, "d": {"in": WELL}}, 6)

    assert room.open() == {
        (name, issue, "infrastructure") for name in "abc" for issue in ("loss", "concurrent_onset")
    }  # fmt: skip
    room.fold({name: {"in": WELL} for name in "abcd"}, 6)
    assert room.open() == set()


def test_who_is_disconnected_at_once_shares_the_reason() -> None:
    """States are told as events, and count as what is measured does."""
    room = Room()
    alone(room, "abcd")
    for name in "abc":
        key = PeerConnectionKey("s", name, "PC_0")
        for state in ("connected", "disconnected"):
            room.pipeline.feed(Event(key, room.time, "iceconnectionstatechange", {"state": state}), room.time)
    room.fold({name: {"in": WELL} for name in "d"}, 3)

    found = {(who, issue) for who, issue, side in room.open() if side == "infrastructure"}
    assert found >= {(name, issue) for name in "abc" for issue in ("disconnected", "concurrent_onset")}
    assert not {issue for who, issue in found if who == "d"}


def test_two_of_a_session_are_chance() -> None:
    """At least three."""
    room = Room()
    alone(room, "abc")
    room.fold({**{name: {"in": LOSSY} for name in "ab"}, "c": {"in": WELL}}, 6)

    assert room.open() == {("a", "loss", "network"), ("b", "loss", "network")}


def test_one_after_the_other_is_no_onset_at_once() -> None:
    """The same three, twenty seconds apart."""
    room = Room()
    alone(room, "abcd")
    for bad in ("a", "ab", "abc"):
        room.fold({name: {"in": LOSSY if name in bad else WELL} for name in "abcd"}, 4)

    assert room.open() == {(name, "loss", "network") for name in "abc"}


# ── relays


def paths(relayed: str, direct: str) -> Room:
    """Sessions of one each, on a relay or not."""
    room = Room()
    for number, name in enumerate(relayed + direct):
        kind = "relay" if name in relayed else "host"
        room.add(
            name,
            {
                "in": inbound(200 + number),
                "pair": {"type": "candidate-pair", "selected": True, "localCandidateId": "c"},
                "c": {"type": "local-candidate", "candidateType": kind},
            },
            session=f"session {name}",
        )  # fmt: skip
    room.fold({name: {"in": WELL} for name in relayed + direct}, 3)
    return room


@pytest.mark.parametrize(
    ("relayed", "direct", "bad", "is_relay"),
    [
        ("abcde", "fghij", "abc", True),
        ("abcdef", "ghijk", "abc", True),
        # Too few suffer, too few are on a relay, the others suffer too.
        ("abcdef", "ghijk", "ab", False),
        ("abcd", "efghij", "abcd", False),
        ("abcde", "fghij", "abcfgh", False),
    ],
)
def test_relays_that_suffer_alone(relayed: str, direct: str, bad: str, is_relay: bool) -> None:
    """In sessions that have nothing else in common."""
    room = paths(relayed, direct)
    room.fold({name: {"in": LOSSY if name in bad else WELL} for name in relayed + direct}, 6)
    found = {name for name, issue, side in room.open() if (issue, side) == ("turn_degraded", "infrastructure")}

    assert found == (set(bad) & set(relayed) if is_relay else set())


# ── one participant


def episode(rule: str, side: str = "") -> Episode:
    return Episode(BY_ID[rule], 0.0, 5.0, "warning", 1.0, 5.0, side=side)


@pytest.mark.parametrize(
    ("beside", "side", "cause"),
    [
        ((), "unknown", ""),
        (("decoder_overload.inbound.video.time",), "device", "decoder_overload"),
        (("loss.inbound.video",), "network", "loss"),
        # A machine is not to blame while the network is in trouble.
        (("decoder_overload.inbound.video.time", "latency.rtcp"), "network", "latency"),
        (("tcp_media",), "unknown", ""),
    ],
)
def test_what_has_no_side_has_that_of_what_is_beside_it(beside: tuple[str, ...], side: str, cause: str) -> None:
    """The machine first, then the network; else nobody knows."""
    freeze = episode("freeze.inbound.video")
    attribute([freeze, *map(episode, beside)])

    assert (freeze.side, freeze.cause) == (side, cause)


def test_what_has_a_side_keeps_it() -> None:
    """A cause was seen with it."""
    freeze = episode("freeze.inbound.video", side="network")
    attribute([freeze, episode("decoder_overload.inbound.video.time")])

    assert freeze.side == "network"


def test_every_rule_of_a_session_fires_above() -> None:
    """The rooms above show each of them."""
    shown = {"one_way_audio", "not_delivered", "publisher_trouble", "concurrent_onset", "turn_degraded"}

    assert {rule.name for rule in RULES if rule.source == "session"} == shown
