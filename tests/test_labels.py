"""Which label values come of what clients say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc_exporter import catalog
from rtc_exporter.labels import IDLE, LENGTH, RULES, Capped, Closed, Labels, clean
from rtc_exporter.limits import ID_LENGTH
from rtc_exporter.metric import Metric, Tier

ADMITTED = [
    # attribute, what the client says, the label value
    ("rtc.codec", "opus", "opus"),
    ("rtc.codec", "audio/opus", "opus"),
    ("rtc.codec", "video/vp8", "VP8"),
    ("rtc.codec", "video/VP9", "VP9"),
    ("rtc.codec", "video/H264", "H264"),
    ("rtc.codec", "h265", "H265"),
    ("rtc.codec", "video/AV1X", "AV1"),
    ("rtc.codec", "audio/PCMU", "PCMU"),
    ("rtc.codec", "audio/red", "red"),
    ("rtc.codec", "video/flexfec-03", "flexfec-03"),
    ("rtc.codec", "audio/telephone-event", "telephone-event"),
    ("rtc.codec", "audio/CN", "CN"),
    ("rtc.codec", "video/made-up", "other"),
    ("rtc.codec", "audio/", "other"),
    ("rtc.media.kind", "audio", "audio"),
    ("rtc.media.kind", "smell", "other"),
    ("tls.protocol.version", "FEFD", "1.2"),
    ("tls.protocol.version", "fefc", "1.3"),
    ("tls.protocol.version", "FEFF", "1.0"),
    ("tls.protocol.version", "0304", "1.3"),
    ("tls.protocol.version", "DTLS 1.2", "1.2"),
    ("tls.protocol.version", "DTLSv1.3", "1.3"),
    ("tls.protocol.version", "FFFF", "other"),
    ("rtc.dtls.cipher", "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    ("rtc.dtls.cipher", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("rtc.dtls.cipher", "TLS_NULL_WITH_NULL_NULL", "other"),
    ("rtc.srtp.cipher", "SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM"),
    ("rtc.srtp.cipher", "AEAD_AES_128_GCM", "SRTP_AEAD_AES_128_GCM"),
    ("rtc.srtp.cipher", "SRTP_AES128_CM_HMAC_SHA1_80", "SRTP_AES128_CM_HMAC_SHA1_80"),
    ("rtc.srtp.cipher", "AES_CM_128_HMAC_SHA1_80", "SRTP_AES128_CM_HMAC_SHA1_80"),
    ("rtc.srtp.cipher", "ROT13", "other"),
    ("rtc.certificate.algorithm", "sha-256", "sha-256"),
    ("rtc.ice.candidate.type", "srflx", "srflx"),
    ("rtc.ice.candidate.type", "teleport", "other"),
    ("rtc.ice.transport", "UDP", "udp"),
    ("rtc.ice.transport", "tls", "tls"),
    ("rtc.ice.server.scheme", "turns", "turns"),
    ("network.connection.type", "wifi", "wifi"),
    ("network.connection.type", "cellular", "cell"),
    ("network.connection.type", "ethernet", "wired"),
    ("network.connection.type", "wimax", "cell"),
    ("network.connection.type", "none", "unavailable"),
    ("network.connection.type", "vpn", "unknown"),
    ("network.connection.type", "bluetooth", "unknown"),
    ("network.connection.type", "unknown", "unknown"),
    ("error.type", "NotAllowedError", "NotAllowedError"),
    ("error.type", "PermissionDeniedError", "NotAllowedError"),
    ("error.type", "701", "701"),
    ("error.type", "MadeUpError", "_OTHER"),
    ("error.type", "_OTHER", "_OTHER"),
    ("rtc.feedback.issue", "echo", "echo"),
    ("rtc.feedback.issue", "other", "other"),
    ("rtc.feedback.issue", "the cat", "other"),
    ("rtc.api.method", "setLocalDescription", "setLocalDescription"),
    ("rtc.rtcp.type", "nack", "nack"),
    ("rtc.quality_limitation.reason", "cpu", "cpu"),
    ("rtc.hardware_accelerated", "true", "true"),
    ("user_agent.name", "Chrome", "Chrome"),
    ("user_agent.name", "Mobile Safari", "Safari"),
    ("user_agent.name", "samsung internet", "Samsung Internet"),
    ("user_agent.name", "Mozilla/5.0 (<script>)", "other"),
    ("user_agent.os.name", "Mac OS X", "macOS"),
    ("user_agent.os.name", "Ubuntu", "Linux"),
    ("user_agent.os.name", "Plan 9", "other"),
    ("user_agent.version", "141", "141"),
    ("user_agent.version", "18.3.1", "18.3.1"),
    ("user_agent.version", "latest", "other"),
    ("geo.country.iso_code", "NZ", "NZ"),
    ("geo.country.iso_code", "New Zealand", "other"),
    ("rtc.app.name", "My App ü 2", "My App ü 2"),
    ("rtc.app.name", "  padded ", "padded"),
    ("rtc.app.name", "other", "other"),
    ("rtc.app.version", "2.3.1-beta+5", "2.3.1-beta+5"),
    ("session.id", "room/1", "room/1"),
    ("no.such.attribute", "anything", "other"),
]

HOSTILE = [
    ('a"b', "ab"),
    ("a\\b", "ab"),
    ("a\nb", "ab"),
    ("a\x00b", "ab"),
    ("a\ud800b", "ab"),
    ("a\u202eb\u200b", "ab"),
    ("<script>alert('x')</script>", "scriptalert(x)/script"),
    ('app{le="1"} 5 & more', "apple=1 5  more"),
    ("x" * 10_000, "x" * LENGTH),
    ("é" * 10_000, "é" * LENGTH),
    ("\x07" * 10_000, "other"),
    ("   ", "other"),
]


@pytest.mark.parametrize(("attribute", "value", "label"), ADMITTED)
def test_a_value_becomes_a_label(attribute: str, value: str, label: str) -> None:
    """Known values in their one spelling, the rest as other."""
    assert Labels().admit(attribute, value, 0.0) == label


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("attribute", ["rtc.codec", "rtc.app.name", "session.id", "no.such.attribute"])
def test_nothing_is_no_value(attribute: str, value: str | None) -> None:
    """What is absent is absent, and not other."""
    assert Labels().admit(attribute, value, 0.0) == ""


@pytest.mark.parametrize(("value", "label"), HOSTILE)
def test_hostile_text_is_cleaned_and_cut(value: str, label: str) -> None:
    """No controls, no markup, no writing directions, no halves of characters, and no novels."""
    assert Labels().admit("rtc.app.name", value, 0.0) == label


@given(st.text(st.characters(), max_size=700))
def test_clean_text_is_printable_and_stays_as_it_is(value: str) -> None:
    """Cleaning twice is cleaning once, and what is left can be written in UTF-8."""
    text = clean(value)

    assert len(text) <= LENGTH
    assert not set(text) & set("<>\"'&`\\{}")
    assert text.isprintable()
    assert clean(text) == text
    text.encode("utf-8")


def test_ids_may_be_longer_than_other_labels() -> None:
    """An id that is cut would be another participant's."""
    assert Labels().admit("session.id", "s" * ID_LENGTH, 0.0) == "s" * ID_LENGTH


