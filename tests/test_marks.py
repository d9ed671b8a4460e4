"""Marks: which of what is reported goes into which score, by literal folds and by recorded calls."""

from collections.abc import Mapping

import pytest

from rtc_exporter import marks, w3c
from rtc_exporter.delta import Deltas, Fold
from rtc_exporter.marks import READS, SCREEN, Marker
from rtc_exporter.model import Member, Members, PeerConnectionKey, Report, Stats
from rtc_exporter.plans import compiled
from rtc_exporter.quality import INSTEAD_AFTER
from rtc_exporter.scores import Scores, Scoring
from tests import captures
from tests.marked import marked

KEY = PeerConnectionKey("s", "p", "PC_0")
START, SECONDS = 1_760_000_000.0, 5.0
SCORING = Scoring()

#: A good call, in its first report.
CALL: dict[str, Members] = {
    "opus": {"type": "codec", "mimeType": "audio/opus"},
    "vp8": {"type": "codec", "mimeType": "video/VP8"},
    "heard": {
        "type": "inbound-rtp", "kind": "audio", "ssrc": 1, "trackIdentifier": "a", "codecId": "opus",
        "playoutId": "out", "packetsReceived": 0, "packetsLost": 0, "packetsDiscarded": 0, "totalSamplesReceived": 0,
        "concealedSamples": 0, "silentConcealedSamples": 0, "jitterBufferDelay": 0.0, "jitterBufferEmittedCount": 0,
    },
    "seen": {
        "type": "inbound-rtp", "kind": "video", "ssrc": 2, "trackIdentifier": "v", "codecId": "vp8",
        "packetsReceived": 0, "packetsLost": 0, "framesDecoded": 0, "framesPerSecond": 30, "totalFreezesDuration": 0.0,
        "qpSum": 0,
    },
    "speech": {"type": "outbound-rtp", "kind": "audio", "ssrc": 3, "codecId": "opus", "packetsSent": 0},
    "picture": {
        "type": "outbound-rtp", "kind": "video", "ssrc": 4, "codecId": "vp8", "packetsSent": 0, "framesEncoded": 0,
        "framesPerSecond": 30, "frameHeight": 480, "frameWidth": 640, "mediaSourceId": "camera", "qpSum": 0,
        "qualityLimitationDurations.cpu": 0.0, "qualityLimitationDurations.bandwidth": 0.0,
    },
    "camera": {
        "type": "media-source", "kind": "video", "trackIdentifier": "c", "framesPerSecond": 30, "height": 480,
        "width": 640,
    },
    "about speech": {
        "type": "remote-inbound-rtp", "kind": "audio", "ssrc": 3, "localId": "speech", "packetsLost": 0,
        "totalRoundTripTime": 0.0, "roundTripTimeMeasurements": 0,
    },
    "about picture": {
        "type": "remote-inbound-rtp", "kind": "video", "ssrc": 4, "localId": "picture", "packetsLost": 0,
        "totalRoundTripTime": 0.0, "roundTripTimeMeasurements": 0,
    },
    "out": {"type": "media-playout", "kind": "audio", "totalPlayoutDelay": 0.0, "totalSamplesCount": 0},
    "pair": {
        "type": "candidate-pair", "selected": True, "totalRoundTripTime": 0.0, "responsesReceived": 0,
        "localCandidateId": "l", "remoteCandidateId": "r",
    },
}  # fmt: skip

#: What five good seconds bring.
WELL: dict[str, dict[str, float]] = {
    "heard": {"packetsReceived": 250, "totalSamplesReceived": 240_000, "jitterBufferDelay": 240_000 * 0.03,
              "jitterBufferEmittedCount": 240_000},
    "seen": {"packetsReceived": 500, "framesDecoded": 150, "qpSum": 150 * 20},
    "speech": {"packetsSent": 250},
    "picture": {"packetsSent": 500, "framesEncoded": 150, "qpSum": 150 * 20},
    "about speech": {"totalRoundTripTime": 0.04, "roundTripTimeMeasurements": 2},
    "about picture": {"totalRoundTripTime": 0.04, "roundTripTimeMeasurements": 2},
    "out": {"totalPlayoutDelay": 240_000 * 0.03, "totalSamplesCount": 240_000},
    "pair": {"totalRoundTripTime": 0.02, "responsesReceived": 2},
}  # fmt: skip


