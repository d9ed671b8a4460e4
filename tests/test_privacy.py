"""What becomes of names and addresses; see also ``tests/hostile/canary.py``, which looks everywhere."""

import asyncio
import json
from pathlib import Path

import pytest

from rtc_exporter import geo
from rtc_exporter.config import Config
from rtc_exporter.errors import ConfigError
from rtc_exporter.model import ParticipantKey
from rtc_exporter.privacy import Privacy, pseudonym, truncate
from tests import databases
from tests.running import START, Running, running

KEY = "0123456789abcdef0123456789abcdef"
T0 = 1_795_171_685_556
CREATE = json.dumps([39, "PC_0", None, T0])


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("testclient", ""),
        ("203.0.113.77, 10.0.0.1", ""),
        ("203.0.113.777", ""),
    ],
)
def test_an_address_is_cut_to_what_many_share(address: str, left: str) -> None:
    """And what is none is nothing."""
    assert truncate(address) == left


def test_a_hash_needs_its_key() -> None:
    """The same for the same person, another with another key, and nothing of the name in it."""
    # printf alice | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
    assert pseudonym(KEY.encode(), "alice") == "p-433deb45467e4e53"
    assert pseudonym(b"another key, as long as the other", "alice") != "p-433deb45467e4e53"
    assert pseudonym(KEY.encode(), "\ud800").startswith("p-")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"privacy.participant_id": "hash"}, "is hash, and there is no key: set privacy.hash_key"),
        ({"privacy.participant_id": "hash", "privacy.hash_key": "short"}, "is too short, wanted at least 32"),
        ({"privacy.participant_id": "md5"}, "wanted as_is or hash"),
        ({"privacy.addresses": "keep"}, "wanted drop or truncate"),
        ({"privacy.country_database": "/does/not/exist"}, "privacy.country_database is .* which is no database"),
        ({"privacy.network_database": __file__}, "privacy.network_database is .* which is no database"),
    ],
)
def test_bad_settings_refuse_the_start(settings: dict[str, str], message: str) -> None:
    """It fails closed: without a key there is no hash, and no name instead."""
    with pytest.raises(ConfigError, match=message):
        Config.load(settings, {})


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who is where."""
    return databases.write(
        tmp_path_factory.mktemp("geo") / "country.mmdb",
        {
            "127.0.0.0/8": {"country": {"iso_code": "AT"}},
            "203.0.113.0/24": {"registered_country": {"iso_code": "DE"}},
            "198.51.100.0/24": {"country": "fr"},
            "2001:db8::/32": {"country": {"iso_code": "CH"}},
            "192.0.2.0/24": {"country": {"iso_code": 17}},
        },
    )


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who is with whom."""
    return databases.write(
        tmp_path_factory.mktemp("as") / "as.mmdb",
        {"127.0.0.0/8": {"autonomous_system_number": 64496}, "203.0.113.0/24": {"asn": "AS64497"}},
    )


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("127.0.0.1", {"geo.country.iso_code": "AT", "rtc.client.as": "AS64496"}),
        ("203.0.113.9", {"geo.country.iso_code": "DE", "rtc.client.as": "AS64497"}),
        ("198.51.100.1", {"geo.country.iso_code": "FR"}),
        ("2001:db8::1", {"geo.country.iso_code": "CH"}),
        ("192.0.2.1", {}),
        ("8.8.8.8", {}),
        ("no address", {}),
        ("", {}),
    ],
)
def test_an_address_gives_its_country_and_its_network(
    country: Path, network: Path, address: str, found: dict[str, str]
) -> None:
    """As far as the databases know; what they write otherwise is nothing."""
    assert Privacy(places=geo.places(country, network)).attributes(address) == found


def info(exporter: Running) -> list[tuple[str, ...]]:
    """The info series that there are."""
    family = exporter.server.pipeline.store.family("rtc.participant.info")
    return list(family.series) if family else []


