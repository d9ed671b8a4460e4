"""
Recorded calls of real browsers against what is known of them.

Every case in ``tests/data`` is played over real WebSockets into an exporter that really runs, as fast as it takes
it, and is scraped over HTTP.  ``*.oracle.json`` says what the client had told by its last frame, decoded by the client
authors' own decoder; ``*.facts.json`` what the page itself saw.
"""

import asyncio
import contextlib
import functools
import gzip
import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf, isclose
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from rtc_exporter import catalog, wire
from rtc_exporter.export import prometheus
from rtc_exporter.metric import Kind, Metric, Profile, Source, Tier, label
from rtc_exporter.model import ParticipantKey, Record, Report
from rtc_exporter.pipeline import Pipeline, PipelineSettings
from tests.captures import DATA, oracle, rows
from tests.running import Running, running

CASES = sorted(path.name.removesuffix(".facts.json") for path in DATA.glob("*.facts.json"))
INTERNALS = sorted(path.name for path in DATA.glob("*.webrtc-internals.json.gz"))

#: Float sums in another order differ in their last digits.
TOLERANCE = 1e-6
#: Close codes that an endpoint may not send (RFC 6455 7.4.1): a close without a code is sent as a normal one.
UNSENDABLE = (1005, 1006)

#: Rounding of sums that are held against bounds.
SLACK = 1e-6

#: What the oracle sums: (stats type, media kind or "", member) -> value.
Sums: TypeAlias = dict[tuple[str, str, str], float]


def counted() -> Iterator[tuple[Metric, Source]]:
    """The counters of cohorts, each with the members that it counts."""
    for metric in catalog.METRICS:
        if metric.kind is Kind.COUNTER and metric.tier is Tier.COHORT:
            yield from ((metric, source) for source in metric.sources if source.member)


COUNTED = {(source.stats, source.member): (metric, source) for metric, source in counted()}


class Scrape:
    """An exposition, to be summed over labels."""

    def __init__(self, text: str) -> None:
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def values(self, name: str, **labels: str) -> list[float]:
        """The values of all series of this name with these labels."""
        wanted = labels.items()
        return [sample.value for sample in self.samples if sample.name == name and wanted <= sample.labels.items()]

    def total(self, name: str, **labels: str) -> float | None:
        """Their sum; None where there is no such series."""
        found = self.values(name, **labels)
        return sum(found) if found else None

    def by(self, name: str, attribute: str) -> dict[str, float]:
        """Sums by one label, those that are 0 left out."""
        sums: Counter[str] = Counter()
        for sample in self.samples:
            if sample.name == name and sample.value:
                sums[sample.labels.get(attribute, "")] += sample.value  # type: ignore[assignment]
        return dict(sums)

    def counts(self, sums: Iterable[tuple[str, str, str]]) -> Sums:
        """What the exporter says to each of these sums; a member that nothing publishes is left out."""
        result: Sums = {}
        for stats, kind, member in sums:
            row = COUNTED.get((stats, member))
            if row is None:
                continue
            metric, source = row
            labels = {label(name): value for name, value in source.attributes}
            if kind and catalog.KIND in metric.attributes:
                labels["rtc_media_kind"] = kind
            value = self.total(metric.prometheus, **labels)
            if value is not None:
                result[stats, kind, member] = value
        return result


#: A way for a case into the exporter.
Way: TypeAlias = Callable[[str], Scrape]


def facts(case: str) -> dict[str, Any]:
    """What the page saw."""
    found: dict[str, Any] = json.loads((DATA / f"{case}.facts.json").read_text(encoding="utf-8"))
    return found


def connections(case: str) -> list[dict[str, Any]]:
    """The facts of every peer connection of a case."""
    return [pc for told in facts(case)["participants"].values() for pc in told["pcs"].values()]


def recordings(case: str) -> dict[str, list[str]]:
    """Participant -> its recordings, one for each page load."""
    result: dict[str, list[str]] = {}
    for path in sorted(DATA.glob(f"{case}.*.frames*.jsonl.gz")):
        result.setdefault(path.name.split(".")[1], []).append(path.name.removesuffix(".jsonl.gz"))
    return result


def loads(case: str) -> list[str]:
    """The recordings of all page loads of a case."""
    return [name for names in recordings(case).values() for name in names]


