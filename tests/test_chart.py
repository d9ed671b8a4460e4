"""What the Helm chart renders to, held against real Helm, Kubernetes' own schemas, and the program's own settings."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from rtc_exporter.config import Config, settings_table
from tests.charts import (
    BASE,
    CASES,
    CHART,
    EXAMPLES,
    ROOT,
    Object,
    RenderError,
    complaints,
    example,
    helm,
    of,
    oldest,
    render,
    template,
)
from tests.peers import peer
from tools import chart
from tools.limits import LIMITS, Limits
from tools.rules import groups
from tools.slos import SLOS

#: The oldest that the chart promises, the one since which a pod can sleep before it ends, and the newest known.
VERSIONS = ("1.25", "1.30", "1.34", "1.37")
#: What has a schema of its own kind.
CUSTOM = ("monitoring.coreos.com/v1", "gateway.networking.k8s.io/v1")
SELECTOR = {"app.kubernetes.io/name": "rtc-exporter", "app.kubernetes.io/instance": "rtc"}


def pods(objects: list[Object]) -> Iterator[dict[str, Any]]:
    """The spec of every pod, that of the tests among them."""
    for told in objects:
        if told["kind"] == "Pod":
            yield told["spec"]
        elif told["kind"] == "Deployment":
            yield told["spec"]["template"]["spec"]


# ── files


def test_what_is_derived_is_as_it_would_be_made() -> None:
    """Schema, tables, version, copies: run scripts/docs after a change."""
    wanted = chart.derived()

    assert {path.name for path, text in wanted.items() if path.read_text(encoding="utf-8") != text} == set()
    assert chart.left_over(wanted) == []


def test_dashboards_equal_those_at_the_top() -> None:
    """All of them, and nothing else."""
    for pattern, folder in chart.COPIES.items():
        above = {path.name: path.read_bytes() for path in ROOT.glob(pattern)}
        inside = {path.name: path.read_bytes() for path in (CHART / folder).iterdir() if path.name != ".gitkeep"}
        assert inside == above


@pytest.mark.parametrize("case", CASES)
def test_examples_are_what_the_chart_renders_to(case: str) -> None:
    """Run `python -m tests.charts` after changing a template, and look at what it changed."""
    assert (EXAMPLES / f"{case}.yaml").read_text(encoding="utf-8") == example(case)


def test_every_value_is_used() -> None:
    """A value that no template reads would be taken and do nothing."""
    files = (*(CHART / "templates").rglob("*.*"), *(CHART / "files").rglob("*.tpl"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)

    def leaves(rows: tuple[chart.Value, ...]) -> Iterator[str]:
        for row in rows:
            yield from leaves(row.inner) if row.inner else (row.path.rpartition(".")[2],)

    names = set(leaves(chart.values((CHART / "values.yaml").read_text(encoding="utf-8"))))
    assert {name for name in names if not re.search(rf"[.\"]{name}\b", text)} == set()


def test_yaml_is_tidy() -> None:
    """What is written by hand, and what is rendered."""
    rules = "{extends: default, rules: {line-length: disable, document-start: disable, braces: {max-spaces-inside: 1}}}"
    files = [CHART / "values.yaml", CHART / "Chart.yaml", *CASES.values(), *EXAMPLES.glob("*.yaml")]

    assert helm("-d", rules, *map(str, files), program=peer("yamllint")) == ""


# ── Helm and schemas


@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_to_say(case: str) -> None:
    """The oldest and the newest; warnings count."""
    for program in (oldest(), peer("helm")):
        said = helm("lint", str(CHART), "--strict", "--values", str(CASES[case]), program=program)
        assert "0 chart(s) failed" in said
        assert "[WARNING]" not in said


@pytest.mark.parametrize("case", CASES)
def test_the_newest_helm_renders_the_same(case: str) -> None:
    """Up to what is random."""
    first, second = (render(CASES[case], program=program) for program in (oldest(), peer("helm")))
    for told in (*of(first, "Secret"), *of(second, "Secret")):
        told["data"] = {}

    def order(told: Object) -> tuple[str, str]:
        return told["kind"], told["metadata"]["name"]

    assert sorted(first, key=order) == sorted(second, key=order)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_kubernetes_knows_every_field(case: str, version: str) -> None:
    """Strictly: a misspelt field is an error."""
    for told in render(CASES[case], version=version):
        if told["apiVersion"] not in (*CUSTOM, "grafana.integreatly.org/v1beta1"):
            kubernetes_validate.validate(told, version, strict=True)


def test_custom_resources_fit_their_definitions() -> None:
    """In all cases; and a mistake would be found."""
    found = [told for case in CASES for told in render(CASES[case]) if told["apiVersion"] in CUSTOM]
    monitor = json.loads(json.dumps(of(found, "ServiceMonitor")[0]))
    monitor["spec"]["endpoints"][0]["interval"] = "often"

    assert {told["kind"] for told in found} >= {"HTTPRoute", "ServiceMonitor", "PodMonitor", "PrometheusRule"}
    assert complaints(found) == []
    assert complaints([monitor]) != []


# ── security


@pytest.mark.parametrize("case", CASES)
def test_every_pod_is_as_restricted_as_the_profile_wants(case: str) -> None:
    """Pod Security Standards, restricted; and more than it asks for: a root that cannot be written, no token."""
    for spec in pods(render(CASES[case])):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert not [volume for volume in spec["volumes"] if "hostPath" in volume]
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not context.get("privileged")


def test_a_platform_may_choose_the_ids() -> None:
    """But the pods run as somebody else than root."""
    for spec in pods(render(CASES["openshift-like"])):
        assert set(spec["securityContext"]) == {"runAsNonRoot", "fsGroupChangePolicy", "seccompProfile"}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_granted(case: str) -> None:
    """No role, and nothing that belongs to the whole cluster."""
    kinds = {told["kind"] for told in render(CASES[case])}

    assert kinds <= {
        "ConfigMap", "Deployment", "HTTPRoute", "HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "Pod",
        "PodDisruptionBudget", "PodMonitor", "PrometheusRule", "Secret", "Service", "ServiceAccount", "ServiceMonitor",
        "GrafanaDashboard",
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_clients_cannot_be_led_to_the_metrics(case: str) -> None:
    """Routes lead to one Service, which leads to one port, which is not that of the metrics."""
    found = render(CASES[case])
    services = {told["metadata"]["labels"].get("app.kubernetes.io/component"): told for told in of(found, "Service")}
    clients, operators = services["ingest"], services["metrics"]
    name, port = clients["metadata"]["name"], clients["spec"]["ports"][0]["port"]

    assert [told["targetPort"] for told in clients["spec"]["ports"]] == ["ingest"]
    assert operators["spec"]["type"] == "ClusterIP"
    assert [told["targetPort"] for told in operators["spec"]["ports"]] == ["metrics"]
    for route in of(found, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            assert rule["backendRefs"] == [{"name": name, "port": port}]
    for ingress in of(found, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                assert path["backend"] == {"service": {"name": name, "port": {"name": "http-ingest"}}}
    for policy in of(found, "NetworkPolicy"):
        to_metrics = [rule for rule in policy["spec"]["ingress"] if rule["ports"][0]["port"] == "metrics"]
        assert all(rule["from"] for rule in to_metrics), "without from, everybody may come"


def test_nobody_but_the_release_may_come_where_nobody_is_named() -> None:
    """An empty list would otherwise be everybody."""
    (policy,) = of(render(BASE, {"networkPolicy.enabled": True, "networkPolicy.metricsFrom": []}), "NetworkPolicy")

    assert policy["spec"]["ingress"][1]["from"] == [
        {"podSelector": {"matchLabels": {**SELECTOR, "app.kubernetes.io/name": "rtc-exporter-test"}}}
    ]


@pytest.mark.parametrize("case", CASES)
def test_secrets_are_files(case: str) -> None:
    """Neither arguments nor settings; of OTLP's headers alone there is a variable, because there is nothing else."""
    secret = {row.variable for row in settings_table() if row.type == "secret"}
    for spec in pods(render(CASES[case])):
        for container in spec["containers"]:
            taken = {told["name"] for told in container.get("env", ()) if "secretKeyRef" in told.get("valueFrom", {})}
            assert taken <= {"OTEL_EXPORTER_OTLP_HEADERS"}
            assert not {told["name"] for told in container.get("env", ())} & secret


