"""What is drawn of a participant: a row for each picture, with its signals and the issues that are marked on it."""

from collections.abc import Sequence
from typing import NamedTuple

from rtc_exporter.draw import bars, plot
from rtc_exporter.draw.axes import Span, clock, written
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
    marks = [plot.Mark(note.time, note.label) for note in finding.happened]
    return plot.plot(panel.title, panel.unit, lines, span, bands(finding.found, panel.issues), panel.least, marks)


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


def ways(finding: Finding, span: Span) -> Markup:
    """Which path when: a row for each."""
    rows: dict[str, list[bars.Bar]] = {}
    for way in finding.ways:
        path = words.path(way.path)
        label = f"{path}, {words.plain(way.peer_connection)}"
        rows.setdefault(path, []).append(bars.Bar(way.begin, way.end, "info", label))
    return bars.issues("Path over time", [bars.Row(path, several) for path, several in rows.items()], span)


#: Letters of a peer connection's id in a row of the setup.
SHORT = 12
#: Stage of setup -> how it is called; the outcomes of ``words.OUTCOMES`` are called as they are.
STAGES = {
    "get_user_media": "asking for camera and microphone", "create_offer": "making an offer",
    "set_local": "taking the own description", "set_remote": "taking the other side's description",
    "ice_gathering": "gathering candidates", "ice_connected": "looking for a path", "dtls_connected": "securing it",
    "total": "all of it", "first_packet": "waiting for the first packet",
    "first_frame": "waiting for the first picture",
    "ice_failed": "looking for a path, in vain", "dtls_failed": "securing the path, in vain",
    "timeout": "waiting for a path, in vain", "abandoned": "given up",
}  # fmt: skip


def waterfall(finding: Finding) -> Markup:
    """How it came to be connected: a row for each stage, and how long it took."""
    stages = sorted(finding.stages, key=lambda stage: (stage.begin, stage.end))
    span = Span(min(stage.begin for stage in stages), max(max(stage.end for stage in stages), stages[0].begin + 0.1))
    rows = []
    for stage in stages:
        name = STAGES.get(stage.name, stage.name.replace("_", " "))
        at = f"{clock(stage.begin // 1)} + {written(stage.begin % 1, 's')}"
        of = words.plain(stage.peer_connection)
        took = written(stage.end - stage.begin, "s")
        mark = "critical" if stage.is_bad else "info"
        # A row has room for few words on a phone; the bar says the rest.
        said = " · ".join(filter(None, (name, took, of if len(of) <= SHORT else f"{of[: SHORT - 1]}…")))
        label = f"{name}, {took}, {f'{of}, ' if of else ''}from {at}"
        rows.append(bars.Row(said, (bars.Bar(stage.begin, stage.end, mark, label),)))
    return bars.issues("Setup", rows, span)