def sums(case: str, participant: str = "") -> Sums:
    """What the oracle says of all clients of a case together, or of one participant."""
    result: Counter[tuple[str, str, str]] = Counter()
    for name in recordings(case)[participant] if participant else loads(case):
        for group, members in oracle(name)["sums"].items():
            stats, _, kind = group.partition("/")
            for member, value in members.items():
                if member != "objects":
                    result[stats, kind, member] += value
    return dict(result)


def told(case: str, method: str) -> int:
    """How often the clients of a case told of a method."""
    return sum(oracle(name)["methods"].get(method, 0) for name in loads(case))


def mismatches(want: Sums, got: Sums) -> dict[tuple[str, str, str], tuple[float, float | None]]:
    """Sum -> what it should be and what it is, where the two differ; what nothing publishes is no difference."""
    published = {key: value for key, value in want.items() if (key[0], key[2]) in COUNTED}
    return {
        key: (value, got.get(key))
        for key, value in published.items()
        if key not in got or not isclose(value, got[key], rel_tol=TOLERANCE)
    }


# ── playing


async def play_client(exporter: Running, name: str) -> None:
    """One page load: connect as the client did, send what it sent, close as it closed."""
    opening, *rest = rows(name)
    async with exporter.again(opening) as client:
        for row in rest:
            if row["dir"] == "c2s":
                await client.send(row["text"])
            elif row["dir"] == "close":
                await client.close(1000 if row["code"] in UNSENDABLE else row["code"])


async def play_participant(exporter: Running, names: list[str]) -> None:
    """All page loads of a participant, one after the other."""
    for name in names:
        await play_client(exporter, name)


async def play(*participants: list[str]) -> Scrape:
    """Participants side by side; what is left when all have gone, as Prometheus would read it."""
    async with running(metrics__profile="full") as exporter:
        await asyncio.gather(*(play_participant(exporter, names) for names in participants))
        await exporter.until(lambda: not exporter.participants)
        return Scrape((await exporter.http.get(exporter.admin())).text)


@functools.cache
def played(case: str) -> Scrape:
    """The scrape after a whole case."""
    return asyncio.run(play(*recordings(case).values()))


def records(path: Path) -> Iterator[tuple[float, Record]]:
    """The records of a file with their times; the second file of a participant is another one here."""
    _, participant, kind, *_ = path.name.split(".")
    key = ParticipantKey("room", f"{participant} {kind}")
    with path.open("rb") as stream:
        reader = wire.detect_file(stream.read(1 << 16))
        stream.seek(0)
        source = reader(stream, key, 0.0)
        for record in source:
            yield record.sent if isinstance(record, Report) else record.time, record
    assert not source.refused, f"of {path.name} nothing is refused"


def read(paths: Iterable[Path]) -> Scrape:
    """The scrape after files were read side by side in order of time."""
    pipeline: Pipeline | None = None
    now = 0.0
    for time, record in heapq.merge(*map(records, paths), key=lambda row: row[0]):
        now = max(now, time)
        if pipeline is None:
            pipeline = Pipeline(PipelineSettings(profile=Profile.FULL, expiry=inf), now)
        pipeline.feed(record, now)
    assert pipeline is not None, "the files hold records"
    pipeline.shutdown(now)
    return Scrape(b"".join(prometheus.render(pipeline.store.families(), prometheus.TEXT)).decode())


@functools.cache
def dumped(case: str) -> Scrape:
    """The scrape after the files that rtcstats-server wrote of a case."""
    return read(sorted(DATA.glob(f"{case}.*.rtcstats-dump*.gz")))


WAYS = pytest.mark.parametrize("way", [played, dumped], ids=["sockets", "files"])
EVERY_CASE = pytest.mark.parametrize("case", CASES)

# ── counters


def test_the_oracle_is_no_empty_one() -> None:
    """Over fifty members have a family and are held against the recordings: a misread file would show here."""
    held = {(stats, member) for case in CASES for stats, _, member in sums(case)} & COUNTED.keys()

    assert len(held) > 50
    assert {"inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "candidate-pair", "transport", "data-channel"} <= {
        stats for stats, _ in held
    }


@WAYS
@EVERY_CASE
def test_counters_equal_what_the_clients_told(case: str, way: Way) -> None:
    """Summed over all labels but the media kind, every counter is the oracle's: over sockets, and from files."""
    want = sums(case)

    assert mismatches(want, way(case).counts(want)) == {}


