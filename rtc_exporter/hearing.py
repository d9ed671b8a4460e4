"""
Who hears and sees whom in a session, and what is wrong with it.

Who sends a stream and who receives it is told by its SSRC, or else by the id of its track (see ``crowd``).  Where a
server makes up both, nobody can tell, and then there is no pair.
"""

from rtc_exporter.crowd import streams_between
from rtc_exporter.rules.rule import INFO
from rtc_exporter.sessions import Session


class Heard:
    """One pair: seconds for which it was looked at, and those of each issue."""

    __slots__ = ("issues", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.issues: dict[str, float] = {}

    def add(self, issues: set[str], seconds: float) -> None:
        """So it was for so long."""
        self.seconds += seconds
        for issue in issues:
            self.issues[issue] = self.issues.get(issue, 0.0) + seconds


def heard(session: Session) -> dict[tuple[str, str], set[str]]:
    """(receiver, sender) -> the issues that the receiver has with what comes from there; empty when it is well."""
    found: dict[tuple[str, str], set[str]] = {}
    for (receiver, sender), streams in streams_between(session).items():
        issues = found.setdefault((receiver, sender), set())
        ssrcs = {stream.ssrc for stream in streams}
        for connection in {id(stream.connection): stream.connection for stream in streams}.values():
            of_here = {stream.ssrc for stream in streams if stream.connection is connection}
            is_only = of_here >= connection.judge.received.keys()
            for episode in connection.judge.open:
                if episode.severity == INFO or episode.rule.direction == "outbound":
                    continue
                if episode.ssrc in ssrcs or (is_only and episode.ssrc is None):
                    issues.add(episode.rule.name)
    return found
