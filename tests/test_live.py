"""Series of live participants: who has them, what they say, and when they go."""

from collections.abc import Mapping
from typing import Any

import pytest

from rtc_exporter.metric import Tier
from rtc_exporter.model import Event, Joined, Left, Member, Members, ParticipantKey, PeerConnectionKey, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings

START = 1_760_000_000.0
RTT = "rtc.participant.round_trip_time"
RATE = "rtc.participant.inbound.bitrate"
FRAMES = "rtc.participant.frame_rate"
JITTER = "rtc.participant.jitter"
INFO = "rtc.participant.info"


class Room:
    """A pipeline that judges every report, with participants of one session."""

    def __init__(self, *people: str, **settings: Any) -> None:
        self.now = START
        self.pipeline = Pipeline(PipelineSettings(fold_interval=0.0, expiry=1e9, **settings), START)
        for name in people:
            self.join(name)

    def join(self, name: str, **attributes: str) -> None:
        """Somebody comes, with a peer connection."""
        self.pipeline.feed(Joined(ParticipantKey("room", name), self.now, attributes), self.now)
        self.create(name, "PC_0")

    def create(self, name: str, pc: str) -> None:
        """A peer connection is made."""
        self.pipeline.feed(Event(PeerConnectionKey("room", name, pc), self.now, "create", {}), self.now)

    def close(self, name: str, pc: str = "PC_0") -> None:
        """A peer connection is closed."""
        self.pipeline.feed(Event(PeerConnectionKey("room", name, pc), self.now, "close", {}), self.now)

    def report(self, name: str, stats: Mapping[str, Members], pc: str = "PC_0") -> None:
        """A report of now."""
        self.pipeline.feed(Report(PeerConnectionKey("room", name, pc), self.now, self.now, stats, {}), self.now)

    def suffer(self, **round_trips: float) -> None:
        """A second passes; each of these people reports a round trip time, in seconds."""
        self.wait(1)
        for name, seconds in round_trips.items():
            self.report(name, path(seconds))

    def leave(self, name: str) -> None:
        """Somebody goes."""
        self.pipeline.feed(Left(ParticipantKey("room", name), self.now, "left"), self.now)

    def wait(self, seconds: int) -> None:
        """Time passes, a second at a time as it does for the server."""
        for _ in range(seconds):
            self.now += 1
            self.pipeline.tick(self.now)

    def scrape(self) -> set[tuple[str, ...]]:
        """Render the tier: name and label values of every series."""
        found = {
            (family.metric.name, *slot.values)
            for family in self.pipeline.store.families(Tier.PARTICIPANT)
            for slot in family.slots()
        }
        self.pipeline.scraped()
        return found

    @property
    def exported(self) -> set[str]:
        """Who has series, without a scrape."""
        return {values[1] for values in self.series(INFO)}

    def series(self, name: str) -> dict[tuple[str, ...], float]:
        """The series of a metric."""
        family = self.pipeline.store.family(name)
        assert family is not None
        return {slot.values: getattr(slot, "value", 0.0) for slot in family.slots()}

    def value(self, name: str, who: str, *kind: str) -> float | None:
        """A gauge of somebody; None where there is no series."""
        return self.series(name).get(("room", who, *kind))


def path(seconds: float, local: str = "host") -> dict[str, Members]:
    """A selected candidate pair with a round trip time."""
    return {
        "l": {"type": "local-candidate", "candidateType": local, "protocol": "udp"},
        "t": {"type": "transport", "selectedCandidatePairId": "p"},
        "p": {
            "type": "candidate-pair", "localCandidateId": "l", "remoteCandidateId": "r", "state": "succeeded",
            "currentRoundTripTime": seconds,
        },
    }  # fmt: skip


def video(ssrc: int, **members: Member) -> Members:
    """A video received."""
    return {"type": "inbound-rtp", "kind": "video", "ssrc": ssrc, **members}


# ── who