@pytest.mark.parametrize("path", sorted(DATA.glob("*.getstats.json.gz")), ids=lambda path: path.name.split(".")[0])
def test_every_other_counter_lies_between_the_last_reports_of_the_page(path: Path) -> None:
    """
    Members that the oracle does not sum end between what the page saw 3 s and 0 s before its end.

    Only ``packetsLost`` may be above: it counts what was ever lost, and the browser takes back what comes late.
    """
    case, participant, *_ = path.name.split(".")
    scrape = asyncio.run(play(recordings(case)[participant]))
    reports = json.loads(gzip.decompress(path.read_bytes()))
    end = reports[-1][0]
    before = next(stats for time, stats in reversed(reports) if time <= end - 2000)
    low, high = (totals(stats) for stats in (before, reports[-1][1]))
    got = scrape.counts(high)

    assert high.keys() - got.keys() == set(), "these are published"
    assert {
        key: (low.get(key, 0), got[key], high[key])
        for key in high
        if not low.get(key, 0) - SLACK <= got[key] <= high[key] + SLACK and key[2] != "packetsLost"
    } == {}
    assert all(got[key] >= high[key] for key in high if key[2] == "packetsLost")


def totals(stats: Mapping[str, Mapping[str, Any]]) -> Sums:
    """The sums of the cumulative members of one whole report."""
    result: Counter[tuple[str, str, str]] = Counter()
    for members in stats.values():
        flat = {
            f"{name}.{part}": each
            for name, value in members.items()
            if isinstance(value, dict)
            for part, each in value.items()
        }
        for name, value in {**members, **flat}.items():
            if (members["type"], name) in COUNTED:
                result[members["type"], members.get("kind", ""), name] += value
    return dict(result)


@pytest.mark.parametrize("name", INTERNALS)
def test_a_file_of_webrtc_internals_counts_what_it_holds(name: str) -> None:
    """
    Every counter is the last value of its series in the file.

    Chrome saved the file 0.5 to 2 s before the page's own last report, so against the facts a counter may lack
    two seconds of the call, and three for Chrome's own pace of once a second; it is never above.
    """
    want: Counter[tuple[str, str, str]] = Counter()
    for connection in json.loads(gzip.decompress((DATA / name).read_bytes()))["PeerConnections"].values():
        for series, entry in connection["stats"].items():
            ident, _, member = series.rpartition("-")
            if (entry["statsType"], member) in COUNTED:
                kinds = connection["stats"].get(f"{ident}-kind")
                want[entry["statsType"], last_of(kinds) if kinds else "", member] += last_of(entry)
    case, participant, *_ = name.split(".")
    seen = facts(case)["participants"][participant]["pcs"]["PC_0"]

    got = read([DATA / name]).counts(want)

    assert len(want) > 50
    assert mismatches(dict(want), got) == {}
    for stats, direction in (("inbound-rtp", "in"), ("outbound-rtp", "out")):
        for kind, steady in (("audio", "packets"), ("video", "frames")):
            for member, value in seen[f"{direction}_{kind}"].items():
                count = got.get((stats, kind, member))
                if count is not None:
                    assert count <= value, f"{member} of {direction} {kind}"
                    share = 1 - 3 / seen["duration_s"]
                    assert not member.startswith(steady) or count >= share * value, f"{member} of {direction} {kind}"


def last_of(entry: Mapping[str, Any]) -> Any:
    """The last value of a series of webrtc-internals."""
    return json.loads(entry["values"])[-1]


# ── what is not a member


@EVERY_CASE
def test_every_report_is_taken_and_nothing_is_refused(case: str) -> None:
    """A real client is never told that it is wrong, and nothing of ours breaks."""
    scrape = played(case)

    assert scrape.total("rtc_exporter_reports_total", rtc_outcome="accepted") == told(case, "getStats")
    assert scrape.by("rtc_exporter_reports_dropped_total", "rtc_drop_reason") == {}
    assert scrape.total("rtc_exporter_errors_internal_total") == 0
    assert scrape.total("rtc_exporter_events_unknown_total") == 0
    assert scrape.by("rtc_exporter_series_limited_total", "rtc_metric_family") == {}


#: What the page saw of connectionState at last -> outcome.  With a wrong TURN password it stays new for ever, and the
#: page closes it: before 30 s have passed since both descriptions were set, as here, that is abandoned.
OUTCOMES = {"connected": "connected", "failed": "ice_failed", "": "abandoned"}


@WAYS
@EVERY_CASE
def test_every_peer_connection_has_one_outcome(case: str, way: Way) -> None:
    """Connected, failed or given up, as the page saw it, and counted once."""
    states = [(pc.get("connection_states") or [""])[-1] for pc in connections(case)]

    assert way(case).by("rtc_connection_attempts_total", "rtc_outcome") == Counter(OUTCOMES[state] for state in states)