@pytest.mark.parametrize(
    "metric", [row for row in catalog.METRICS if row.tier is not Tier.SELF], ids=lambda row: row.name
)
def test_every_attribute_of_the_catalogue_has_a_rule(metric: Metric) -> None:
    """What nobody thought about would be other for ever."""
    assert [name for name in metric.attributes if name not in RULES] == []


@pytest.mark.parametrize(
    "metric", [row for row in catalog.METRICS if row.tier is not Tier.SELF], ids=lambda row: row.name
)
def test_what_the_catalogue_says_is_admitted(metric: Metric) -> None:
    """The fixed attributes of a source are in the closed set of their attribute."""
    labels = Labels()
    for source in metric.sources:
        for attribute, value in source.attributes:
            assert labels.admit(attribute, value, 0.0) == value


@pytest.mark.parametrize(
    ("attribute", "rule"), [(name, rule) for name, rule in RULES.items() if not isinstance(rule, Capped)]
)
def test_known_values_stay_as_they_are(attribute: str, rule: Closed) -> None:
    """The one spelling of a value is admitted as itself, so admitting twice is admitting once."""
    labels = Labels()
    for value in set(getattr(rule, "names", {"x": "x"}).values()):
        assert labels.admit(attribute, value, 0.0) == value


def test_the_first_values_keep_their_names() -> None:
    """What comes when there is no place is other, and counted."""
    labels = Labels()
    admitted = [labels.admit("rtc.app.version", f"v{number}", number) for number in range(10)]

    assert admitted == [f"v{number}" for number in range(8)] + ["other", "other"]
    assert labels.take_limited() == {"rtc.app.version": 2}
    assert labels.take_limited() == {}


def test_an_unknown_value_of_known_names_takes_no_place() -> None:
    """Only what could have had a place counts as limited."""
    labels = Labels()
    for number in range(100):
        labels.admit("user_agent.name", f"browser {number}", 0.0)

    assert labels.limited == {}
    assert labels.admit("user_agent.name", "Firefox", 0.0) == "Firefox"


def test_a_client_with_ever_new_values_pushes_nobody_out() -> None:
    """A value that is used within the hour keeps its place, whatever else comes."""
    labels = Labels()
    used = [f"app {number}" for number in range(20)]
    for minute in range(0, 600, 30):
        assert [labels.admit("rtc.app.name", name, minute * 60.0) for name in used] == used
        for number in range(200):
            assert labels.admit("rtc.app.name", f"junk {minute} {number}", minute * 60.0) == "other"


def test_a_value_unused_for_an_hour_makes_room() -> None:
    """The one that was not used longest goes first, and only as many as are needed."""
    labels = Labels()
    for number in range(8):
        labels.admit("rtc.app.version", f"v{number}", number)
    labels.admit("rtc.app.version", "v0", 100.0)

    assert labels.admit("rtc.app.version", "new", IDLE) == "other"
    assert labels.admit("rtc.app.version", "new", IDLE + 1.0) == "new"
    assert labels.admit("rtc.app.version", "v2", IDLE + 1.0) == "v2"
    assert labels.admit("rtc.app.version", "v1", IDLE + 1.0) == "other"
    assert labels.admit("rtc.app.version", "v0", IDLE + 1.0) == "v0"


def test_several_values_are_admitted_at_once() -> None:
    """Each by its own rule."""
    values = {"rtc.codec": "audio/opus", "rtc.media.kind": "", "rtc.ice.transport": "pigeon"}

    assert Labels().admit_all(values, 0.0) == {"rtc.codec": "opus", "rtc.media.kind": "", "rtc.ice.transport": "other"}
