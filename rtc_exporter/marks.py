"""
The scores of a peer connection, fold by fold: which of what was reported goes into which score.

A ``Marker`` reads each fold once and gives the worst stream of each direction and kind.  It remembers the round trip
time, since RTCP tells it less often than there are folds, and nothing about a stream.
"""

from collections.abc import Mapping
from math import inf

from rtc_exporter import signals, w3c
from rtc_exporter.delta import Fold, MonitoredObject
from rtc_exporter.formulas import Formula, rate
from rtc_exporter.model import Member
from rtc_exporter.quality import GUARDS, INSTEAD_AFTER, is_troubled
from rtc_exporter.scores import Scores, Scoring, worse

#: What Chromium calls a shared screen, at both ends: an RTP header extension tells the receiver.
SCREEN = "screenshare"

#: The signals that scores are made of, and the members that are read beside them.
SIGNALS: tuple[tuple[str, str], ...] = (
    ("inbound-rtp", "concealment_ratio"), ("inbound-rtp", "jitter_buffer_delay"), ("inbound-rtp", "freeze_ratio"),
    ("inbound-rtp", "loss_ratio"), ("inbound-rtp", "qp"), ("media-playout", "delay"),
    ("outbound-rtp", "source_frame_rate"), ("outbound-rtp", "source_frame_height"), ("outbound-rtp", "limited_ratio"),
    ("outbound-rtp", "qp"), ("media-source", "frame_rate"), ("media-source", "frame_height"),
    ("remote-inbound-rtp", "loss_ratio"), ("remote-inbound-rtp", "round_trip_time"),
    ("candidate-pair", "round_trip_time"),
)  # fmt: skip
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "inbound-rtp": ("packetsDiscarded", "framesDecoded"),
    "outbound-rtp": ("framesEncoded", "packetsSent"),
}


def _reads() -> dict[str, tuple[str, ...]]:
    wanted = {(stats, member) for stats, members in MEMBERS.items() for member in members}
    named = [(key[0], member) for key in SIGNALS for member in signals.BY_NAME[key].reads]
    named += [(key[0], member) for key in SIGNALS if key in GUARDS for member in GUARDS[key].reads]
    for stats, name in named:
        other, dot, member = name.partition(".")
        wanted.add((other, member) if dot and other in w3c.STATS else (stats, name))
    return {
        stats: tuple(sorted(name for owner, name in wanted if owner == stats)) for stats in {row[0] for row in wanted}
    }


#: The members, by stats type, that have to be followed for scores.
READS: Mapping[str, tuple[str, ...]] = _reads()


def _formula(stats: str, name: str) -> Formula:
    """A signal that says nothing where its guard is not met."""
    formula, guard = signals.once(stats, name), GUARDS.get((stats, name))
    if guard is None:
        return formula
    holds = guard.holds

    def guarded(thing: MonitoredObject, fold: Fold) -> float | None:
        value = formula(thing, fold)
        return value if value is not None and holds(thing, fold) else None

    return guarded


_concealment = _formula("inbound-rtp", "concealment_ratio")
_jitter_buffer = _formula("inbound-rtp", "jitter_buffer_delay")
_freeze = _formula("inbound-rtp", "freeze_ratio")
_loss = _formula("inbound-rtp", "loss_ratio")
_decoded_qp = _formula("inbound-rtp", "qp")
_playout = _formula("media-playout", "delay")
_top_layer = _formula("outbound-rtp", "source_frame_rate")
_sent_height = _formula("outbound-rtp", "source_frame_height")
_limited = _formula("outbound-rtp", "limited_ratio")
_encoded_qp = _formula("outbound-rtp", "qp")
_source_rate = _formula("media-source", "frame_rate")
_source_height = _formula("media-source", "frame_height")
_remote_loss = _formula("remote-inbound-rtp", "loss_ratio")
_rtcp_time = _formula("remote-inbound-rtp", "round_trip_time")
_ice_time = _formula("candidate-pair", "round_trip_time")
#: Means of the interval.  What browsers call frames per second is of the last second, and after a freeze that is all
#: the frames that had waited.
_decoded = rate("framesDecoded").formula
_encoded = rate("framesEncoded").formula


def unplayable(thing: MonitoredObject, fold: Fold) -> float | None:
    """Share of packets that were lost or, where it is told, came too late to be played: those were received."""
    lost = _loss(thing, fold)
    late = thing.increments.get("packetsDiscarded")
    if lost is None or not late:
        return lost
    return min(1.0, lost + late / (thing.increments["packetsReceived"] + thing.increments["packetsLost"]))