def test_up_to_the_limit_everybody_has_series() -> None:
    """At once on joining, healthy or not."""
    room = Room("ann", "bob", participants_limit=2)

    assert room.exported == {"ann", "bob"}
    room.wait(300)
    assert room.exported == {"ann", "bob"}
    assert room.series("rtc.participants.exported") == {("pinned",): 0, ("worst",): 0, ("all",): 2}


def test_a_place_that_becomes_free_is_taken() -> None:
    """By whoever is there without one, at the next choice."""
    room = Room("ann", "bob", participants_limit=1)
    assert room.exported == {"ann"}

    room.leave("ann")
    room.scrape()
    room.wait(6)

    assert room.exported == {"bob"}


def test_beyond_the_limit_the_worst_have_series() -> None:
    """Round trips of a second are worse than of ten milliseconds."""
    room = Room("ann", "bob", "eve", participants_limit=1)
    for _ in range(70):
        room.suffer(ann=0.01, bob=1.0, eve=0.3)

    assert room.exported == {"bob"}
    assert room.series("rtc.participants.exported") == {("pinned",): 0, ("worst",): 1, ("all",): 0}
    assert {key[1] for key in room.series(RTT)} == {"bob"}, "nothing is left of who is out"


def test_who_is_in_stays_for_a_minute() -> None:
    """However much worse somebody else becomes: each change costs Prometheus new series."""
    room = Room("ann", "bob", participants_limit=1)
    for _ in range(58):
        room.suffer(ann=0.01, bob=2.0)
        assert room.exported == {"ann"}
    for _ in range(8):
        room.suffer(ann=0.01, bob=2.0)

    assert room.exported == {"bob"}
    for _ in range(50):
        room.suffer(ann=2.0, bob=0.01)
        assert room.exported == {"bob"}


def test_who_is_in_stays_while_others_are_not_clearly_worse() -> None:
    """A fifth is not enough: two calls that are alike would take turns."""
    room = Room("ann", "bob", participants_limit=1)
    for _ in range(200):
        room.suffer(ann=0.9, bob=1.0)

    assert room.exported == {"ann"}


def test_pinned_participants_have_series_beyond_the_limit() -> None:
    """Healthy or not, by participant or by session; and nobody pushes them out."""
    room = Room("ann", "bob", participants_limit=1, pinned=("bob",))
    for _ in range(80):
        room.suffer(ann=1.0, bob=0.01)

    assert room.exported == {"ann", "bob"}
    assert room.series("rtc.participants.exported")[("pinned",)] == 1
    assert Room("ann", "bob", participants_series="pinned", pinned=("room",)).exported == {"ann", "bob"}


def test_with_pinned_nobody_else_has_series() -> None:
    """Neither at once nor later."""
    room = Room("ann", "bob", participants_series="pinned", pinned=("bob",))
    room.wait(30)

    assert room.exported == {"bob"}


def test_with_off_nobody_has_series() -> None:
    """Not even who is pinned; the metric about it says so."""
    room = Room("ann", "bob", participants_series="off", pinned=("bob",))
    room.suffer(ann=0.5, bob=0.5)
    room.wait(30)

    assert room.scrape() == set()
    assert set(room.series("rtc.participants.exported").values()) == {0}


def test_with_all_whoever_came_first_has_series() -> None:
    """Up to the limit, and they do not change with the quality."""
    room = Room("ann", "bob", participants_series="all", participants_limit=1)
    for _ in range(80):
        room.suffer(ann=0.01, bob=1.0)

    assert room.exported == {"ann"}


def test_a_limit_of_none_is_a_limit() -> None:
    """Who reads files for a summary alone wants no series at all."""
    room = Room("ann", participants_limit=0)
    room.suffer(ann=0.5)
    room.wait(10)

    assert room.scrape() == set()


# ── what


