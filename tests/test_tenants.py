"""T10: tenants share nothing but bounds, however much their clients have in common."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from rtc_exporter.app.parts import pipeline_settings
from rtc_exporter.catalog import BY_NAME, METRICS
from rtc_exporter.choices import OF_TENANTS, PipelineSettings
from rtc_exporter.config import Config
from rtc_exporter.errors import BusyError, ConfigError
from rtc_exporter.export import prometheus, protobuf
from rtc_exporter.export.otlp import MetricsEncoder
from rtc_exporter.limits import Limits, Room
from rtc_exporter.metric import Tier
from rtc_exporter.model import Event, Joined, ParticipantKey, PeerConnectionKey, Record, Report
from rtc_exporter.series import Counter, SeriesStore
from rtc_exporter.tenants import Tenants
from rtc_exporter.tracing import TraceSettings
from tests.running import Running, closed, with_exporter

NOW = 1_795_171_686.0
ANN = ParticipantKey("room", "ann")
PC = PeerConnectionKey(*ANN, "PC_0")
SECRET, ACME, UMBRELLA = ("0123456789abcdef0123456789abcdef"[n:] + "x" * n for n in range(3))


def audio(packets: int) -> dict[str, dict[str, Any]]:
    """A report of one audio stream."""
    return {"a": {"type": "inbound-rtp", "kind": "audio", "ssrc": 1, "packetsReceived": packets}}


def call(packets: int, app: str = "meet") -> list[Record]:
    """A short call, the same in every name."""
    return [
        Joined(ANN, NOW, {"rtc.app.name": app}),
        Event(PC, NOW, "create", {}),
        Report(PC, NOW + 1, NOW + 1, audio(packets), {}),
        Event(PC, NOW + 2, "close", {}),
    ]


def series(tenants: Tenants) -> dict[str, float]:
    """Everything that a scrape shows of calls: name with labels -> value."""
    text = b"".join(prometheus.render(tenants.families(Tier.COHORT), prometheus.TEXT)).decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_t10_equal_sessions_of_two_tenants_share_no_series() -> None:
    """Each series has the label of one tenant, and its value is that of a tenant who is alone."""
    together = Tenants(PipelineSettings(fold_interval=0.0), ("acme", "umbrella"), NOW)
    for tenant, packets in (("acme", 100), ("umbrella", 7)):
        for record in call(packets):
            together[tenant].feed(record, NOW)

    found = series(together)

    assert found
    for tenant, packets in (("acme", 100), ("umbrella", 7)):
        alone = Tenants(PipelineSettings(fold_interval=0.0), (tenant,), NOW)
        for record in call(packets):
            alone[tenant].feed(record, NOW)
        assert {name: value for name, value in found.items() if f'rtc_tenant="{tenant}"' in name} == series(alone)
    assert all('rtc_tenant="' in name for name in found)


def test_t10_equal_sessions_of_two_tenants_share_no_span() -> None:
    """No trace id, no span id, and every span says whose it is."""
    tenants = Tenants(PipelineSettings(fold_interval=0.0, traces=TraceSettings()), ("acme", "umbrella"), NOW)
    spans = {}
    for tenant in ("acme", "umbrella"):
        for record in call(100):
            tenants[tenant].feed(record, NOW)
        tenants[tenant].shutdown(NOW + 60)
        spans[tenant] = tenants[tenant].take_spans()

    assert len(spans["acme"]) == len(spans["umbrella"]) > 2
    for part in ("trace_id", "span_id"):
        assert not {getattr(span, part) for span in spans["acme"]} & {getattr(span, part) for span in spans["umbrella"]}
    for tenant, made in spans.items():
        assert {span.attributes["rtc.tenant"] for span in made} == {tenant}


def test_t10_equal_sessions_of_two_tenants_share_no_state() -> None:
    """One leaves, and the other is still here; the label values of one take no place of the other's."""
    tenants = Tenants(PipelineSettings(), ("acme", "umbrella"), NOW)
    for n in range(100):
        tenants["acme"].feed(Joined(ParticipantKey("room", str(n)), NOW, {"rtc.app.name": f"app-{n}"}), NOW)
    tenants["umbrella"].feed(Joined(ANN, NOW, {"rtc.app.name": "meet"}), NOW)
    tenants["acme"].shutdown(NOW)

    participant = tenants["umbrella"].sessions.get(ANN)
    assert participant is not None
    assert participant.cohort["rtc.app.name"] == "meet"
    assert tenants.status().participants == 1


def test_what_is_about_the_process_is_shown_once() -> None:
    """No tenant is ready, has memory or scrapes of its own; what a tenant's clients cause is counted from 0."""
    tenants = Tenants(PipelineSettings(), ("acme",), NOW)
    text = b"".join(prometheus.render(tenants.families(Tier.SELF), prometheus.TEXT)).decode()
    shown = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if 'rtc_tenant="acme"' in line}
    whole = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#")}

    assert {"rtc_exporter_ready", "rtc_exporter_memory_usage_bytes", "rtc_exporter_scrapes_total"} <= whole - shown
    assert {"rtc_exporter_reports_total", "rtc_exporter_reports_dropped_total", "rtc_exporter_spans_total"} <= shown
    assert {name for name in shown if not name.startswith("rtc_participants_exported")} <= {
        BY_NAME[name].prometheus + suffix for name in OF_TENANTS for suffix in ("", "_bucket", "_count", "_sum")
    }