@WAYS
@EVERY_CASE
def test_errors_of_the_page_are_counted_by_name(case: str, way: Way) -> None:
    """Denied or missing devices with the name of the DOMException, a refused TURN password with its code."""
    errors = [error for told in facts(case)["participants"].values() for error in told["errors"]]

    assert way(case).by("rtc_api_errors_total", "error_type") == Counter(
        error["name"] for error in errors if error["type"] == "gum-failed"
    )
    assert way(case).by("rtc_ice_candidate_errors_total", "error_type") == Counter(
        str(error["code"]) for error in errors if error["type"] == "candidate-error"
    )


@WAYS
@pytest.mark.parametrize(
    ("case", "error"),
    [("gumdenied-cr", "NotAllowedError"), ("gumdenied-ff", "NotAllowedError"), ("gumnotfound-cr", "NotFoundError")],
)
def test_the_failed_call_is_named(case: str, error: str, way: Way) -> None:
    """It was getUserMedia, and no other call failed."""
    assert way(case).total("rtc_api_errors_total", rtc_api_method="getUserMedia", error_type=error) == 1
    assert way(case).total("rtc_api_errors_total") == 1


@WAYS
@EVERY_CASE
def test_calls_are_counted_by_method(case: str, way: Way) -> None:
    """As often as the client told of them."""
    calls = way(case).by("rtc_api_calls_total", "rtc_api_method")

    for method, name in METHODS.items():
        assert calls.get(method, 0) == told(case, name), method


METHODS = {
    "getUserMedia": "navigator.mediaDevices.getUserMedia",
    "createOffer": "createOffer",
    "createAnswer": "createAnswer",
    "setLocalDescription": "setLocalDescription",
    "setRemoteDescription": "setRemoteDescription",
    "addIceCandidate": "addIceCandidate",
    "addTrack": "addTrack",
}


@WAYS
@EVERY_CASE
def test_paths_bear_the_type_of_the_local_candidate(case: str, way: Way) -> None:
    """Relay where everything went through TURN, host elsewhere; nothing where no path was ever selected."""
    paths = {path.partition("/")[0] for pc in connections(case) for path in pc.get("selected_paths") or ()}

    for name in ("rtc_candidate_pair_io_bytes_total", "rtc_candidate_pair_round_trip_time_seconds_count"):
        assert way(case).by(name, "rtc_ice_candidate_type").keys() == paths, name


@WAYS
@EVERY_CASE
def test_every_stage_of_setup_is_measured_once(case: str, way: Way) -> None:
    """What a connected peer connection goes through, and no stage twice for any."""
    seen = connections(case)
    connected = [pc for pc in seen if "connected" in (pc.get("connection_states") or ())]
    want = {
        "get_user_media": told(case, "navigator.mediaDevices.getUserMediaOnSuccess"),
        "create_offer": told(case, "createOfferOnSuccess"),
        "set_local": told(case, "setLocalDescriptionOnSuccess"),
        "set_remote": told(case, "setRemoteDescriptionOnSuccess"),
        "ice_gathering": len(seen),
        "ice_connected": len(connected),
        "dtls_connected": len(connected),
        "total": len(connected),
        "first_packet": sum(1 for pc in connected if pc.get("streams_in")),
        "first_frame": sum(1 for pc in connected if "in_video" in pc),
    }

    assert way(case).by("rtc_setup_duration_seconds_count", "rtc_setup_stage") == {k: v for k, v in want.items() if v}
    assert want["set_local"] == want["set_remote"] == len(seen), "nothing was negotiated again in these calls"


@WAYS
@EVERY_CASE
def test_who_joins_leaves_and_nothing_stays_behind(case: str, way: Way) -> None:
    """As many leaves as joins, each with its duration, and every gauge of something active is back at 0."""
    scrape, times = way(case), len(loads(case))

    assert scrape.total("rtc_participant_joins_total") == times
    assert scrape.total("rtc_participant_leaves_total") == times
    assert scrape.total("rtc_participant_duration_seconds_count") == times
    for name in ("rtc_sessions_active", "rtc_participants_active", "rtc_peer_connections_active", "rtc_codec_streams"):
        assert set(scrape.values(name)) <= {0}, name
    assert set(scrape.values("rtc_exporter_connections")) <= {0}