@pytest.mark.parametrize(
    ("name", "kind", "one", "other", "combined"),
    [
        (JITTER, "video", {"jitter": 0.5}, {"jitter": 0.25}, 0.5),
        (FRAMES, "video", {"framesPerSecond": 30}, {"framesPerSecond": 12}, 12),
        (RATE, "video", {"bytesReceived": 1000}, {"bytesReceived": 500}, 1500),
    ],
)
@pytest.mark.parametrize("apart", [True, False], ids=["peer connections", "streams"])
def test_what_is_there_several_times_becomes_one(
    name: str, kind: str, one: Members, other: Members, combined: float, apart: bool
) -> None:
    """The worst, the lowest, or the sum, over the streams of one peer connection as over several of them."""
    room = Room("ann")
    room.create("ann", "PC_1")
    for share in (0, 1):
        first, second = (
            {key: value * share if key == "bytesReceived" else value for key, value in members.items()}
            for members in (one, other)
        )
        if apart:
            room.report("ann", {"a": video(1, **first)})
            room.report("ann", {"b": video(2, **second)}, "PC_1")
        else:
            room.report("ann", {"a": video(1, **first), "b": video(2, **second)})
        room.wait(1)

    assert room.value(name, "ann", kind) == combined


def test_loss_is_smoothed() -> None:
    """One bad second is not a bad call: after a second of 15 it is a sixteenth of the way there."""
    room = Room("ann")
    for received, lost in ((0, 0), (100, 0), (150, 50)):
        room.report("ann", {"a": video(1, packetsReceived=received, packetsLost=lost)})
        room.wait(1)

    assert room.value("rtc.participant.packet_loss.ratio", "ann", "video") == pytest.approx(0.5 / 16)


def test_a_peer_connection_that_closes_takes_its_values_along() -> None:
    """What is left is of the others."""
    room = Room("ann")
    room.create("ann", "PC_1")
    for total in (0, 1000, 2000):
        room.report("ann", {"a": video(1, bytesReceived=total)})
        room.report("ann", {"b": video(2, bytesReceived=total)}, "PC_1")
        room.wait(1)
    assert room.value(RATE, "ann", "video") == 2000

    room.close("ann", "PC_1")
    room.report("ann", {"a": video(1, bytesReceived=3000)})

    assert room.value(RATE, "ann", "video") == 1000


def test_the_last_values_outlive_the_last_peer_connection_for_half_a_minute() -> None:
    """Then they would be of a call that is over, though its participant is still here."""
    room = Room("ann")
    room.suffer(ann=0.5)
    room.suffer(ann=0.5)
    room.close("ann")

    room.wait(25)
    assert room.value(RTT, "ann") == 0.5
    room.wait(15)
    assert room.value(RTT, "ann") is None
    assert room.exported == {"ann"}


def test_a_value_that_nothing_renews_goes() -> None:
    """A path that is no longer measured has no round trip time."""
    room = Room("ann")
    room.suffer(ann=0.5)
    room.suffer(ann=0.5)
    for second in range(40):
        room.wait(1)
        room.report("ann", {"a": video(1, bytesReceived=second)})

    assert room.value(RTT, "ann") is None
    assert room.value(RATE, "ann", "video") == 1


def test_start_and_newest_report_are_told() -> None:
    """In Unix seconds on our clock."""
    room = Room("ann")
    room.suffer(ann=0.5)
    room.suffer(ann=0.5)

    assert room.value("rtc.participant.start.timestamp", "ann") == START
    assert room.value("rtc.participant.last_report.timestamp", "ann") == START + 2


def test_the_last_values_are_those_of_the_call() -> None:
    """Leaving closes one peer connection after the other, but the last scrape shows all of them together."""
    room = Room("ann")
    room.create("ann", "PC_1")
    for total in (0, 1000):
        room.wait(1)
        room.report("ann", {"a": video(1, bytesReceived=total)})
        room.report("ann", {"b": video(2, bytesReceived=total, framesPerSecond=5)}, "PC_1")
    assert room.value(RATE, "ann", "video") == 2000

    room.leave("ann")

    assert room.value(RATE, "ann", "video") == 2000
    assert room.value(FRAMES, "ann", "video") == 5