def test_clients_have_a_country_and_no_address(country: Path, network: Path) -> None:
    """Over the real socket, from 127.0.0.1; the address itself is nowhere in the metrics."""

    async def scenario() -> None:
        settings = {"privacy__country_database": str(country), "privacy__network_database": str(network)}
        async with (
            running(None, start=START, **settings) as exporter,
            exporter.client("/v1/rtcstats/room/ann") as client,
        ):
            await client.send(CREATE)
            await exporter.until(lambda: exporter.participants)
            (participant,) = exporter.server.pipeline.sessions.participants.values()
            assert participant.cohort["geo.country.iso_code"] == "AT"
            assert participant.cohort["rtc.client.as"] == "AS64496"
            assert "client.address" not in participant.attributes
            text = (await exporter.http.get(exporter.admin("/metrics?tier=participant"))).text
            assert "127.0.0.1" not in text

    asyncio.run(scenario())


def test_a_participant_is_known_by_its_hash_alone() -> None:
    """Whether it connects, posts, comes back or sends a file; whoever says it names the same one."""
    hashed = ParticipantKey("room", pseudonym(KEY.encode(), "ann"))
    other = ParticipantKey("room", pseudonym(KEY.encode(), "bob"))
    body = '{"session":"room","participant":"bob","time":1795171686000,"stats":[]}'

    async def scenario() -> None:
        settings = {"privacy__participant_id": "hash", "privacy__hash_key": KEY, "participants__pinned": "ann"}
        async with running(None, start=START, **settings) as exporter:
            async with exporter.client("/v1/rtcstats/room/ann") as client:
                await client.send(CREATE)
                await exporter.until(lambda: exporter.participants == {hashed})
                await exporter.http.post(exporter.ingest("/v1/reports"), content=body)
                assert exporter.participants == {hashed, other}
                await exporter.http.post(exporter.ingest("/v1/reports/room/ann"), content=body)
                assert exporter.participants == {hashed, other}
            await exporter.until(lambda: not exporter.server.sockets.open)
            async with exporter.client("/v1/rtcstats/room/ann") as client:
                await client.send(json.dumps([25, "PC_0", "connected", 5]))
                await exporter.until(lambda: exporter.participants == {hashed, other})
            text = (await exporter.http.get(exporter.admin())).text
            assert '"ann"' not in text
            assert '"bob"' not in text
            assert 'rtc_participants_exported{rtc_budget_reason="pinned"}' in text

    asyncio.run(scenario())


def test_who_has_left_is_forgotten_after_the_time_that_is_set() -> None:
    """Where nobody scrapes; a scrape forgets sooner."""

    async def scenario() -> None:
        async with running(privacy__retention="30", ingest__resume="0") as exporter:
            async with exporter.client("/v1/rtcstats/room/ann") as client:
                await client.send(CREATE)
                await exporter.until(lambda: exporter.participants)
            await exporter.until(lambda: not exporter.server.sockets.open)
            exporter.wait(1.0)
            assert info(exporter)
            exporter.wait(29.0)
            assert info(exporter)
            exporter.wait(2.0)
            assert not info(exporter)

    asyncio.run(scenario())


def test_changes_of_what_never_came_are_counted_and_nobody_is_sent_away() -> None:
    """A stock client goes on after our restart: its reports cannot be used, its events can."""

    async def scenario() -> None:
        async with running() as exporter, exporter.client("/v1/rtcstats/room/ann") as client:
            for number in range(150):
                await client.send(json.dumps(["g", "PC_0", {"0": {"14": number}, "t": T0 + 1000 * number}, 1000]))
            await client.send(json.dumps(["navigator.mediaDevices.ondevicechange", None, None, 1]))
            await exporter.until(lambda: exporter.dropped("no_base") == 150)
            assert exporter.accepted() == 0
            await (await client.ping())
            assert exporter.participants == {("room", "ann")}

    asyncio.run(scenario())