def test_without_tenants_there_is_no_label() -> None:
    """Nothing changes for whoever has none."""
    tenants = Tenants(PipelineSettings(fold_interval=0.0), (), NOW)
    for record in call(100):
        tenants.own.feed(record, NOW)

    found = series(tenants)
    assert found
    assert not any("rtc_tenant" in name for name in found)


def test_all_formats_tell_tenants_apart() -> None:
    """One family each, with the series of both, in text, in protobuf and in OTLP."""
    tenants = Tenants(PipelineSettings(fold_interval=0.0), ("acme", "umbrella"), NOW)
    for tenant in ("acme", "umbrella"):
        for record in call(100):
            tenants[tenant].feed(record, NOW)
    families = tenants.families(Tier.COHORT)

    for exposition in (prometheus.TEXT, prometheus.OPENMETRICS):
        text = b"".join(prometheus.render(families, exposition)).decode()
        assert text.count("# TYPE rtc_inbound_packets") == 1
        assert text.count('rtc_inbound_packets_total{rtc_app_name="meet"') == 2
    packed = b"".join(protobuf.render(families))
    assert packed.count(b"rtc_inbound_packets_total") == 1
    encoder = MetricsEncoder({})
    for _ in range(2):  # the second time from memory
        ((message, _),) = encoder.encode(families, NOW)
        scope = message.resource_metrics[0].scope_metrics[0]
        (metric,) = [metric for metric in scope.metrics if metric.name == "rtc.inbound.packets"]
        owners = [
            pair.value.string_value for point in metric.sum.data_points for pair in point.attributes
            if pair.key == "rtc.tenant"
        ]  # fmt: skip
        assert owners == ["acme", "umbrella"]


def test_t1_a_tenant_that_makes_up_series_takes_none_of_others() -> None:
    """Its own bound comes first; the process has one for all, and totals stay right."""
    room = Room(100)
    stores = {
        name: SeriesStore(METRICS, total=30, room=room, constants=(("rtc.tenant", name),), now=NOW)
        for name in ("mallory", "acme", "late")
    }
    values = [("meet", "audio", str(n), "Chrome", "Linux") for n in range(1000)]
    for one in values:
        stores["mallory"].add("rtc.inbound.packets", one, 1, NOW)
    for one in values[:29]:
        stores["acme"].add("rtc.inbound.packets", one, 1, NOW)

    def held(name: str) -> tuple[int, float, int]:
        family = stores[name].family("rtc.inbound.packets")
        assert family is not None
        values = [slot.value for slot in family.slots() if isinstance(slot, Counter)]
        return len(family.series), sum(values), family.limited

    assert held("mallory") == (30, 1000, 970)
    assert held("acme") == (29, 29, 0)
    room.limit = room.taken + 1
    for one in values[:10]:
        stores["late"].add("rtc.inbound.packets", one, 1, NOW)
    assert held("late") == (1, 10, 9)


@pytest.mark.parametrize(("tenant", "before", "after"), [("acme", 20, 30), ("", 50, 60)])
def test_t1_other_limits_of_series_count_from_when_they_are_taken_over(tenant: str, before: int, after: int) -> None:
    """A reload that says it was applied was: of a tenant, and of those who have none."""
    tenants = Tenants(PipelineSettings(limits=Limits(series=50, tenant_series=20)), ("acme",), NOW)

    def cohorts() -> int:
        for number in range(100):
            values = ("meet", "audio", str(number), "Chrome", "Linux")
            tenants[tenant].store.add("rtc.inbound.packets", values, 1, NOW)
        return sum(len(family.series) for family in tenants[tenant].store.families(Tier.COHORT))

    assert cohorts() == before
    tenants.configure(Limits(series=60, tenant_series=30))
    assert cohorts() == after


def test_t8_participants_are_counted_over_all_tenants() -> None:
    """The bound of the process is one, and a place that becomes free can be had by anybody."""
    tenants = Tenants(PipelineSettings(limits=Limits(participants=2)), ("acme", "umbrella"), NOW)
    tenants["acme"].feed(Joined(ANN, NOW, {}), NOW)
    tenants["acme"].feed(Joined(ParticipantKey("room", "bob"), NOW, {}), NOW)
    with pytest.raises(BusyError):
        tenants["umbrella"].feed(Joined(ANN, NOW, {}), NOW)
    tenants["acme"].shutdown(NOW)
    tenants["umbrella"].feed(Joined(ANN, NOW, {}), NOW)

    assert tenants.status().participants == 1


def token(config: Config, tenant: str | None, key: str, now: float, **headers: str) -> str:
    """A token for ann in room."""
    named = {} if tenant is None else {"tenant": tenant}
    claims = {"rtcStats": {"user": "ann", "conference": "room", **named}, "iat": now, "exp": now + 60}
    return jwt.encode(claims, key, headers=headers)


