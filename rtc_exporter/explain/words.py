"""
What happened, as a support engineer says it afterwards: one row for each issue.

An issue without a row is told by its ``help``; a row makes it read better.  A symptom is what somebody noticed: another
issue beside it says why.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rtc_exporter.draw.axes import length, written
from rtc_exporter.episodes import Episode
from rtc_exporter.recorder import PATH
from rtc_exporter.rules import CAUSES, ISSUES, OUTAGE

#: What stands in for a letter that a terminal would obey or not show.
STRANGE = "\N{REPLACEMENT CHARACTER}"


class Saying(NamedTuple):
    """
    Where ``said`` is empty, the rule's help says it better, since it knows more.

    In ``value``, ``{}`` is the worst value and ``{lasted}`` how long it was so; empty: neither is told.
    """

    said: str
    value: str = ""
    is_symptom: bool = False
    outbound: str = ""


UP_TO, HALF = "up to {}", "up to {} of the time"
SAYINGS: dict[str, Saying] = {
    "freeze": Saying("video stood still", HALF, is_symptom=True),
    "cpu_limited": Saying("the machine held the encoder back", HALF),
    "decoder_overload": Saying("the machine could not decode in time"),
    "key_frame_missing": Saying("key frames were asked for and did not come", is_symptom=True),
    "decoder_stuck": Saying("video came and could not be decoded", is_symptom=True),
    "key_frame_storm": Saying("key frames were asked for again and again", UP_TO, is_symptom=True),
    "capture_starved": Saying("the camera gave too few frames", "up to {} missing"),
    "encoder_failed": Saying("the camera worked and nothing was encoded"),
    "encoder_overload": Saying("the machine could not encode in time"),
    "nothing_sent": Saying("something was captured and nothing was sent"),
    "cpu_pressure": Saying("the machine was under pressure"),
    "resolution_drop": Saying("a smaller picture was sent"),
    "top_layer_lost": Saying("the best simulcast layer was not sent", is_symptom=True),
    "software_fallback": Saying("video moved from hardware to software"),
    "av_desync": Saying("sound and picture were apart", UP_TO, is_symptom=True),
    "corruption": Saying("pictures were corrupt"),
    "audio_concealment": Saying("sound was made up for what did not come", UP_TO, is_symptom=True),
    "jitter_buffer_stress": Saying("sound was held back and stretched", UP_TO, is_symptom=True),
    "creeping_delay": Saying("sound came later and later", "{} more"),
    "playout_underrun": Saying("the loudspeaker ran dry", HALF),
    "microphone_silent": Saying("the microphone captured only noise"),
    "microphone_faint": Saying("the microphone was hardly audible"),
    "echo_risk": Saying("the loudspeaker was heard by the others"),
    "low_volume": Saying("what was heard was hardly loud enough"),
    "loss": Saying(
        "packets were lost on the way here", UP_TO, outbound="packets were lost on the way to the other side"
    ),
    "latency": Saying("the round trip was long", UP_TO),
    "jitter": Saying("packets came at uneven times", UP_TO),
    "latency_step": Saying("the round trip changed all at once"),
    "congestion": Saying("the uplink was full"),
    "bandwidth_starved": Saying("there was hardly bandwidth for what was sent"),
    "pacer_delay": Saying("packets waited before they were sent", UP_TO, is_symptom=True),
    "late_packets": Saying("packets came too late to be played", UP_TO, is_symptom=True),
    "retransmissions": Saying("much was sent again", "up to {} of what was sent", is_symptom=True),
    "unstable_path": Saying("the path changed again and again"),
    "relay_fallback": Saying("a direct path was given up for a relay"),
    "tcp_media": Saying("media went over TCP or TLS"),
    "vpn": Saying("media went through a VPN"),
    "stun_unanswered": Saying("the other end of the path did not answer"),
    "ecn_bleached": Saying("congestion marks were taken off packets"),
    "bandwidth_limited": Saying("the network held the encoder back", HALF, is_symptom=True),
    "no_media": Saying("nothing at all arrived", "for {lasted}"),
    "disconnected": Saying("ICE was disconnected"),
    "one_way_audio": Saying("somebody who spoke was not heard"),
    "not_delivered": Saying("video that was sent did not arrive"),
    "publisher_trouble": Saying("most who received this participant had trouble with it"),
    "concurrent_onset": Saying("several participants got into trouble at once"),
    "turn_degraded": Saying("participants on a relay had trouble, and others had not"),
    "capture_failed": Saying(""),
    "track_ended": Saying(""),
    "muted_by_system": Saying("the system held a microphone or camera silent", "for {lasted}"),
    "churn": Saying(""),
    "ice_failed": Saying("ICE found no path, and there was no call"),
    "dtls_failed": Saying("there was a path and no encryption over it, and so no call"),
    "slow_dtls": Saying("encryption took long to set up", "{}"),
    "slow_stun": Saying("the STUN server answered late", "after {}"),
    "slow_turn": Saying("the TURN server answered late", "after {}"),
    "turn_unreachable": Saying(""),
    "no_turn": Saying("the application offered no TURN server"),
    "ice_cold_start": Saying("ICE failed before the candidates were there that it needed"),
    "signalling_slow": Saying("the answer to an offer was long in coming", "{}"),
    "description_failed": Saying("the browser refused an offer, an answer or a candidate"),
    "negotiation_pending": Saying("a connection was closed in the middle of a negotiation"),
    "negotiation_storm": Saying("descriptions were exchanged again and again"),
    "never_connected": Saying("the connection neither came about nor failed", is_symptom=True),
    "slow_connect": Saying("the connection took long to come about"),
    "dropped_call": Saying("the call broke off and did not come back"),
    "ice_restart_failed": Saying("an ICE restart did not bring the call back"),
    "empty_connection": Saying("a connection carried nothing"),
    "slow_first_frame": Saying("packets of video came, and no picture", "for {}"),
}

#: Outcome of an attempt to connect -> what is said of it.
OUTCOMES = {
    "connected": "connected",
    "ice_failed": "never connected: ICE found no path",
    "dtls_failed": "never connected: there was a path and no encryption over it",
    "timeout": "never connected: nothing came of it within 30 s",
    "abandoned": "was given up before it connected",
}
#: Of an attempt that came to nothing, whoever is to blame: who wanted a call and had none had a bad one.
FAILURES = frozenset(("ice_failed", "dtls_failed", "timeout"))

#: The scores of a participant, and what they are of.
PARTS = {
    "inbound_audio": "sound heard here",
    "inbound_video": "video seen here",
    "outbound_audio": "sound sent",
    "outbound_video": "video sent",
}

#: What a participant's class means, in a line.
CLASSES = {
    "good": "Nothing that anybody would notice.",
    "fair": "Noticeable at times, and no more.",
    "poor": "Annoying for at least a tenth of the time.",
    "bad": "Hardly usable for at least a tenth of the time.",
    "unclassified": "Not enough was measured to say how good it was.",
}


def said(episode: Episode) -> str:
    """What happened, in the past, without a value."""
    saying = SAYINGS.get(episode.rule.name)
    if saying is None:
        return lower(episode.rule.issue.help)
    if not saying.said:
        return lower(episode.rule.help)
    return saying.outbound if saying.outbound and episode.rule.direction == "outbound" else saying.said


def value(episode: Episode) -> str:
    """How bad it was, with a unit; nothing where it is only known that it was so."""
    saying = SAYINGS.get(episode.rule.name)
    if saying is None or not saying.value:
        return ""
    lasted = (episode.last if episode.end is None else episode.end) - episode.begin
    return saying.value.format(written(episode.worst, episode.rule.unit), lasted=length(lasted))


def is_symptom(episode: Episode) -> bool:
    """Whether something else is why."""
    saying = SAYINGS.get(episode.rule.name)
    return saying is not None and saying.is_symptom


def because(cause: str) -> str:
    """A cause that was seen beside an issue, as the end of a sentence."""
    if cause == OUTAGE:
        return "nothing at all arrived meanwhile"
    if cause in CAUSES:
        return lower(CAUSES[cause].help)
    if cause in SAYINGS and SAYINGS[cause].said:
        return SAYINGS[cause].said
    return lower(ISSUES[cause].help) if cause in ISSUES else ""


def path(labels: Mapping[str, str]) -> str:
    """A path by its labels, ``relay/tcp over wifi``; of a network that nobody told only the rest is said."""
    way = "/".join(filter(None, (labels.get(name, "") for name in PATH)))
    network = labels.get("network.connection.type", "")
    return f"{way} over {network}" if network and network != "unknown" else way


def lower(sentence: str) -> str:
    """A sentence as a part of another; names such as ICE stay."""
    sentence = sentence.removesuffix(".")
    # One letter is an article, two capitals are a name.
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def upper(sentence: str) -> str:
    """A part as a sentence."""
    return sentence[:1].upper() + sentence[1:]


def listed(parts: list[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def plain(words: str) -> str:
    """Somebody's words, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else STRANGE for letter in words)