def test_the_last_values_are_those_of_the_call_when_something_has_waited() -> None:
    """The same where folding waits, and leaving has to fold first."""
    room = Room("ann")
    room.pipeline = Pipeline(PipelineSettings(), START)
    room.join("ann")
    room.create("ann", "PC_1")
    for second in range(9):
        room.report("ann", {"a": video(1, bytesReceived=1000 * second)})
        room.report("ann", {"b": video(2, bytesReceived=1000 * second)}, "PC_1")
        room.wait(1)
    assert room.value(RATE, "ann", "video") == 2000

    room.leave("ann")

    assert room.value(RATE, "ann", "video") == 2000


# ── when they go


def test_series_are_rendered_once_more_after_the_end() -> None:
    """So that the last values are seen; at the scrape after that they are gone."""
    room = Room("ann", "bob")
    room.suffer(ann=0.5, bob=0.5)
    room.suffer(ann=0.5, bob=0.5)
    before = room.scrape()

    room.leave("ann")

    assert room.scrape() == before
    assert {row[2] for row in room.scrape()} == {"bob"}
    assert {row[2] for row in room.scrape()} == {"bob"}


def test_without_scrapes_they_go_after_two_minutes() -> None:
    """Nobody looks: nothing is kept for nobody."""
    room = Room("ann")
    room.suffer(ann=0.5)
    room.leave("ann")

    room.wait(118)
    assert room.exported == {"ann"}
    room.wait(5)

    assert room.pipeline.store.families(Tier.PARTICIPANT)
    assert room.scrape() == set()


def test_who_comes_back_at_once_has_no_series_twice() -> None:
    """Those of its first stay go, whatever has changed since; those of the second outlive the scrape."""
    room = Room("ann")
    room.suffer(ann=0.5)
    room.suffer(ann=0.5)
    room.leave("ann")

    room.join("ann", **{"rtc.app.version": "2"})

    assert len(room.series(INFO)) == 1
    assert room.value(RTT, "ann") is None, "nothing is known of the new call"
    assert room.value("rtc.participant.start.timestamp", "ann") == room.now
    room.scrape()
    assert room.exported == {"ann"}
    room.leave("ann")
    room.scrape()
    assert room.scrape() == set()


def test_who_comes_back_without_a_place_has_no_series() -> None:
    """Its lingering ones would say that it has."""
    room = Room("ann", participants_limit=1)
    room.leave("ann")
    room.join("bob")
    room.join("ann")

    assert room.exported == {"bob"}


# ── info


def test_the_info_series_tells_the_path_and_follows_it_once_a_minute() -> None:
    """A path that flaps costs a series a minute and no more, and there is one at any time."""
    room = Room("ann")
    seen: list[str] = []
    for second in range(180):
        room.wait(1)
        room.report("ann", path(0.1, "relay" if second % 2 else "host"))
        ((values, one),) = room.series(INFO).items()
        assert one == 1
        if not seen or seen[-1] != str(values):
            seen.append(str(values))

    assert 2 <= len(seen) <= 4


def test_the_info_series_tells_the_path_as_soon_as_it_is_known() -> None:
    """Most calls are short: who joins has no path yet, and a minute later may be gone."""
    room = Room("ann")
    room.suffer(ann=0.1)
    room.suffer(ann=0.1)

    ((values, _),) = room.series(INFO).items()

    assert "host" in values


def test_the_info_series_tells_what_the_page_said_after_its_handshake() -> None:
    """The first frame names the application and its version; the user agent came before it."""
    room = Room()
    room.join("ann", **{"user_agent.name": "Chrome"})
    room.join("ann", **{"rtc.app.name": "meet"})
    room.suffer(ann=0.1)

    ((values, _),) = room.series(INFO).items()

    assert {"Chrome", "meet"} <= set(values)


def test_who_leaves_while_a_scrape_goes_out_is_in_the_next_one() -> None:
    """The chunks of a scrape take their time: who was there when it began may be missing from it."""
    room = Room("ann")
    room.wait(1)
    began = room.now
    room.wait(1)
    room.leave("ann")

    room.pipeline.scraped(began)

    assert room.exported == {"ann"}
    room.scrape()
    assert room.exported == set()
