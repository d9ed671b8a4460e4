"""
What chrome://webrtc-internals saves: one JSON object with a time series per member of each stats object.

Reports are rebuilt from those: what was sampled within a moment was one getStats() call.  Events and reports come out
in the order of time.  Chrome keeps 1000 points per series, so the start of a long call is missing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, TypeAlias

import orjson

from rtc_exporter.errors import ClientError, FrameError, Reason
from rtc_exporter.model import Event, Joined, Left, PeerConnectionKey, Record, Report
from rtc_exporter.w3c import OWN_CLOCK, STATS
from rtc_exporter.wire.agents import agent
from rtc_exporter.wire.decoder import Description, is_time, items, mapping, milliseconds, parse, text
from rtc_exporter.wire.events import event_name, facts
from rtc_exporter.wire.files import File, beginning, unpack
from rtc_exporter.wire.stats import W3C, Whole, read

#: Seconds within which samples belong to the same getStats() call.  Chrome polls once a second; timestamps of one
#: report differ by up to a tenth.
MOMENT = 0.3

#: One stats object: (time, W3C object) per sample.
_Samples: TypeAlias = list[tuple[float, dict[str, object]]]


class Reader(File):
    """Reads a webrtc-internals file."""

    name: ClassVar[str] = "internals"

    def __iter__(self) -> Iterator[Record]:
        size = self._limits.dump_bytes_unpacked
        dump = parse(b"".join(unpack(self._stream, self._limits)), self._limits, size, is_file=True)
        if not isinstance(dump, dict) or not isinstance(dump.get("PeerConnections"), dict):
            raise FrameError(Reason.BAD_DUMP, "no PeerConnections")
        records: list[Record] = [*self._media(dump)]
        connections = list(dump["PeerConnections"].items())
        self._refuse(Reason.TOO_MANY, len(connections) - self._limits.peer_connections)
        for name, connection in connections[: self._limits.peer_connections]:
            if text(name, self._limits.id_length) and isinstance(connection, dict):
                records += self._connection(name, connection)
            else:
                self._refuse(Reason.BAD_DUMP)
        records.sort(key=lambda record: record.time)

        saved = milliseconds(dump["timestamp"]) if is_time(dump.get("timestamp")) else self._now
        first, last = (records[0].time, records[-1].time) if records else (saved, saved)
        attributes = agent(dump.get("UserAgentData"))
        original = text(dump.get("UserAgent"), self._limits.text_length)
        yield Joined(
            self._key, first, attributes | ({"user_agent.original": original} if original else {}), is_past=True
        )
        yield from records
        yield Left(self._key, last, "closed")

    @staticmethod
    def describe(head: bytes) -> Description:
        """The file says nothing about who it is from."""
        found = re.search(rb'"UserAgent": ?"([^"\\]{1,256})"', beginning(head))
        return Description(user_agent=found[1].decode("utf-8", "replace") if found else "")

    def _refuse(self, reason: Reason, times: int = 1) -> None:
        if times > 0:
            self.refused[reason] += times

    def _media(self, dump: Mapping[str, object]) -> Iterator[Event]:
        """getUserMedia and getDisplayMedia: a row for the call and a row for its result."""
        page = PeerConnectionKey(*self._key, "")
        for entry in items(dump.get("getUserMedia")):
            row = mapping(entry)
            method = row.get("request_type", "getUserMedia")
            if not is_time(row.get("timestamp")) or method not in ("getUserMedia", "getDisplayMedia"):
                self._refuse(Reason.BAD_DUMP)
                continue
            result = "OnFailure" if "error" in row else "OnSuccess" if _RESULTS & row.keys() else ""
            # An empty string stands for "true".
            asked = {kind: True for kind in ("audio", "video") if kind in row}
            call = f"{row.get('rid')}-{row.get('pid')}-{row.get('request_id')}"
            name = f"{method}{result}"
            yield Event(page, milliseconds(row["timestamp"]), name, facts(name, row if result else asked, (call,)))

    def _connection(self, name: str, connection: Mapping[str, object]) -> list[Record]:
        key = PeerConnectionKey(*self._key, name)
        reports = self._reports(key, connection.get("stats"))
        first = reports[0].time if reports else self._now
        records: list[Record] = [*self._events(key, connection.get("updateLog"), first)]
        times = [record.time for record in (*records, *reports)]
        created = min(times, default=self._now)
        configuration = _decoded(connection.get("rtcConfiguration"))
        create = Event(key, created, "create", facts("create", configuration))
        return [create, *records, *reports]

    def _events(self, key: PeerConnectionKey, log: object, time: float) -> Iterator[Event]:
        """Old versions write a local time of day instead of a timestamp: those events keep their order only."""
        for entry in items(log):
            row = mapping(entry)
            if not isinstance(row.get("type"), str):
                self._refuse(Reason.BAD_DUMP)
                continue
            if is_time(row.get("timestamp")):
                time = milliseconds(row["timestamp"])
            name = event_name(row["type"], key.peer_connection)
            yield Event(key, time, name, facts(name, _decoded(row.get("value"))))

    def _reports(self, key: PeerConnectionKey, stats: object) -> list[Report]:
        samples = self._samples(stats)
        shared = sorted(time for id, (kind, rows) in samples.items() if kind not in OWN_CLOCK for time, _ in rows)
        ticks: list[float] = []
        for time in shared:
            if not ticks or time > ticks[-1] + MOMENT:
                ticks.append(time)
        whole, at = Whole(), dict.fromkeys(samples, 0)
        reports = []
        for tick in ticks:
            report: dict[str, object] = {}
            for id, (kind, rows) in samples.items():
                end = at[id]
                while end < len(rows) and rows[end][0] <= tick + MOMENT:
                    end += 1
                # What has its own clock is sampled less often, and stays until the end.
                if end > at[id] or (end and kind in OWN_CLOCK):
                    report[id] = rows[end - 1][1]
                at[id] = end
            try:
                time, current, removed = whole.take(*read(report, None, self._limits))
            except ClientError as refusal:
                self._refuse(refusal.reason)
                continue
            reports.append(Report(key, time, time, current, removed))
        return reports

    def _samples(self, stats: object) -> dict[str, tuple[str, _Samples]]:
        """Series name -> values, turned round: id -> type and samples."""
        series: dict[str, dict[str, list[object]]] = {}
        spans: dict[str, tuple[object, object]] = {}
        kinds: dict[str, str] = {}
        for name, entry in mapping(stats).items():
            id, _, member = name.rpartition("-")  # ids have dashes too
            row = mapping(entry)
            kind = row.get("statsType")
            if not id or member.startswith("[") or not (member in _KEPT or member.partition(".")[0] in _KEPT):
                continue
            if not isinstance(kind, str) or kind not in STATS:
                continue
            kinds[id] = kind
            spans.setdefault(id, (row.get("startTime"), row.get("endTime")))
            series.setdefault(id, {})[member] = items(_decoded(row.get("values")))
        found = {}
        for id, members in series.items():
            times = members.pop("timestamp", None) or _spread(spans[id], max(map(len, members.values()), default=0))
            if not times:
                self._refuse(Reason.BAD_DUMP)
                continue
            found[id] = (kinds[id], _aligned(kinds[id], times, members))
        return found


#: Keys that only the result of getUserMedia has.
_RESULTS = {"audio_track_info", "video_track_info", "stream_id"}

_KEPT = {"timestamp", *W3C.numbers, *W3C.words, *W3C.flags, *W3C.records}


def _aligned(kind: str, times: list[object], members: Mapping[str, list[object]]) -> _Samples:
    """Series end together: a member that came later has fewer values, at the end."""
    samples: _Samples = []
    for n, stamp in enumerate(times):
        if not is_time(stamp):
            continue
        row: dict[str, object] = {"type": kind, "timestamp": stamp}
        for member, values in members.items():
            at = n - len(times) + len(values)
            if 0 <= at < len(values):
                value = values[at]
                # Chrome turns strings that look like numbers ("mid") into numbers.
                row[member] = str(value) if member in W3C.words and type(value) is int else value
        samples.append((milliseconds(stamp), row))
    return samples


def _spread(span: tuple[object, object], points: int) -> list[object]:
    """Before Chrome 117 series had no timestamps, only a first and a last."""
    start, end = _date(span[0]), _date(span[1])
    if start is None or end is None or not points or end < start:
        return []
    step = (end - start) / max(points - 1, 1)
    return [start + n * step for n in range(points)]


_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?Z")


def _date(value: object) -> float | None:
    """ISO 8601, as JavaScript writes dates, in milliseconds (days from the civil calendar, Gregorian)."""
    match = _ISO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second, thousandth = (int(part or 0) for part in match.groups())
    year -= month <= 2
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719_468
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000.0 + thousandth


def _decoded(value: object) -> object:
    """JSON inside JSON; what is no JSON comes from old versions, of which only the description's type is read."""
    if not isinstance(value, str) or not value:
        return value
    try:
        return orjson.loads(value)
    except (ValueError, RecursionError):
        match = re.match(r"type: (\w{1,10})", value)
        return {"type": match[1]} if match else value