def test_a_key_is_made_where_there_is_none() -> None:
    """Long enough for the program, another one for each rendering, and kept when the release goes."""
    first, second = (of(render(CASES["default"], version=version), "Secret")[0] for version in ("1.30", "1.34"))

    assert first["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert len(first["data"]["token-secret"]) == 64
    assert first["data"] != second["data"]
    assert of(render(BASE), "Secret") == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"config.ingest.allow_anonymous": True}, {}),
        (
            {"secretFiles.ingest.token_keys": {"name": "keys"}},
            {"RTC_EXPORTER_INGEST__TOKEN_KEYS": "/etc/rtc-exporter/secrets/ingest.token_keys"},
        ),
        (
            {"secretFiles.ingest.keys_file": {"name": "keys", "key": "list"}},
            {"RTC_EXPORTER_INGEST__KEYS_FILE": "/etc/rtc-exporter/secrets/ingest.keys_file/list"},
        ),
    ],
)
def test_other_ways_in_need_no_key_of_ours(values: dict[str, Any], told: dict[str, str]) -> None:
    """Anonymous clients, a folder of keys (a whole Secret), a file of keys (one entry of it)."""
    found = render({"image": BASE["image"]}, values)
    (deployment,) = of(found, "Deployment")
    spec = deployment["spec"]["template"]["spec"]
    env = {each["name"]: each["value"] for each in spec["containers"][0]["env"]}

    assert of(found, "Secret") == []
    assert "RTC_EXPORTER_INGEST__TOKEN_SECRET_FILE" not in env
    assert told.items() <= env.items()
    assert len([volume for volume in spec["volumes"] if "secret" in volume]) == len(told)


