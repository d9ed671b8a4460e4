"""What is drawn of a participant: a row for each picture, with its signals and the issues that are marked on it."""

from collections.abc import Sequence
from typing import NamedTuple

from rtc_exporter.draw import bars, plot
from rtc_exporter.draw.axes import Span
from rtc_exporter.draw.svg import Markup
from rtc_exporter.explain import words
from rtc_exporter.explain.findings import Finding
from rtc_exporter.recorder import Found

#: Marked on every picture: while nothing comes, nothing else means much.
EVERYWHERE = frozenset(("no_media", "disconnected"))


class Panel(NamedTuple):
    """``lines``: channel and what it is called where there are several; ``least``: how far the axis goes at least."""

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]
    issues: frozenset[str]
    least: float = 0.0


PANELS: tuple[Panel, ...] = (
    Panel("Score, 1 to 4.5", "", tuple(words.PARTS.items()), frozenset(), 4.5),
    Panel("Round trip time", "s", (("round_trip_time", ""),), frozenset(("latency", "latency_step")), 0.1),
    Panel(
        "Packets lost", "1", (("loss_in", "on the way here"), ("loss_out", "on the way out")),
        frozenset(("loss", "retransmissions", "congestion")), 0.05,
    ),
    Panel("Jitter of audio packets", "s", (("jitter", ""),), frozenset(("jitter", "late_packets")), 0.05),
    Panel(
        "Delay in the jitter buffer", "s", (("jitter_buffer", ""),),
        frozenset(("jitter_buffer_stress", "creeping_delay", "av_desync")), 0.1,
    ),
    Panel("Sound made up", "1", (("concealment", ""),), frozenset(("audio_concealment", "playout_underrun")), 0.05),
    Panel("Time in which video stood still", "1", (("freeze", ""),), frozenset(("freeze", "decoder_stuck")), 0.1),
    Panel(
        "Frames a second, worst stream", "", (("frame_rate_in", "received"), ("frame_rate_out", "sent")),
        frozenset((
            "freeze", "capture_starved", "decoder_overload", "decoder_stuck", "encoder_overload", "encoder_failed",
            "cpu_limited",
        )), 30.0,
    ),
    Panel(
        "Bitrate", "By/s", (("bitrate_in", "received"), ("bitrate_out", "sent"), ("bandwidth", "estimated uplink")),
        frozenset(("bandwidth_limited", "bandwidth_starved", "congestion", "top_layer_lost", "nothing_sent")), 12_500.0,
    ),
    Panel(
        "CPU pressure: 0 nominal, 3 critical", "", (("pressure", ""),),
        frozenset(("cpu_pressure", "cpu_limited", "encoder_overload", "decoder_overload")), 3.0,
    ),
    Panel(
        "Sound level, 0 to 1", "", (("level_in", "heard"), ("level_out", "microphone")),
        frozenset(("microphone_silent", "microphone_faint", "low_volume", "echo_risk")), 0.1,
    ),
)  # fmt: skip


def charts(finding: Finding, span: Span) -> list[Markup]:
    """The pictures of what was measured; what was never measured has none."""
    return [_chart(panel, finding, span) for panel in PANELS if any(name in finding.series for name, _ in panel.lines)]


def _chart(panel: Panel, finding: Finding, span: Span) -> Markup:
    lines = [plot.Line(label, finding.series.get(name, ())) for name, label in panel.lines]
    return plot.plot(panel.title, panel.unit, lines, span, bands(finding.found, panel.issues), panel.least)


def bands(several: Sequence[Found], issues: frozenset[str]) -> list[plot.Band]:
    """The stretches to mark; several episodes of one issue at once are one."""
    joined: dict[str, list[plot.Band]] = {}
    for found in several:
        name, mark = found.episode.rule.name, found.episode.severity
        if name not in issues and name not in EVERYWHERE:
            continue
        known = joined.setdefault(name, [])
        if known and found.begin <= known[-1].end and known[-1].mark == mark:
            known[-1] = known[-1]._replace(end=max(known[-1].end, found.end))
        else:
            known.append(plot.Band(found.begin, found.end, mark, f"{name.replace('_', ' ')}, {mark}"))
    return [band for known in joined.values() for band in known]


def timeline(finding: Finding, span: Span) -> Markup:
    """Which class when."""
    stretches = [bars.Stretch(one.begin, one.end, one.quality) for one in finding.stretches]
    return bars.classes("Quality over time", stretches, span)


def issues(finding: Finding, span: Span, prefix: str) -> Markup:
    """Which issue when, a row for each issue and side; a bar leads to ``prefix`` and the number of its issue."""
    rows: dict[tuple[str, str], list[bars.Bar]] = {}
    for number, found in enumerate(finding.found):
        episode = found.episode
        label = f"{words.said(episode)}, {episode.severity}"
        bar = bars.Bar(found.begin, found.end, episode.severity, label, f"{prefix}{number}")
        rows.setdefault((episode.rule.name, episode.side), []).append(bar)
    drawn = [bars.Row(f"{name.replace('_', ' ')} · {side}", several) for (name, side), several in rows.items()]
    return bars.issues("Issues over time", drawn, span)
