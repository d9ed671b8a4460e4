"""The verdict as JSON, for scripts and other programs."""

from collections.abc import Sequence

from rtc_exporter.draw.axes import NEAR
from rtc_exporter.explain import text, words
from rtc_exporter.explain.findings import Finding, evidence


def document(findings: Sequence[Finding]) -> dict[str, object]:
    """Times are Unix seconds; what is not known is null or left out, and never 0."""
    return {"participants": [_participant(finding) for finding in findings]}


def _participant(finding: Finding) -> dict[str, object]:
    summary = finding.summary
    return {
        "session": summary.session,
        "participant": summary.participant,
        "class": finding.quality,
        "score": finding.score,
        "verdict": text.verdict(finding).replace(NEAR, " "),
        "client": summary.client,
        "about": dict(finding.about),
        "start": round(summary.start, 3),
        "duration": round(summary.duration, 3),
        "peer_connections": [connection._asdict() for connection in summary.peer_connections],
        "errors": summary.errors,
        "issues": [
            {
                "issue": found.episode.rule.name,
                "side": found.episode.side,
                "severity": found.episode.severity,
                "begin": round(found.begin, 3),
                "end": round(found.end, 3),
                "evidence": evidence(found),
            }
            for found in finding.found
        ],
        "issues_left_out": finding.left_out,
        "timeline": [
            {
                "begin": round(stretch.begin, 3),
                "end": round(stretch.end, 3),
                "class": stretch.quality,
                "score": None if stretch.score is None else round(stretch.score, 2),
            }
            for stretch in finding.stretches
        ],
        "paths": [
            {
                "begin": round(way.begin, 3),
                "end": round(way.end, 3),
                "path": words.path(way.path),
                "peer_connection": way.peer_connection,
            }
            for way in finding.ways
        ],
        "cannot_judge": list(finding.cannot_judge),
    }