class Playing:
    """A peer connection that is folded every five seconds, following only what scores need."""

    def __init__(self, call: Mapping[str, Members] = CALL) -> None:
        self.marker = Marker(SCORING)
        self.time = START
        wanted = {(stats, member) for stats, members in READS.items() for member in members}
        self._deltas = Deltas(created=True, plans=compiled(wanted))
        self._stats: dict[str, Members] = {ident: dict(members) for ident, members in call.items()}
        self.fold({})

    def fold(
        self,
        interval: Mapping[str, Mapping[str, float]],
        muted: frozenset[str] = frozenset(),
        **now: Mapping[str, Member],
    ) -> Scores:
        """Counters grow by ``interval``; ``now`` are members of the object of that name as they are."""
        self.time += SECONDS
        for ident, gained in interval.items():
            members = self._stats.get(ident, {})
            for name, amount in gained.items():
                before = members.get(name, 0)
                assert isinstance(before, int | float)
                members[name] = before + amount
            if members.get("type") == "remote-inbound-rtp":
                members["timestamp"] = self.time
        for ident, changes in now.items():
            self._stats[ident] |= changes
        stats: Stats = {ident: dict(members) for ident, members in self._stats.items()}
        return self.marker.fold(self._fold(stats, muted))

    def _fold(self, stats: Stats, muted: frozenset[str]) -> Fold:
        return self._deltas.fold(Report(KEY, self.time, self.time, stats, {}), muted=muted)


def without(*idents: str) -> dict[str, Members]:
    return {ident: members for ident, members in CALL.items() if ident not in idents}


def changed(ident: str, **gained: float) -> dict[str, dict[str, float]]:
    return {**WELL, ident: {**WELL[ident], **gained}}


def test_a_good_call_has_four_scores() -> None:
    """10 ms to the other side, 30 in the jitter buffer, 30 at the device: as the score's own function says."""
    scores = Playing().fold(WELL)

    assert scores == pytest.approx(
        (
            SCORING.audio_inbound(None, 0.02, 0.03, 0.03, "audio/opus", 0.0),
            SCORING.video_inbound(30.0, 0.0, 20.0, "video/VP8"),
            SCORING.audio_outbound(0.0, 0.02, "audio/opus"),
            SCORING.video_outbound(30.0, 30.0, 0.0, 20.0, "video/VP8"),
        )
    )


def test_nothing_new_is_no_score() -> None:
    """Counters that rest say nothing about speech or pictures."""
    call = Playing()
    call.fold(WELL)

    assert call.fold({}) == Scores()


def test_concealment_counts_before_loss() -> None:
    """Packets that were lost and mended harm nobody; silence made up is silence."""
    mended = Playing().fold(changed("heard", packetsLost=25))
    silent = Playing().fold(changed("heard", concealedSamples=24_000, silentConcealedSamples=24_000))
    audible = Playing().fold(changed("heard", concealedSamples=24_000))

    assert mended.inbound_audio == silent.inbound_audio == Playing().fold(WELL).inbound_audio
    assert audible.inbound_audio == pytest.approx(SCORING.audio_inbound(None, 0.02, 0.03, 0.03, "audio/opus", 0.1))


def test_late_packets_are_lost_where_concealment_is_not_told() -> None:
    """They came, and nobody heard them."""
    members = {name: value for name, value in CALL["heard"].items() if "oncealed" not in name}
    call = Playing({**CALL, "heard": members})
    late = {"packetsReceived": 240.0, "packetsLost": 10.0, "packetsDiscarded": 15.0}
    scores = call.fold(
        {**WELL, "heard": {**{k: v for k, v in WELL["heard"].items() if k != "packetsReceived"}, **late}}
    )

    assert scores.inbound_audio == pytest.approx(SCORING.audio_inbound(0.1, 0.02, 0.03, 0.03, "audio/opus", None))


