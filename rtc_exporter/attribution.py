"""
Whose an issue is, where the rule that found it cannot know: by what else is open at the same participant.

The order is that of who can be sure: what the machine itself shows comes before the network, which a busy machine can
make look bad.  What stays unknown is counted as unknown.
"""

from collections.abc import Iterable

from rtc_exporter.episodes import Episode
from rtc_exporter.rules.rule import DEVICE, NETWORK, UNKNOWN

#: Issues of the machine that explain what is heard and seen on it, the likeliest first.
MACHINE = ("decoder_overload", "playout_underrun", "software_fallback", "cpu_pressure")
#: Issues of the network that do.
PATH = (
    "no_media", "disconnected", "loss", "jitter", "late_packets", "jitter_buffer_stress", "latency", "unstable_path",
)  # fmt: skip


def attribute(episodes: Iterable[Episode]) -> None:
    """Find sides for those of one participant's open episodes that have none yet."""
    several = list(episodes)
    lost = [episode for episode in several if episode.side == UNKNOWN and not episode.is_settled]
    if not lost:
        return
    names = {episode.rule.name for episode in several}
    for words, side in ((MACHINE, DEVICE), (PATH, NETWORK)):
        # A machine is only to blame while the network is quiet.
        if side == DEVICE and not names.isdisjoint(PATH):
            continue
        cause = next((word for word in words if word in names), None)
        if cause is not None:
            for episode in lost:
                episode.side, episode.cause = side, episode.cause or cause
            return
