"""
How good speech sounds in a conversation: the E-model of ITU-T G.107, as far as what clients report feeds it.

    R = 93.2 - Idd(delay) - Ie,eff(codec, loss, burst ratio)        and the opinion (MOS) from R

All else of G.107 stays at its defaults, which make the 93.2 (G.107 7.7).  Among it is echo: what the talker hears of
himself (``Idte``) and the listener of the talker's (``Idle``) are left out, since browsers cancel echo and nobody
reports what is left of it.  The scale is the narrowband one, from 1 to 4.5: on it nothing sounds better than a good
telephone line, so the score tells how much was lost on the way and not how wide the codec's band is.

Delays are in seconds, shares of 1; G.107's own units are inside.
"""

from math import log2, pow
from typing import NamedTuple

#: R without delay and with a codec that costs nothing (G.107 7.7).
BEST = 93.2
#: The ends of the scale that R becomes (G.107 annex B).
LEAST, MOST = 1.0, 4.5
#: From here on delay is felt (G.107 table 1, the default class: ``mT`` with ``sT`` 1).
FELT = 0.1

#: What stands for a part of the way that is not reported.  Waiting for the unknown to be nothing would make those look
#: best that tell least.  Libwebrtc's jitter buffer begins at 80 ms (kStartDelayMs); Chromium's playout took 30 ms in
#: every recorded call.
JITTER_BUFFER, PLAYOUT = 0.08, 0.03


class Codec(NamedTuple):
    """
    What a codec costs.

    ``ie`` and ``bpl`` are G.107's impairment and robustness against loss.  ``delay`` is a frame of 20 ms and what the
    coder looks ahead.  ``copies``: how many times as much loss it takes for the same harm because packets carry the
    ones before them again; it counts where packets are all that is known to be lost.
    """

    ie: float
    bpl: float
    delay: float
    copies: float = 1.0


#: Opus at 11 kbit/s, narrowband, under random loss: of the parameters that M. Alahmadi published (Opus_emodel.js, 2021)
#: the best that is on the scale used here.  His superwideband row at 40 kbit/s (10.67 and 9.79 on the 148 points of the
#: fullband scale), brought to the 93 here, would harm as much as a robustness of 12 to 15.
#:
#: In-band FEC has no row of its own.  What it mends is not concealed, so it is in what we measure wherever concealment
#: is known; where packets are all that is known nobody says whether it is on, and then it is not.
_OPUS = Codec(2.03, 15.95, 0.0265)  # delay: RFC 6716 2, 20 ms and 6.5 ms
#: G.711 with concealment (G.113 appendix I, G.711 with PLC of its appendix I): the jitter buffers of browsers conceal,
#: whatever the codec.  Measured with packets of 10 ms, so it flatters a little.
_PCM = Codec(0.0, 25.1, 0.02)

CODECS: dict[str, Codec] = {
    "audio/opus": _OPUS,
    "audio/multiopus": _OPUS,
    # RFC 2198 around Opus: LiveKit's limits for it are twice those without (connectionstats.go: 5 and 15 % for 2.5
    # and 7.5 %).
    "audio/red": _OPUS._replace(copies=2.0),
    "audio/pcmu": _PCM,
    "audio/pcma": _PCM,
    # Wideband costs nothing on this scale; the rest as G.711, whose samples it is made of.
    "audio/g722": _PCM,
    "audio/g729": Codec(11.0, 19.0, 0.025),  # G.113 appendix I, G.729A with VAD
}
#: GSM-EFR, of those in G.113 appendix I that conceal the one that loss harms most: who does not say what he speaks
#: gets no benefit of the doubt.
UNKNOWN = Codec(5.0, 10.0, 0.02)


def codec(mime: str | None) -> Codec:
    """The row of a codec by MIME type."""
    found = CODECS.get(mime) if mime is not None else UNKNOWN
    return found or CODECS.get((mime or "").lower(), UNKNOWN)


def delay_impairment(delay: float) -> float:
    """``Idd`` of one-way delay from mouth to ear (G.107 7.4, with sT 1 and mT 100 ms)."""
    if delay <= FELT:
        return 0.0
    x = log2(delay / FELT)
    return 25.0 * (pow(1.0 + pow(x, 6.0), 1 / 6) - 3.0 * pow(1.0 + pow(x / 3.0, 6.0), 1 / 6) + 2.0)


def equipment_impairment(loss: float, of: Codec, burst: float = 1.0) -> float:
    """
    ``Ie,eff`` of a codec and the share of packets that could not be played (G.107 7.5).

    ``burst`` is the mean length of losses for each one that chance would give (``BurstR``); 1 for chance alone.
    """
    percent = loss * 100.0
    return of.ie + (95.0 - of.ie) * percent / (percent / burst + of.bpl)


def opinion(rating: float) -> float:
    """The opinion (MOS) of R (G.107 annex B); where R is under 6.5 the cubic leaves the scale, and it ends at 1."""
    if rating >= 100.0:
        return MOST
    if rating <= 0.0:
        return LEAST
    return max(LEAST, 1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating))


def speech(loss: float, delay: float, of: Codec = _OPUS, burst: float = 1.0) -> float:
    """The opinion of speech that loses and waits so much."""
    return opinion(BEST - delay_impairment(delay) - equipment_impairment(loss, of, burst))