def test_the_round_trip_time_of_rtcp_lasts_until_ice_takes_over() -> None:
    """One is not mixed with the other: half a second by RTCP stays so for 30 seconds, and then it is 10 ms by ICE."""
    call = Playing()
    slow = changed("about speech", totalRoundTripTime=1.0)
    first = call.fold(slow).inbound_audio
    silent = {ident: gained for ident, gained in WELL.items() if not ident.startswith("about")}
    later = [call.fold(silent).inbound_audio for _ in range(int(INSTEAD_AFTER / SECONDS) + 1)]

    assert first == pytest.approx(SCORING.audio_inbound(None, 0.5, 0.03, 0.03, "audio/opus", 0.0))
    assert later[:-1] == [first] * (len(later) - 1)
    assert later[-1] == pytest.approx(SCORING.audio_inbound(None, 0.01, 0.03, 0.03, "audio/opus", 0.0))


def test_who_only_receives_has_the_time_of_ice() -> None:
    """Without a stream of one's own RTCP measures nothing."""
    call = Playing(without("speech", "picture", "about speech", "about picture"))

    assert call.fold(WELL).inbound_audio == pytest.approx(
        SCORING.audio_inbound(None, 0.01, 0.03, 0.03, "audio/opus", 0.0)
    )


def test_without_any_round_trip_time_speech_is_not_scored() -> None:
    """And video is."""
    scores = Playing(without("speech", "picture", "about speech", "about picture", "pair")).fold(WELL)

    assert scores.inbound_audio is None
    assert scores.inbound_video is not None


def test_a_new_path_has_its_own_round_trip_time() -> None:
    """What was measured on the one before says nothing about it."""
    second: Members = {**CALL["pair"], "selected": False, "localCandidateId": "l2"}
    call = Playing({**CALL, "second": second})
    call.fold(WELL)
    silent = {ident: gained for ident, gained in WELL.items() if not ident.startswith("about")}

    assert call.fold(silent, pair={"selected": False}, second={"selected": True}).inbound_audio is None


def test_the_worst_stream_counts() -> None:
    """One frozen picture among good ones."""
    call = Playing({**CALL, "other": {**CALL["seen"], "ssrc": 9, "trackIdentifier": "w"}})
    scores = call.fold({**WELL, "other": {**WELL["seen"], "totalFreezesDuration": 2.5}})

    assert scores.inbound_video == pytest.approx(SCORING.video_inbound(30.0, 0.5))


def test_frames_are_counted_over_the_interval() -> None:
    """What a browser calls frames per second is of the last second: after a freeze it is all that had waited."""
    scores = Playing().fold(changed("seen", framesDecoded=40, qpSum=800), seen={"framesPerSecond": 90})

    assert scores.inbound_video == pytest.approx(SCORING.video_inbound(8.0, 0.0, 20.0, "video/VP8"))


#: what is different, which tracks are muted -> what has no score now
SILENT: tuple[tuple[str, dict[str, dict[str, float]], frozenset[str], str], ...] = (
    ("a muted picture", changed("seen", framesDecoded=5), frozenset("v"), "inbound_video"),
    ("muted speech", changed("heard", concealedSamples=100_000), frozenset("a"), "inbound_audio"),
    ("a muted camera", changed("picture", framesEncoded=5), frozenset("c"), "outbound_video"),
    ("a still picture", changed("seen", framesDecoded=5, totalFreezesDuration=4.0), frozenset(), "inbound_video"),
    ("nothing sent", changed("picture", framesEncoded=0, packetsSent=0), frozenset(), "outbound_video"),
)


@pytest.mark.parametrize(("interval", "muted", "name"), [row[1:] for row in SILENT], ids=[row[0] for row in SILENT])
def test_what_rests_on_purpose_is_not_scored(
    interval: dict[str, dict[str, float]], muted: frozenset[str], name: str
) -> None:
    """Mute, hold and a still picture are no fault."""
    assert getattr(Playing().fold(interval, muted), name) is None


