"""
Files of plain JSON, one document on each line: what an application kept instead of sending it, or as well.

A file is of one participant, whom its first document names.  A document that names somebody else is refused: whose a
file is, is for the caller to say.
"""

from collections.abc import Iterator
from typing import ClassVar

from rtc_exporter.errors import ClientError, Reason
from rtc_exporter.model import Left, ParticipantKey, Record, Report
from rtc_exporter.wire.decoder import DEFAULTS, Description, is_time, milliseconds, text
from rtc_exporter.wire.files import File, Idle, beginning, json_line, lines
from rtc_exporter.wire.plain import MARKS, Decoder, documents


class Reader(File):
    """Reads a file of documents."""

    name: ClassVar[str] = "json"

    def __iter__(self) -> Iterator[Record]:
        decoder = Decoder(self._key, limits=self._limits)
        owner: ParticipantKey | None = None
        last, has_left, idle = self._now, False, Idle()
        for line in lines(self._stream, self._limits, self.refused):
            idle.read(line)
            if not line.strip():
                continue
            try:
                named = {name for name, _ in documents(line, self._limits)} - {None}
                owner = owner or next(iter(named), None)
                if named - {owner}:
                    self.refused[Reason.BAD_IDENTITY] += 1
                    continue
                for record in decoder.receive(line, last):
                    last = max(last, record.sent if isinstance(record, Report) else record.time)
                    has_left = isinstance(record, Left)
                    yield record
                    idle.end()
            except ClientError as refusal:
                self.refused[refusal.reason] += 1
        if not has_left:
            yield Left(self._key, last, "closed")

    @staticmethod
    def describe(head: bytes) -> Description:
        """What the first document says."""
        told = json_line(beginning(head).split(b"\n", 1)[0])
        start = told.get("time")
        return Description(
            session=_name(told.get("session")),
            participant=_name(told.get("participant")),
            user_agent=text(told.get("user_agent"), DEFAULTS.text_length) or "",
            started=milliseconds(start) if is_time(start) else None,
        )


def _name(value: object) -> str:
    """A name that a document may have."""
    name = text(value, DEFAULTS.id_length) or ""
    return name if name.isprintable() else ""


def is_document(first: bytes) -> bool:
    """Whether a file that begins with this line is one of these."""
    return not MARKS.isdisjoint(json_line(first))