class Marker:
    """The scores of one peer connection."""

    __slots__ = ("_path", "_path_at", "_scoring", "_told", "_told_at")

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        #: The newest round trip times, by RTCP and by ICE, and when they were told.
        self._told = self._path = 0.0
        self._told_at = self._path_at = -inf

    def fold(self, fold: Fold) -> Scores:
        """The worst stream of each direction and kind; None where none could be scored."""
        if fold.switched:
            self._told_at = self._path_at = -inf
        received: list[MonitoredObject] = []
        sent: list[MonitoredObject] = []
        reported: list[MonitoredObject] = []
        for thing in fold.changed:
            if thing.elapsed is None:
                continue
            stats = thing.type
            if stats == "inbound-rtp":
                received.append(thing)
            elif stats == "outbound-rtp":
                sent.append(thing)
            elif stats == "remote-inbound-rtp":
                reported.append(thing)
            elif stats == "candidate-pair" and (path := _ice_time(thing, fold)) is not None:
                self._path, self._path_at = path, fold.time
        inbound_audio = inbound_video = outbound_audio = outbound_video = None
        losses: dict[Member, float] = {}
        if reported:
            outbound_audio = self._reports(reported, fold, losses)
        round_trip = self._round_trip(fold.time)
        for thing in received:
            if fold.mutes(thing):
                continue
            if thing.members.get("kind") == "audio":
                inbound_audio = worse(inbound_audio, self._heard(thing, fold, round_trip))
            else:
                inbound_video = worse(inbound_video, self._seen(thing, fold))
        for thing in sent:
            if thing.members.get("kind") == "video":
                outbound_video = worse(outbound_video, self._sent(thing, fold, losses))
        return Scores(inbound_audio, inbound_video, outbound_audio, outbound_video)

    def _round_trip(self, now: float) -> float | None:
        """By RTCP, which is of the media; where it has said nothing for long, by ICE.  They are not mixed."""
        if now - self._told_at <= INSTEAD_AFTER:
            return self._told
        return self._path if now - self._path_at <= INSTEAD_AFTER else None

    def _reports(self, reported: list[MonitoredObject], fold: Fold, losses: dict[Member, float]) -> float | None:
        """What the other side says: the score of our speech, and what it lost of each video source."""
        times = [time for thing in reported if (time := _rtcp_time(thing, fold)) is not None]
        if times:
            self._told, self._told_at = max(times), fold.time
        round_trip, score = self._round_trip(fold.time), None
        for thing in reported:
            lost, members = _remote_loss(thing, fold), thing.members
            local = fold.objects.get(str(members.get("localId", "")))
            if lost is None or local is None or _is_muted(local, fold):
                continue
            if members.get("kind") == "audio":
                codec = signals.codec_of(thing, fold.stats)
                score = worse(score, self._scoring.audio_outbound(lost, round_trip, codec))
            else:
                source = local.members.get("mediaSourceId", local.id)
                losses[source] = max(lost, losses.get(source, 0.0))
        return score

    def _heard(self, thing: MonitoredObject, fold: Fold, round_trip: float | None) -> float | None:
        device = fold.objects.get(str(thing.members.get("playoutId", "")))
        concealment = _concealment(thing, fold)
        return self._scoring.audio_inbound(
            unplayable(thing, fold) if concealment is None else None,
            round_trip,
            _jitter_buffer(thing, fold),
            _playout(device, fold) if device is not None else None,
            signals.codec_of(thing, fold.stats),
            concealment,
        )

    def _seen(self, thing: MonitoredObject, fold: Fold) -> float | None:
        gained = thing.increments.get
        return self._scoring.video_inbound(
            _decoded(thing, fold) if gained("packetsReceived") else None,
            _freeze(thing, fold),
            _decoded_qp(thing, fold),
            signals.codec_of(thing, fold.stats),
            is_screen=thing.members.get("contentType") == SCREEN,
            is_troubled=is_troubled(thing),
        )

    def _sent(self, thing: MonitoredObject, fold: Fold, losses: Mapping[Member, float]) -> float | None:
        """A media source is scored once, by its top layer; one that is on hold, or has no way out yet, not at all."""
        if not thing.increments.get("packetsSent") or _top_layer(thing, fold) is None or _is_muted(thing, fold):
            return None
        members = thing.members
        source = fold.objects.get(str(members.get("mediaSourceId", "")))
        limited = _limited(thing, fold)
        return self._scoring.video_outbound(
            _encoded(thing, fold),
            _source_rate(source, fold) if source is not None else None,
            losses.get(members.get("mediaSourceId", thing.id)),
            _encoded_qp(thing, fold),
            signals.codec_of(thing, fold.stats),
            _sent_height(thing, fold) if limited else None,
            _source_height(source, fold) if limited and source is not None else None,
            is_screen=members.get("contentType") == SCREEN,
            is_limited=bool(limited),
        )


def _is_muted(sent: MonitoredObject, fold: Fold) -> bool:
    """A muted source sends black, silence or nothing, as it should."""
    if not fold.muted:
        return False
    source = fold.objects.get(str(sent.members.get("mediaSourceId", "")))
    return source is not None and fold.mutes(source)