def test_a_still_screen_is_all_of_it() -> None:
    """Two frames a second of a screen that gives two; of a camera it would be next to nothing."""
    two = changed("picture", framesEncoded=10, qpSum=200)
    screen = Playing().fold(two, picture={"contentType": SCREEN}, camera={"framesPerSecond": 2})
    camera = Playing().fold(two, camera={"framesPerSecond": 30})

    assert screen.outbound_video == pytest.approx(4.5)
    assert camera.outbound_video == pytest.approx(SCORING.video_outbound(2.0, 30.0))


def test_a_smaller_picture_counts_while_limited() -> None:
    """For want of bandwidth it is a fault, by wish it is not."""
    small = {"frameHeight": 120, "frameWidth": 160}
    limited = changed("picture", **{"qualityLimitationDurations.bandwidth": 5.0})

    assert Playing().fold(WELL, picture=small).outbound_video == Playing().fold(WELL).outbound_video
    assert Playing().fold(limited, picture=small).outbound_video == pytest.approx(
        SCORING.video_outbound(30.0, 30.0, height=120, source_height=480, is_limited=True)
    )


def test_what_the_other_side_loses_counts_for_what_is_sent() -> None:
    """Of each kind its own."""
    lost = Playing().fold(changed("about speech", packetsLost=25))

    assert lost.outbound_audio == pytest.approx(SCORING.audio_outbound(0.1, 0.02, "audio/opus"))
    assert lost.outbound_video == Playing().fold(WELL).outbound_video
    assert Playing().fold(changed("about picture", packetsLost=50)).outbound_video == pytest.approx(
        SCORING.video_outbound(30.0, 30.0, 0.1)
    )


def test_what_is_read_is_kept() -> None:
    """Every member is in ``w3c.STATS``, or it would never be seen."""
    for stats, members in marks.READS.items():
        assert set(members) <= w3c.STATS[stats].members, stats


# ── recorded calls

#: Seconds until a call has settled, and after which its end shows.
SETTLED = 10.0


def between(name: str, begin: float, end: float) -> list[str]:
    """The verdicts of a recording in a span of time."""
    return [row.quality for row in marked(name) if begin <= row.time <= end]


@pytest.mark.parametrize(
    "name", ["healthy-cr.p1", "healthy-cr.p2", "healthy-ff.p1", "healthy-ff.p2", "relay-cr.p1", "relay-cr.p2"]
)
def test_a_healthy_call_is_good(name: str) -> None:
    """Every interval of it, directly or by relay, until the other side leaves."""
    found = between(f"{name}.frames", SETTLED, 60.5)

    assert found
    assert set(found) == {"good"}


@pytest.mark.parametrize("name", ["degraded-cr.p1", "degraded-cr.p2", "degraded-ff.p1", "degraded-ff.p2"])
def test_a_degraded_call_is_bad_while_it_is_degraded(name: str) -> None:
    """Loss and delay from 10 to 55 seconds; it was good before."""
    assert between(f"{name}.frames", 9.0, 11.0)[0] in ("good", "fair")
    assert set(between(f"{name}.frames", 14.5, 55.5)) == {"bad"}


@pytest.mark.parametrize("name", ["audioonly-cr.p1", "audioonly-cr.p2"])
def test_loss_is_heard_while_there_is_loss(name: str) -> None:
    """From 10 to 30 seconds, and no longer than a report of the other side takes."""
    assert set(between(f"{name}.frames", 14.5, 30.5)) == {"poor"}
    assert between(f"{name}.frames", 9.0, 11.0) == ["good"]
    assert between(f"{name}.frames", 34.5, 41.0)[-1] == "good"


def test_no_recording_contradicts_itself() -> None:
    """In every interval of every one the class is that of the score, where there is one."""
    for name in captures.names():
        for row in marked(name):
            if row.score is not None:
                assert row.quality == ("good", "fair", "poor", "bad")[SCORING.class_of(row.score)], (name, row)


def test_who_never_connects_is_not_scored() -> None:
    """No media, no opinion."""
    for name in ("icefail-cr.p1.frames", "icefail-cr.p2.frames", "icefail-ff.p1.frames", "icefail-ff.p2.frames"):
        assert {row.quality for row in marked(name)} == {"unclassified"}, name