# ── several pods


@pytest.mark.parametrize(
    ("values", "budgets"),
    [
        ({}, 0),
        ({"replicaCount": 2}, 1),
        ({"replicaCount": 2, "podDisruptionBudget.enabled": False}, 0),
        ({"autoscaling.enabled": True, "autoscaling.minReplicas": 1, "resources.requests.cpu": "1"}, 0),
        ({"autoscaling.enabled": True, "autoscaling.minReplicas": 2, "resources.requests.cpu": "1"}, 1),
    ],
)
def test_a_budget_is_for_more_than_one_pod(values: dict[str, Any], budgets: int) -> None:
    """Of one it would only keep nodes from being drained."""
    assert len(of(render(BASE, values), "PodDisruptionBudget")) == budgets


def test_an_autoscaler_has_the_number_for_itself() -> None:
    """Named in the Deployment too, each upgrade would set it back."""
    (scaled,), (fixed,) = of(render(CASES["ha"]), "Deployment"), of(render(BASE), "Deployment")

    assert "replicas" not in scaled["spec"]
    assert fixed["spec"]["replicas"] == 1


def test_selectors_never_change(tmp_path: Path) -> None:
    """An upgrade that changed one would be refused by the cluster, or lose its pods."""
    newer = tmp_path / "rtc-exporter"
    shutil.copytree(CHART, newer)
    text = (newer / "Chart.yaml").read_text().replace("version: 0.1.0", "version: 9.9.9")
    (newer / "Chart.yaml").write_text(text)
    changes = {"commonLabels.a": "b", "podLabels.c": "d", "replicaCount": 2, "image.tag": "9.9.9"}
    before, after = render(BASE, {"replicaCount": 2}), render(BASE, changes, chart=newer)

    for objects in (before, after):
        (deployment,) = of(objects, "Deployment")
        assert deployment["spec"]["selector"] == {"matchLabels": SELECTOR}
        assert deployment["spec"]["template"]["metadata"]["labels"].items() >= SELECTOR.items()
        assert of(objects, "PodDisruptionBudget")[0]["spec"]["selector"] == {"matchLabels": SELECTOR}
        assert {told["metadata"]["name"]: told["spec"]["selector"] for told in of(objects, "Service")} == {
            "rtc-rtc-exporter": SELECTOR,
            "rtc-rtc-exporter-metrics": SELECTOR,
        }
        # The pod of the tests is no pod of the exporter's.
        assert not of(objects, "Pod")[0]["metadata"]["labels"].items() >= SELECTOR.items()


# ── the life of a pod


