"""
The example that starts everything together: its files are read, and those of real programs here are started.

No container runs in the tests, and Grafana and Tempo cannot be had as programs: their files are read as YAML, and their
names are held against one another.  Exporter, Prometheus and Collector run with the shipped files, on other addresses.
"""

import functools
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from tests.boards import BOARDS, panels, targets
from tests.collector import Collector
from tests.peers import peer
from tests.test_dashboards_live import SILENT
from tools.preview.asked import View, put

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
#: Longer than anything here takes: Prometheus evaluates within half a minute, and sends again after a minute what
#: Alertmanager was not ready for.
PATIENCE = 120.0


def test_it_is_what_compose_reads() -> None:
    """By the schema of the Compose Specification."""
    program = Path(sys.executable).parent / "check-jsonschema"
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(FOLDER / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_files_that_are_mounted_exist() -> None:
    """Docker would make an empty folder of one that does not."""
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            is_known = (FOLDER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            assert is_known, f"{name}: {source}"


def test_nothing_listens_beyond_this_machine() -> None:
    """It has no passwords."""
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_images_have_versions() -> None:
    """What worked goes on working."""
    images = [service["image"] for service in COMPOSE["services"].values() if "image" in service]

    assert [image for image in images if not re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image)] == []


def test_names_in_the_files_are_services() -> None:
    """A host that a file names is a service of the example, or said to be another choice."""
    for path in (*FOLDER.glob("*.y*ml"), *FOLDER.glob("grafana/**/*.yml")):
        text = re.sub(r"(?m)^\s*#.*$", "", path.read_text("utf-8"))
        hosts = set(re.findall(r"(?:http://|ws://|[\s\[\"])([a-z]+):\d{4}\b", text))
        assert hosts <= {*COMPOSE["services"], "jaeger"}, path.name


def test_prometheus_and_alertmanager_read_their_files(tmp_path: Path) -> None:
    """With the rules where the container has them."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rtc.rules.yml").write_bytes((ROOT / "alerts" / "rtc.small.rules.yml").read_bytes())
    (tmp_path / "prometheus.yml").write_bytes((FOLDER / "prometheus.yml").read_bytes())
    commands = (
        [peer("promtool"), "check", "config", str(tmp_path / "prometheus.yml")],
        [peer("amtool"), "check-config", str(FOLDER / "alertmanager.yml")],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def free(number: int) -> list[str]:
    """Addresses that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


class Together:
    """Everything that runs, and where."""

    def __init__(self, tempo: Collector, prometheus: str, alertmanager: str) -> None:
        self.tempo = tempo
        self._prometheus = prometheus
        self._alertmanager = alertmanager

    def get(self, path: str, **parameters: str | float) -> Any:
        """An answer of Prometheus."""
        with urlopen(f"http://{self._prometheus}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def alerts(self) -> set[str]:
        """Names of the alerts that Alertmanager knows."""
        with urlopen(f"http://{self._alertmanager}/api/v2/alerts", timeout=10) as answer:
            return {alert["labels"]["alertname"] for alert in json.load(answer)}

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something that is about to come."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if condition():
                    return
            except OSError:
                pass
            assert time.monotonic() < end, f"{what} has not come"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    """Exporter, demo, Prometheus and Collector with the shipped files; a second Collector stands where Tempo would."""
    folder = tmp_path_factory.mktemp("compose")
    tempo = Collector(folder)
    ingest, admin, http, grpc, prometheus, alertmanager = free(6)
    moved = {
        "exporter:9464": admin, "tempo:4317": tempo.grpc, "0.0.0.0:4318": http, "0.0.0.0:4317": grpc,
        "alertmanager:9093": alertmanager, "scrape_interval: 15s": "scrape_interval: 1s",
        "evaluation_interval: 30s": "evaluation_interval: 5s",
    }  # fmt: skip
    (folder / "rules").mkdir()
    (folder / "rules" / "rtc.rules.yml").write_bytes((ROOT / "alerts" / "rtc.small.rules.yml").read_bytes())
    for name in ("prometheus.yml", "collector.yaml"):
        text = (FOLDER / name).read_text("utf-8")
        for before, after in moved.items():
            text = text.replace(before, after)
        (folder / name).write_text(text, "utf-8")
    service = COMPOSE["services"]["exporter"]["environment"]
    told = {name: str(value).replace("collector:4318", http) for name, value in service.items()}
    environment = {**os.environ, **told, "RTC_EXPORTER_INGEST__LISTEN": ingest, "RTC_EXPORTER_ADMIN__LISTEN": admin}
    demo = [each.replace("exporter:8080", ingest) for each in COMPOSE["services"]["demo"]["command"]]
    own = [sys.executable, "-m", "rtc_exporter"]
    flags = [each for each in COMPOSE["services"]["prometheus"]["command"] if each.startswith("--enable-feature")]
    storage = [f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={prometheus}"]
    alerting = [f"--storage.path={folder / 'alertmanager'}", f"--web.listen-address={alertmanager}"]
    commands = (
        [peer("otelcol"), f"--config={folder / 'collector.yaml'}"],
        [*own, "serve"],
        [
            peer("prometheus-alertmanager"),
            f"--config.file={FOLDER / 'alertmanager.yml'}",
            *alerting,
            "--cluster.listen-address=",
        ],
        [*own, *demo],
        [peer("prometheus"), f"--config.file={folder / 'prometheus.yml'}", *storage, *flags],
    )
    with ExitStack() as stack:
        tempo.start()
        stack.callback(tempo.stop)
        log = stack.enter_context((folder / "log").open("wb"))
        found = Together(tempo, prometheus, alertmanager)
        for command in commands:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield found


def test_calls_arrive_in_prometheus(together: Together) -> None:
    """From the demo through the exporter, with the job that rules and dashboards ask for."""
    asked = 'count(rtc_participant_info{job="rtc-exporter"})'
    together.until(lambda: together.get("query", query=asked)["result"], "a participant")


def test_spans_go_through_the_collector(together: Together) -> None:
    """To where Tempo would be."""
    together.until(together.tempo.spans, "a span")


def test_an_exemplar_leads_to_a_span(together: Together) -> None:
    """The whole way of a click on a point of a heatmap: its trace has arrived where Tempo would be."""
    (panel,) = [each for each in panels(BOARDS["rtc-overview"]) if each["title"] == "Packets lost"]
    expr = put(panel["targets"][0]["expr"], {"job": ".*", "tenant": ".*", "app": ".*"}, View("rtc-overview", 0, 60))

    def known() -> bool:
        now = time.time()
        found = together.get("query_exemplars", query=expr, start=now - 600, end=now)
        exemplars = {each["labels"]["trace_id"] for series in found for each in series["exemplars"]}
        return bool(exemplars & {span.trace_id for span in together.tempo.spans()})

    together.until(known, "the trace of an exemplar")


def answered(together: Together, expr: str) -> bool:
    """Whether a query has data."""
    return bool(together.get("query", query=expr)["result"])


def test_the_exporters_own_panels_have_data(together: Together) -> None:
    """Those that a simulated history cannot fill."""
    own = {title for uid, title in SILENT if uid == "rtc-exporter"} - {"Folded into other"}
    seen = View("rtc-exporter", time.time() - 60, time.time(), {"job": ".*", "tenant": ".*", "app": ".*"})
    for panel, target in targets(BOARDS["rtc-exporter"]):
        if panel["title"] in own:
            expr = put(target["expr"].replace("$__rate_interval", "10s"), seen.values, seen)
            together.until(functools.partial(answered, together, expr), panel["title"])


def test_alerts_arrive_in_alertmanager(together: Together) -> None:
    """The watchdog, which always fires."""
    together.until(lambda: "RTCWatchdog" in together.alerts(), "the watchdog")


def test_prometheus_has_loaded_the_rules(together: Together) -> None:
    """All groups, and none has an error."""
    together.until(lambda: together.get("rules")["groups"], "rules")
    found = [rule for group in together.get("rules")["groups"] for rule in group["rules"]]

    assert len(found) > 100
    assert [rule["name"] for rule in found if rule.get("lastError")] == []
