"""``rtc-exporter import --otlp``: the spans of a finished call, to a real Collector and to receivers that refuse."""

import asyncio
from pathlib import Path

import pytest

from rtc_exporter.app import delivery
from rtc_exporter.cli import main
from rtc_exporter.tracing import SessionTrace, TraceSettings
from tests import captures
from tests.collector import collector
from tests.receivers import INVALID, OK, UNAVAILABLE, Step, http_receiver
from tests.running import START, running
from tests.test_tracer import start

ROOM = "lab-ice-failure-f7ad89"
FILES = [str(captures.DATA / f"icefail-cr.p{number}.frames.jsonl.gz") for number in (1, 2)]


def environ(monkeypatch: pytest.MonkeyPatch, endpoint: str, protocol: str = "http/protobuf") -> None:
    """What the operator has set."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_the_spans_of_a_file_arrive_with_their_own_times(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One trace, of the id that the exporter would have given it; the failure where and when it was."""
    with collector(tmp_path) as to:
        environ(monkeypatch, f"http://{to.grpc if protocol == 'grpc' else to.http}", protocol)
        assert main(["import", "--otlp", *FILES]) == 0
        to.stop()  # what it has received is written then
        spans = to.spans()
    ids = {span.span_id for span in spans}
    began = start("icefail-cr")
    failed = [span for span in spans if span.name == "rtc.setup.ice_connecting"]

    assert f"{len(spans)} of {len(spans)} spans sent by {protocol} to" in capsys.readouterr().err
    assert {span.trace_id for span in spans} == {SessionTrace(TraceSettings(), ROOM, began).trace_id.hex()}
    assert [span.name for span in spans if span.parent_id and span.parent_id not in ids] == []
    assert [(span.attributes["rtc.participant.id"], span.status, span.message) for span in failed] == [
        ("p1", 2, "ice_failed"), ("p2", 2, "ice_failed"),
    ]  # fmt: skip
    assert all(began - 5 < span.start <= span.end < began + 60 for span in spans)


def test_the_ids_are_those_that_traces_are_asked_for_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``rtc-exporter trace-id`` names the trace, with a day and without."""
    for arguments, flags in ([("--day", "2026-11-20"), ()], [("--no-epoch",), ("--no-epoch",)]):
        assert main(["trace-id", ROOM, *arguments]) == 0
        named = capsys.readouterr().out.strip()
        assert main(["import", "--trace", *flags, *FILES]) == 0
        assert f"trace {named}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ([UNAVAILABLE, OK], 0, "15 of 15 spans sent by http/protobuf"),
        ([INVALID], 1, "0 of 15 spans sent by http/protobuf"),
        ([Step(rejected=2)], 1, "13 of 15 spans sent by http/protobuf"),
    ],
    ids=["busy at first", "refused", "two refused"],
)
def test_an_import_says_what_became_of_its_spans(
    script: list[Step], status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary is printed all the same; the status is for scripts."""
    monkeypatch.setattr(delivery, "FIRST", 0.01)
    with http_receiver(script) as receiver:
        environ(monkeypatch, f"http://127.0.0.1:{receiver.port}")
        assert main(["import", "--otlp", FILES[0]]) == status
    out, err = capsys.readouterr()

    assert "ice_failed" in out
    assert said in err


@pytest.mark.parametrize("exporter", [None, "none"])
def test_an_import_that_knows_no_receiver_does_not_begin(
    exporter: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says which variable it wants, before it looks at a file."""
    if exporter:
        environ(monkeypatch, "http://127.0.0.1:1")
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", exporter)
    assert main(["import", "--otlp", "/no/such/file"]) == 2
    assert "wanted OTEL_EXPORTER_OTLP_ENDPOINT" in capsys.readouterr().err


def test_a_file_that_is_posted_keeps_its_times_and_its_trace() -> None:
    """A week later, to an exporter that runs: the outage where it was, in the trace that the call had."""

    async def run(port: int) -> None:
        environ = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}/v1/traces"}
        async with running(environ, start=START + 7 * 86_400) as exporter:
            body = (captures.DATA / "degraded-ff.p1.rtcstats-dump.gz").read_bytes()
            answer = await exporter.http.post(exporter.ingest("/v1/dumps/lab-degraded-194791/p1"), content=body)
            assert answer.status_code == 200, answer.text

    with http_receiver([OK]) as receiver:
        asyncio.run(run(receiver.port))
    spans = [
        span
        for request in receiver.requests for part in request.message.resource_spans
        for scope in part.scope_spans for span in scope.spans
    ]  # fmt: skip
    began = start("degraded-ff")
    (outage,) = (span for span in spans if span.name == "rtc.episode.no_media")

    assert {span.trace_id for span in spans} == {SessionTrace(TraceSettings(), "lab-degraded-194791", began).trace_id}
    assert all(
        began - 5 < span.start_time_unix_nano / 1e9 <= span.end_time_unix_nano / 1e9 < began + 90 for span in spans
    )
    assert 2.5 < (outage.end_time_unix_nano - outage.start_time_unix_nano) / 1e9 < 4.0