@pytest.mark.parametrize(("version", "handler"), [("1.25", "exec"), ("1.29", "exec"), ("1.30", "sleep")])
def test_a_pod_waits_for_load_balancers(version: str, handler: str) -> None:
    """Without a shell, where the cluster can."""
    (deployment,) = of(render(BASE, version=version), "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert list(container["lifecycle"]["preStop"]) == [handler]


def test_the_grace_period_is_long_enough_for_the_defaults() -> None:
    """What the chart reckons with is what the settings say, once there are such settings."""
    told = {row.name: row.default for row in settings_table() if row.name.startswith("shutdown.")}

    assert {name: told[name] for name in told if name.rpartition(".")[2] in ("delay", "spread", "linger")} in (
        {},
        {"shutdown.delay": "5", "shutdown.spread": "10", "shutdown.linger": "20"},
    )


@pytest.mark.parametrize("case", CASES)
def test_probes_and_ports_are_those_that_the_program_listens_on(case: str) -> None:
    """Variables, ports of the container, probes."""
    (deployment,) = of(render(CASES[case]), "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    env = {told["name"]: told.get("value") for told in container["env"]}
    ports = {told["name"]: told["containerPort"] for told in container["ports"]}

    assert env["RTC_EXPORTER_INGEST__LISTEN"].endswith(f":{ports['ingest']}")
    assert env["RTC_EXPORTER_ADMIN__LISTEN"].endswith(f":{ports['metrics']}")
    assert {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")} == {
        "startup": "/-/healthy",
        "liveness": "/-/healthy",
        "readiness": "/-/ready",
    }
    assert {container[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness", "readiness")} == {
        "metrics"
    }


def program_of(objects: list[Object], folder: Path) -> Config:
    """The program's configuration, as the pod would have it; Secrets hold a key."""
    (deployment,) = of(objects, "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    env = {told["name"]: told.get("value", "a=b") for told in container["env"]}
    for name, value in env.items():
        if value.startswith("/etc/rtc-exporter/"):
            file = folder / value.removeprefix("/etc/rtc-exporter/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("0123456789abcdef0123456789abcdef")
            env[name] = str(file)
    for told in of(objects, "ConfigMap"):
        for name, text in told.get("data", {}).items():
            if name == "rtc-exporter.toml":
                (folder / "config" / name).write_text(text)
    if "RTC_EXPORTER_CONFIG" in env and not of(objects, "ConfigMap"):
        Path(env["RTC_EXPORTER_CONFIG"]).write_text("")
    args = dict(word.split("=", 1) for word in container["args"][1:])
    return Config.load(args, {name: re.sub(r"\$\(\w+\)", "x", value) for name, value in env.items()})


@pytest.mark.parametrize("case", CASES)
def test_the_program_takes_what_a_pod_is_given(case: str, tmp_path: Path) -> None:
    """Variables, file and Secrets make a configuration."""
    program_of(render(CASES[case]), tmp_path)


def test_settings_reach_the_program_unchanged(tmp_path: Path) -> None:
    """Lists, quotes, numbers large and small, sizes, truths."""
    config = program_of(render(CASES["full"]), tmp_path)

    assert config.ingest.allowed_origins == ("https://app.example", "https://staging.app.example")
    assert (config.ingest.resume, config.metrics.fold_interval) == (30.0, 2.5)
    assert (config.limits.frame_bytes, config.limits.connections) == (2 << 20, 20_000)
    assert config.participants.pinned == ("alice", 'b"o\\b')
    assert config.metrics.native_histograms is True
    assert config.ingest.token_secret.get_secret_value() == "0123456789abcdef0123456789abcdef"
    assert str(config.ingest.listen) == "[::]:8080"
    assert config.log.level == "debug"


def test_every_default_is_a_value_that_the_chart_takes(tmp_path: Path) -> None:
    """Each setting written out comes back as it was; a schema that is narrower than the program would refuse some."""
    sound = Config.load({}, {})
    own = {*chart.OWN, *(row.name for row in settings_table() if row.type == "secret")}
    told = {
        section: {name: value for name, value in inner.items() if value is not None and f"{section}.{name}" not in own}
        for section, inner in sound.model_dump(mode="json").items()
    }
    values = {section: inner for section, inner in told.items() if inner}
    config = program_of(render(BASE, {"config": values}), tmp_path)

    def without_own(config: Config) -> dict[str, Any]:
        found = config.model_dump()
        del found["ingest"]["listen"], found["admin"]["listen"]
        del found["ingest"]["token_secret"], found["ingest"]["token_secret_file"]
        return found

    assert sum(map(len, values.values())) > 40
    assert without_own(config) == without_own(sound)


def test_large_numbers_stay_whole() -> None:
    """Helm reads them as floats, and would write 1e+09."""
    (told,) = of(render(BASE, {"config.limits": {"dump_bytes": 1_000_000_000, "connections": 12_345_678}}), "ConfigMap")

    assert tomllib.loads(told["data"]["rtc-exporter.toml"]) == {
        "limits": {"dump_bytes": 1_000_000_000, "connections": 12_345_678}
    }


def test_otlp_is_told_who_the_pod_is() -> None:
    """And what is in its way is escaped."""
    (deployment,) = of(render(CASES["existing-secret"]), "Deployment")
    env = {told["name"]: told for told in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}

    assert env["OTEL_RESOURCE_ATTRIBUTES"]["value"].endswith(
        "service.instance.id=$(POD_UID),deployment.environment.name=a%3Db%2Cc"
    )
    assert list(env).index("POD_UID") < list(env).index("OTEL_RESOURCE_ATTRIBUTES"), "or it would not be filled in"


# ── scrapes, rules, dashboards


@pytest.mark.parametrize("case", ["full", "pod-monitor"])
def test_the_job_has_the_name_that_rules_look_for(case: str) -> None:
    """Whatever the release is called."""
    found = render(CASES[case])
    (monitor,) = (*of(found, "ServiceMonitor"), *of(found, "PodMonitor"))
    (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]

    assert endpoint["relabelings"][0] == {"action": "replace", "targetLabel": "job", "replacement": "rtc-exporter"}
    assert endpoint["port"] in ("http-metrics", "metrics")


def test_a_monitor_selects_one_service() -> None:
    """Not that of the clients, which would be scraped in vain."""
    found = render(CASES["full"])
    wanted = of(found, "ServiceMonitor")[0]["spec"]["selector"]["matchLabels"]
    selected = [told for told in of(found, "Service") if told["metadata"]["labels"].items() >= wanted.items()]

    assert [told["metadata"]["name"] for told in selected] == ["rtc-metrics"]


def test_dashboards_come_through_as_they_are(tmp_path: Path) -> None:
    """Braces of legends among them; the operator is led to the same text."""
    text = json.dumps(
        {"title": "Über", "legend": "{{tenant}} {{ $x }}", "regex": "a\\d+"}, indent=2, ensure_ascii=False
    )
    copy = tmp_path / "rtc-exporter"
    shutil.copytree(CHART, copy)
    for name in ("rtc-a", "rtc-b"):
        (copy / "files" / "dashboards" / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    others = [path.stem for path in (CHART / "files" / "dashboards").glob("*.json")]
    values = {
        "dashboards.enabled": True, "dashboards.exclude": ["rtc-b", *others], "assumeCRDs": True,
        "dashboards.grafanaOperator.enabled": True,
    }  # fmt: skip
    found = render(BASE, values, chart=copy)
    (told,), (dashboard,) = of(found, "ConfigMap"), of(found, "GrafanaDashboard")

    assert told["data"] == {"rtc-a.json": text}
    assert told["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["spec"]["configMapRef"] == {"name": told["metadata"]["name"], "key": "rtc-a.json"}
    # Fields that the operator's v1beta1 knows; its definition is in no package that we could ask.
    assert set(dashboard["spec"]) == {
        "instanceSelector", "allowCrossNamespaceImport", "resyncPeriod", "folder", "configMapRef",
    }  # fmt: skip


def test_dashboards_fit_into_config_maps() -> None:
    """A client-side apply takes 256 KiB, with what it adds."""
    assert [path.name for path in ROOT.glob("dashboards/*.json") if path.stat().st_size > 200_000] == []


def rules_of(**values: Any) -> list[dict[str, Any]]:
    """The groups of the PrometheusRule."""
    told = {f"prometheusRule.{name}": value for name, value in {"enabled": True, **values}.items()}
    (found,) = of(render(BASE, told, {"assumeCRDs": True}), "PrometheusRule")
    groups: list[dict[str, Any]] = found["spec"]["groups"]
    return groups


@pytest.mark.parametrize("profile", LIMITS)
def test_rules_equal_those_at_the_top(profile: str) -> None:
    """Every group, rule and word, in the same order; in Helm 4 too."""
    text = (ROOT / "alerts" / f"rtc.{profile}.rules.yml").read_text(encoding="utf-8")
    above = yaml.load(text, yaml.CSafeLoader)["groups"]
    values = {"assumeCRDs": True, "prometheusRule.enabled": True, "prometheusRule.profile": profile}

    assert rules_of(profile=profile) == above
    assert of(render(BASE, values, program=peer("helm")), "PrometheusRule")[0]["spec"]["groups"] == above


@pytest.mark.parametrize("profile", LIMITS)
def test_objectives_and_thresholds_are_values(profile: str) -> None:
    """Every one of them, each changed: what Helm renders is what our own code makes of the same numbers."""
    changed = {row.name: round(getattr(LIMITS[profile], row.name) * 1.5, 6) for row in fields(Limits)}
    for row in fields(Limits):
        if isinstance(getattr(LIMITS[profile], row.name), int):
            changed[row.name] = int(changed[row.name]) + 1
    objectives = {slo.name: round(0.901 + 0.0123 * number, 6) for number, slo in enumerate(SLOS)}
    slos = [slo._replace(objective=objectives[slo.name]) for slo in SLOS]

    wanted = groups(profile, limits=replace(LIMITS[profile], **changed), slos=slos)

    assert rules_of(profile=profile, thresholds=changed, objectives=objectives) == wanted
    assert wanted != groups(profile)


def test_rules_can_be_bent() -> None:
    """Groups and alerts left out, severities, times, labels, places."""
    found = rules_of(
        disabledGroups=["rtc.alerts.turn"], disabledAlerts=["RTCExporterAbsent"], alertLabels={"cluster": "eu-1"},
        severityOverrides={"RTCNoReports": "critical"}, forOverrides={"RTCNoReports": "1h"},
        runbookBaseUrl="https://wiki.example/rtc/", grafanaBaseUrl="https://grafana.example/d",
        extraGroups=[{"name": "mine", "rules": [{"record": "a", "expr": "1"}]}],
    )  # fmt: skip
    alerts = {rule["alert"]: rule for group in found for rule in group["rules"] if "alert" in rule}
    rule = alerts["RTCNoReports"]

    assert "rtc.alerts.turn" not in [group["name"] for group in found]
    assert found[-1] == {"name": "mine", "rules": [{"record": "a", "expr": "1"}]}
    assert "RTCExporterAbsent" not in alerts
    assert {told["labels"]["cluster"] for told in alerts.values()} == {"eu-1"}
    assert (rule["labels"]["severity"], rule["for"]) == ("critical", "1h")
    assert rule["annotations"]["runbook_url"] == "https://wiki.example/rtc/RTCNoReports.md"
    assert rule["annotations"]["dashboard_url"].startswith("https://grafana.example/d/rtc-exporter?var-")


@pytest.mark.parametrize("case", ["full", "small"])
def test_promtool_takes_the_rules(case: str, tmp_path: Path) -> None:
    """As the operator hands them to Prometheus."""
    values = (
        {"profile": "small", "thresholds": {"refused": 7}} if case == "small" else {"objectives": {"voice-turn": 0.99}}
    )
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": rules_of(**values)}), encoding="utf-8")

    assert "SUCCESS" in helm(
        "check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "rules.yml"), program=peer("promtool")
    )


# ── values that are refused

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no image": ({"image.repository": ""}, "image.repository is empty"),
    "a digest that is none": ({"image.digest": "sha256:12"}, "image.digest"),
    "no pods": ({"replicaCount": 0}, "replicaCount"),
    "a value that does not exist": ({"replicas": 2}, "replicas"),
    "a misspelt value below": ({"service.typ": "ClusterIP"}, "typ"),
    "a misspelt setting": ({"config.ingest.alowed_origins": ["x"]}, "alowed_origins"),
    "a section that does not exist": ({"config.ingress.resume": 1}, "ingress"),
    "a setting of the wrong kind": ({"config.metrics.profile": "all"}, "config.metrics.profile"),
    "a number out of its bounds": ({"config.traces.ratio": 2}, "ratio"),
    "a size that is none": ({"config.limits.frame_bytes": "two"}, "frame_bytes"),
    "a list that is too short": ({"config.quality.jitter": [0.03]}, "jitter"),
    "a key in the settings": ({"config.ingest.token_secret": "x" * 32}, "token_secret"),
    "an address in the settings": ({"config.ingest.listen": ":1"}, "listen"),
    "a file from no Secret": ({"secretFiles.ingest.token_secret_file": {"key": "x"}}, "name"),
    "no key": ({"auth": {"create": False, "existingSecret": ""}}, "nothing would check who sends"),
    "an update that replaces nothing": (
        {"updateStrategy.maxSurge": 0, "updateStrategy.maxUnavailable": 0},
        "no pod could ever be replaced",
    ),
    "another job than that of the rules": (
        {"job": "calls", "prometheusRule.enabled": True, "assumeCRDs": True},
        "job is not rtc-exporter",
    ),
    "a label that selects": (
        {"podLabels": {"app.kubernetes.io/name": "x"}},
        "podLabels has app.kubernetes.io/name",
    ),
    "a label of all that selects": (
        {"commonLabels": {"app.kubernetes.io/instance": "x"}},
        "commonLabels has app.kubernetes.io/instance",
    ),
    "a key twice": (
        {"auth.existingSecret": "a", "secretFiles.ingest.token_secret_file": {"name": "b", "key": "c"}},
        "auth.existingSecret and secretFiles.ingest.token_secret_file are both set",
    ),
    "settings twice": (
        {"config.log.level": "info", "configFrom.secret": "x"},
        "config and configFrom are both set",
    ),
    "files of settings twice": (
        {"configFrom.configMap": "x", "configFrom.secret": "x"},
        "configFrom.configMap and configFrom.secret are both set",
    ),
    "an operator that is not there": (
        {"serviceMonitor.enabled": True},
        "serviceMonitor.enabled is set, and the cluster does not know monitoring.coreos.com/v1/ServiceMonitor",
    ),
    "a pod operator that is not there": (
        {"podMonitor.enabled": True},
        "podMonitor.enabled is set, and the cluster does not know",
    ),
    "a gateway that is not there": (
        {"httpRoute.enabled": True, "httpRoute.parentRefs": [{"name": "x"}]},
        "the cluster does not know gateway.networking.k8s.io/v1/HTTPRoute",
    ),
    "a route from nowhere": ({"httpRoute.enabled": True, "assumeCRDs": True}, "names no gateway"),
    "a route to somewhere else": ({"httpRoute.rules": [{"backendRefs": [{"name": "x"}]}]}, "backendRefs"),
    "an ingress for no host": ({"ingress.enabled": True}, "ingress.hosts is empty"),
    "two monitors": (
        {"serviceMonitor.enabled": True, "podMonitor.enabled": True, "assumeCRDs": True},
        "everything would be scraped twice",
    ),
    "a share of nothing": ({"autoscaling.enabled": True}, "resources.requests.cpu is not set"),
    "nothing to scale by": (
        {"autoscaling.enabled": True, "autoscaling.targetCPUUtilizationPercentage": 0},
        "there is no metric to scale by",
    ),
    "more at least than at most": (
        {"autoscaling.enabled": True, "autoscaling.minReplicas": 9, "autoscaling.maxReplicas": 3},
        "autoscaling.minReplicas is more than autoscaling.maxReplicas",
    ),
    "an end that comes too soon": ({"shutdown.terminationGracePeriodSeconds": 30}, "the end of a pod may take 45"),
    "headers for nobody": ({"otlp.headers.existingSecret": "x"}, "otlp.endpoint is empty"),
    "an endpoint without a port": ({"otlp.endpoint": "collector"}, "otlp.endpoint"),
    "an alert that does not exist": (
        {"assumeCRDs": True, "prometheusRule.enabled": True, "prometheusRule.disabledAlerts": ["RTCNo"]},
        "prometheusRule names the alert RTCNo, wanted one of",
    ),
    "a severity of an alert that does not exist": (
        {"assumeCRDs": True, "prometheusRule.enabled": True, "prometheusRule.severityOverrides": {"RTCNo": "info"}},
        "prometheusRule names the alert RTCNo",
    ),
    "a group that does not exist": (
        {"assumeCRDs": True, "prometheusRule.enabled": True, "prometheusRule.disabledGroups": ["rtc"]},
        "prometheusRule.disabledGroups names rtc, wanted one of",
    ),
    "a threshold that does not exist": ({"prometheusRule.thresholds": {"refusals": 7}}, "refusals"),
    "a threshold of nothing": ({"prometheusRule.thresholds": {"refused": 0}}, "refused"),
    "an objective that allows nothing": ({"prometheusRule.objectives": {"setup-success": 1}}, "setup-success"),
    "an objective that allows too much": ({"prometheusRule.objectives": {"setup-success": 0.9}}, "setup-success"),
    "a dashboard that does not exist": (
        {"dashboards.enabled": True, "dashboards.exclude": ["x"]},
        "dashboards.exclude",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_values_are_refused(name: str) -> None:
    """Before anything is installed, with the name of what is wrong."""
    values, said = REFUSED[name]
    # A path of a value is written with slashes by Helm 4.
    wanted = re.escape(said) if " " in said else said.replace(".", "[./]")
    for program in (oldest(), peer("helm")):
        with pytest.raises(RenderError, match=wanted):
            template(BASE, values, program=program)


def test_notes_say_what_is_missing() -> None:
    """To whom installs it."""
    args = ["install", "rtc", str(CHART), "--namespace", "calls", "--dry-run=client", "--values"]
    bare = helm(*args, str(CASES["default"]), program=peer("helm")).partition("NOTES:")[2]
    full = helm(*args, str(CASES["full"]), program=peer("helm")).partition("NOTES:")[2]

    assert "get secret rtc-rtc-exporter-token" in bare
    assert "Nothing leads to them from outside yet" in bare
    assert "Nothing scrapes it yet" in bare
    assert "wss://rtc.example/" in full
    assert "Nothing scrapes it yet" not in full
    assert "There are several pods" in full


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ingress.enabled": True, "ingress.hosts": [{"host": "rtc.example"}]}, "  ws://rtc.example/"),
        (
            {"ingress.enabled": True, "ingress.hosts": [{"host": "rtc.example"}],
             "ingress.tls": [{"hosts": ["rtc.example"], "secretName": "x"}]},
            "  wss://rtc.example/",
        ),
        ({"service.type": "LoadBalancer"}, "get svc rtc-rtc-exporter"),
        (
            {"httpRoute.enabled": True, "httpRoute.parentRefs": [{"name": "x"}], "assumeCRDs": True},
            "by every host name of the Gateway",
        ),
    ],
)  # fmt: skip
def test_notes_say_where_clients_come_in(values: dict[str, Any], said: str) -> None:
    """With TLS where there is TLS, and not that nothing leads there where something does."""
    args = ["install", "rtc", str(CHART), "--namespace", "calls", "--dry-run=client"]
    args += [
        word for name, value in {**BASE, **values}.items() for word in ("--set-json", f"{name}={json.dumps(value)}")
    ]
    notes = helm(*args, program=peer("helm")).partition("NOTES:")[2]

    assert said in notes
    assert "Nothing leads to them" not in notes


BEHIND: dict[str, Any] = {"ingress.enabled": True, "ingress.hosts": [{"host": "rtc.example"}]}
ROUTED: dict[str, Any] = {"httpRoute.enabled": True, "httpRoute.parentRefs": [{"name": "x"}], "assumeCRDs": True}


@pytest.mark.parametrize(
    ("values", "hops"),
    [
        ({}, 0),
        (BEHIND, 1),
        (ROUTED, 1),
        ({**BEHIND, "config.ingest.trusted_hops": 2}, 2),
        ({**ROUTED, "config.ingest.trusted_hops": 0}, 0),
    ],
)
def test_a_proxy_in_front_is_believed(values: dict[str, Any], hops: int, tmp_path: Path) -> None:
    """Else all clients would have its address, and share the 200 places of one."""
    assert program_of(render(BASE, values), tmp_path).ingest.trusted_hops == hops


def test_extra_manifests_are_rendered() -> None:
    """Maps and texts."""
    names = {told["metadata"]["name"] for told in of(render(CASES["full"]), "ConfigMap")}

    assert {"rtc-more", "rtc-text"} <= names


def test_values_of_the_chart_are_yaml_that_helm_can_read() -> None:
    """The defaults alone are refused for want of an image, and for nothing else."""
    assert yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["image"]["repository"] == ""


# ── the program, started as a pod starts it


def test_what_is_rendered_runs_and_its_test_passes(tmp_path: Path) -> None:
    """The command, variables, file and Secret of a pod, on ports of our own; then the command of `helm test`."""
    objects = render(CASES["default"], {"config.participants": {"limit": 100}})
    (deployment,), (pod,) = of(objects, "Deployment"), of(objects, "Pod")
    container, doctor = deployment["spec"]["template"]["spec"]["containers"][0], pod["spec"]["containers"][0]
    ingest, admin = free(), free()
    (tmp_path / "secret").write_text("0123456789abcdef0123456789abcdef")
    (tmp_path / "toml").write_text(of(objects, "ConfigMap")[0]["data"]["rtc-exporter.toml"])
    mounted = {
        "/etc/rtc-exporter/token/token-secret": str(tmp_path / "secret"),
        "/etc/rtc-exporter/config/rtc-exporter.toml": str(tmp_path / "toml"),
        ":8080": f"127.0.0.1:{ingest}",
        ":9464": f"127.0.0.1:{admin}",
        "http://rtc-rtc-exporter:80": f"http://127.0.0.1:{ingest}",
        "http://rtc-rtc-exporter-metrics:9464": f"http://127.0.0.1:{admin}",
    }
    env = {told["name"]: mounted[told["value"]] for told in container["env"]}
    program = [sys.executable, "-m", "rtc_exporter"]
    with subprocess.Popen([*program, *container["args"]], env=env, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        try:
            assert "clients at ws://" in running.stderr.readline()
            args = [mounted.get(word, word) for word in doctor["args"]]
            done = subprocess.run([*program, *args], env={}, capture_output=True, text=True, timeout=60, check=False)
        finally:
            running.terminate()
            running.wait(60)

    assert (done.returncode, done.stderr) == (0, "")
    assert "ok       ingest-token          the token is taken" in done.stdout
    assert running.returncode == 0


def free() -> int:
    """A port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
