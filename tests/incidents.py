"""A peer connection and its page for what events decide: a script of events goes in, a second at a time."""

from collections.abc import Iterable, Sequence
from math import floor
from typing import TypeAlias

from rtc_exporter.captures import Captures
from rtc_exporter.episodes import Change, Episode
from rtc_exporter.incidents import Incidents
from rtc_exporter.model import Member
from rtc_exporter.setup import Setup

#: Seconds since the creation, an event, and its facts.
Happening: TypeAlias = tuple[float, str, dict[str, Member]]
Script: TypeAlias = Sequence[Happening]

START = 1_760_000_000.0


class Watched:
    """One participant with one peer connection, wired as the exporter wires them."""

    def __init__(self) -> None:
        self.setup: Setup | None = None
        self.incidents = Incidents()
        self.captures = Captures()
        self.changes: list[Change] = []
        self.now = 0.0

    def play(self, script: Script, until: float | None = None) -> "Watched":
        """Events in their order, and ticks of a second between them and up to ``until``."""
        for at, name, facts in script:
            self.wait(at)
            time = START + at
            self.changes += self.captures.event(name, facts, time)
            if name == "replaced":
                self.incidents.replace()
                continue
            if name == "no media":
                self.incidents.has_media = self.incidents.has_media or False
                continue
            if name == "media":
                self.incidents.has_media = True
                continue
            if name == "close":
                self._steps(self.setup.close() if self.setup else [], time)
                self.changes += self.incidents.close(time)
                continue
            if name == "leave":
                self.changes += self.captures.close(time)
                continue
            if self.setup is None:
                self.setup = Setup(time if name == "create" else None)
            self.changes += self.incidents.event(name, facts, time)
            self._steps(self.setup.on(name, facts, time, time), time)
        if until is not None:
            self.wait(until)
        return self

    def wait(self, at: float) -> None:
        """Time passes."""
        while (second := floor(self.now) + 1) <= at:
            self.now = second
            time = START + self.now
            self._steps(self.setup.tick(time) if self.setup else [], time)
            self.changes += self.incidents.tick(time)
            if self.captures.waits:
                self.changes += self.captures.tick(time)
        self.now = max(self.now, at)

    def _steps(self, steps: Iterable[object], time: float) -> None:
        for step in steps:
            self.changes += self.incidents.step(step, time)  # type: ignore[arg-type]  # steps of ``setup``

    def of(self, rule_id: str) -> list[tuple[str, Episode]]:
        """What happened to the episodes of a rule."""
        return [(change.kind, change.episode) for change in self.changes if change.episode.rule.id == rule_id]

    @property
    def told(self) -> list[str]:
        """Ids of rules that spoke, in order."""
        return [change.episode.rule.id for change in self.changes if change.kind == "begin"]