def test_a_file_says_of_leaving_what_the_socket_said() -> None:
    """The same close code is the same reason, whether the close was seen or read in a recording."""
    recorded = read(DATA / f"{name}.jsonl.gz" for name in loads("reload-cr"))
    live, from_files = (
        scrape.by("rtc_participant_leaves_total", "rtc_leave_reason") for scrape in (played("reload-cr"), recorded)
    )

    assert live == from_files


# ── reload


def test_a_reloaded_page_is_counted_again_and_nothing_twice() -> None:
    """p2 comes twice, under one name and with a ``PC_0`` each time: four peer connections and three page loads."""
    scrape = played("reload-cr")

    assert scrape.by("rtc_connection_attempts_total", "rtc_outcome") == {"connected": 4}
    assert scrape.total("rtc_transport_connections_total") == 4
    assert scrape.total("rtc_participant_leaves_total", rtc_leave_reason="page_hide") == 1


def test_a_new_page_may_come_before_the_old_one_is_gone() -> None:
    """A page that reloads may connect before its first connection is known to be closed: the sums are the same."""

    async def scenario() -> Scrape:
        async with running(metrics__profile="full") as exporter:
            first, second = recordings("reload-cr")["p2"]
            opening, *rest = rows(first)
            async with connect(
                exporter.ingest(opening["url"], "ws"),
                subprotocols=[Subprotocol("rtcstats#5.0")],
                user_agent_header=opening["headers"]["user-agent"],
                compression=None,
            ) as old:
                for row in rest:
                    if row["dir"] == "c2s":
                        await old.send(row["text"])
                await exporter.until(lambda: exporter.accepted() == oracle(first)["methods"]["getStats"])
                await play_client(exporter, second)
                await old.close(1001)
            await exporter.until(lambda: not exporter.participants)
            return Scrape((await exporter.http.get(exporter.admin())).text)

    scrape = asyncio.run(scenario())
    want = sums("reload-cr", "p2")

    assert mismatches(want, scrape.counts(want)) == {}
    assert scrape.by("rtc_connection_attempts_total", "rtc_outcome") == {"connected": 2}
    assert scrape.total("rtc_participant_joins_total") == 1, "it was here all the time"


# ── while the call runs


def test_a_call_that_runs_is_seen_to_run() -> None:
    """Before the last frames are sent, everybody is there, connected, and has gauges of its own."""

    async def scenario() -> Scrape:
        async with running() as exporter, contextlib.AsyncExitStack() as stack:
            for name in ("healthy-cr.p1.frames", "healthy-cr.p2.frames"):
                opening, *rest = rows(name)
                client = await stack.enter_async_context(
                    connect(
                        exporter.ingest(opening["url"], "ws"),
                        subprotocols=[Subprotocol("rtcstats#5.0")],
                        user_agent_header=opening["headers"]["user-agent"],
                        compression=None,
                    )
                )
                for row in rest:
                    if row["dir"] == "c2s" and not row["text"].startswith(CLOSE):
                        await client.send(row["text"])
            await exporter.until(lambda: exporter.accepted() == told("healthy-cr", "getStats"))
            return Scrape((await exporter.http.get(exporter.admin())).text)

    scrape = asyncio.run(scenario())
    room = facts("healthy-cr")["room"]

    assert scrape.by("rtc_sessions_active", "user_agent_name") == {"Chrome": 1}
    assert scrape.total("rtc_participants_active") == 2
    assert scrape.by("rtc_peer_connections_active", "rtc_peer_connection_state") == {"connected": 2}
    assert scrape.by("rtc_codec_streams", "rtc_codec") == {"opus": 4, "VP8": 4}
    assert scrape.by("rtc_participants_exported", "rtc_budget_reason") in ({}, {"all": 2})
    # In the last report of p2 the browser shows 14 frames in a second: the other side has just stopped sending.
    for participant, frames in (("p1", 20), ("p2", 14)):
        told_by = {"session_id": room, "rtc_participant_id": participant}
        assert scrape.values("rtc_participant_info", **told_by) == [1]
        (loss,) = scrape.values("rtc_participant_packet_loss_ratio", rtc_media_kind="video", **told_by)
        (rate,) = scrape.values("rtc_participant_frame_rate_per_second", rtc_media_kind="video", **told_by)
        (rtt,) = scrape.values("rtc_participant_round_trip_time_seconds", **told_by)
        assert (loss, rate, 0 < rtt < 0.02) == (0, frames, True)


#: How a client's frame about the end of its peer connection begins.
CLOSE = '[36,"PC_0"'
