"""
How a peer connection comes to its candidates, and what its STUN and TURN servers have to do with that.

A part of ``incidents``: it takes the configuration, the states of gathering, candidates and their errors, and writes
into the same ledger.  Only the first gathering is timed, for later ones are an ICE restart's.
"""

from collections.abc import Mapping

from rtc_exporter.episodes import Change
from rtc_exporter.ledger import Ledger, Words
from rtc_exporter.model import Member
from rtc_exporter.rules import setup as rules
from rtc_exporter.rules.rule import Rule

#: How the configuration's TURN servers are told, by the protocol that leads to them.
TURN_FACTS = ("turn_udp", "turn_tcp", "turn_tls")

_NOTHING: frozenset[str] = frozenset()

_Facts = Mapping[str, Member]


class Gathering:
    """The candidates of one peer connection."""

    __slots__ = ("turn", "_began", "_errors", "_is_later", "_ledger", "_servers", "_timed", "_types")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        #: What was wrong with its TURN servers, if they were to be used and gave nothing.
        self.turn: Rule | None = None
        #: URLs of TURN servers in the configuration; None where the client does not tell.
        self._servers: int | None = None
        self._began: float | None = None
        self._is_later = False
        #: Types of candidates in this gathering, what was timed, and what TURN servers said, by code.
        self._types = self._timed = _NOTHING
        self._errors: dict[str, Words] = {}

    @property
    def is_local(self) -> bool:
        """Whether no server has given a candidate."""
        return not self._types

    @property
    def has_no_turn(self) -> bool:
        """Whether the configuration is known, and names no TURN server."""
        return self._servers == 0

    def configure(self, facts: _Facts) -> None:
        """The configuration, or a new one."""
        told = [facts[name] for name in TURN_FACTS if name in facts]
        if told:
            self._servers = sum(int(number) for number in told)

    def state(self, state: Member, time: float) -> list[Change]:
        """Gathering begins, or is complete: then TURN has given what it will."""
        if state == "gathering":
            self._began, self._types, self._errors = time, _NOTHING, {}
        elif state == "complete" and self._began is not None:
            began, self._began, self._is_later = self._began, None, True
            if self._servers and "relay" not in self._types:
                code = next((code for code in rules.TURN_ERRORS if code in self._errors), "")
                self.turn = rules.TURN_ERRORS.get(code, rules.TURN_SILENT)
                return self._ledger.happened(self.turn, began, time, words=self._errors.get(code, {}))
        return []

    def candidate(self, kind: Member, protocol: Member, time: float) -> list[Change]:
        """A candidate that a server gave; others are of no interest."""
        if kind not in ("srflx", "relay"):
            return []
        self._types |= {str(kind)}
        rule = rules.SLOW_STUN if kind == "srflx" else rules.SLOW_TURN.get(str(protocol))
        if rule is None or self._began is None or self._is_later or rule.id in self._timed:
            return []
        self._timed |= {rule.id}
        seconds = time - self._began
        return self._ledger.happened(rule, self._began, time, seconds) if seconds > rule.on else []

    def error(self, facts: _Facts) -> None:
        """A server refused, or was not reached; only TURN servers matter, and the first to say a thing."""
        code, scheme = str(facts.get("error", "")), facts.get("scheme")
        if scheme != "stun" and code in rules.TURN_ERRORS:
            told = {"error.type": code, "rtc.ice.server.scheme": scheme, "rtc.ice.transport": facts.get("protocol")}
            self._errors.setdefault(code, {name: str(word) for name, word in told.items() if word})