def test_t10_claims_and_keys_say_whose_a_client_is(tmp_path: Path) -> None:
    """A key in a tenant's folder speaks for it alone; a key for all needs the claim; an ingest key names its tenant."""
    (tmp_path / "keys" / "acme").mkdir(parents=True)
    (tmp_path / "keys" / "common").write_text(SECRET)
    (tmp_path / "keys" / "acme" / "own").write_text(ACME)
    (tmp_path / "ingest").write_text(f"umbrella {UMBRELLA}\n")
    settings = {
        "ingest__tenants": "acme,umbrella", "ingest__token_keys": str(tmp_path / "keys"),
        "ingest__keys_file": str(tmp_path / "ingest"),
    }  # fmt: skip

    @with_exporter(**settings)
    async def scenario(exporter: Running) -> None:
        config, now = exporter.server.intake.config, exporter.server.intake.wall()
        taken = {
            token(config, "acme", SECRET, now, kid="common"): "acme",
            token(config, "umbrella", SECRET, now): "umbrella",
            token(config, None, ACME, now, kid="own"): "acme",
            token(config, "acme", ACME, now): "acme",
            UMBRELLA: "umbrella",
        }
        refused = [
            token(config, "umbrella", ACME, now, kid="own"), token(config, None, SECRET, now),
            token(config, "nobody", SECRET, now), token(config, "", SECRET, now),
            token(config, "anonymous", SECRET, now), ACME, UMBRELLA[:-1], "",
        ]  # fmt: skip
        for credential, tenant in taken.items():
            async with exporter.client(f"/v1/json/room/ann?token={credential}", ()) as client:
                await client.send('{"events":[{"name":"mute"}]}')
                pipeline = exporter.server.tenants[tenant]
                await exporter.until(lambda pipeline=pipeline: pipeline.sessions.participants)  # type: ignore[misc]
                others = [name for name in exporter.server.tenants if name != tenant]
                assert not any(exporter.server.tenants[name].sessions.participants for name in others)
                await client.send('{"left":true}')
                await exporter.until(lambda pipeline=pipeline: not pipeline.sessions.participants)  # type: ignore[misc]
        for credential in refused:
            async with exporter.client(f"/v1/json/room/ann?token={credential}", ()) as client:
                assert (await closed(client))[0] == 1008
        assert exporter.dropped("bad_token") == len(refused)

    scenario()


@with_exporter(ingest__token_secret=SECRET, ingest__allow_anonymous="true")
async def test_t10_anonymous_clients_are_a_tenant_of_their_own(exporter: Running) -> None:
    """They cannot join a signed session, and a bad token makes nobody anonymous."""
    now = exporter.server.intake.wall()
    signed = token(exporter.server.intake.config, None, SECRET, now)
    for query in (f"?token={signed}", ""):
        async with exporter.client(f"/v1/json/room/ann{query}", ()) as client:
            await client.send(json.dumps({"events": [{"name": "mute"}]}))
            await exporter.until(lambda: exporter.server.tenants.status().participants)
    async with exporter.client("/v1/json/room/ann?token=x.y.z", ()) as client:
        assert (await closed(client))[0] == 1008
    samples = await exporter.samples()

    assert list(exporter.server.tenants) == ["", "anonymous"]
    joins = [(name, value) for name, value in samples.items() if name.startswith("rtc_participant_joins_total")]
    assert sorted("rtc_tenant=anonymous" in name for name, _ in joins) == [False, True]
    assert [value for _, value in joins] == [1, 1]


def test_t8_a_tenant_has_a_number_of_connections(tmp_path: Path) -> None:
    """Who is over it is told to come back, and others come in."""
    (tmp_path / "ingest").write_text(f"acme {ACME}\numbrella {UMBRELLA}\n")

    @with_exporter(
        ingest__tenants="acme,umbrella", ingest__keys_file=str(tmp_path / "ingest"), limits__tenant_connections="1"
    )
    async def scenario(exporter: Running) -> None:
        async with exporter.client(f"/?token={ACME}"), exporter.client(f"/?token={UMBRELLA}"):
            with pytest.raises(InvalidStatus) as refused:
                async with exporter.client(f"/?token={ACME}"):
                    pass
        assert refused.value.response.status_code == 503
        assert exporter.value("rtc.exporter.connections.refused", "tenant") == 1

    scenario()


def test_tenants_are_taken_over_from_the_settings() -> None:
    """The bounds of each, and of all."""
    config = Config.load({"limits.tenant_series": "7", "limits.series": "9"}, {})
    tenants = Tenants(pipeline_settings(config), ("acme",), NOW)

    assert (tenants["acme"].store._budget.total, tenants.own.store._budget.total) == (7, 9)
    assert tenants["acme"].store._budget.room is tenants.own.store._budget.room


@pytest.mark.parametrize("names", ["a b", "../x", "anonymous", "é", ".x", "x" * 65])
def test_names_of_tenants_are_plain(names: str) -> None:
    """They are labels and names of folders."""
    with pytest.raises(ConfigError, match=r"--ingest\.tenants has"):
        Config.load({"ingest.tenants": names, "ingest.token_secret": SECRET}, {})
