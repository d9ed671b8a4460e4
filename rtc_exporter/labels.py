"""
What may become a label value: the border between what clients say and how many series there are.

Every attribute of a series that is not ours has a row in ``RULES``.  A *closed* attribute has a set of
values known beforehand, in one spelling; a *capped* one keeps the first values that come, up to a number,
and what was not used for an hour makes room; a *text* is only cleaned.  Everything else is ``other``.
An attribute without a row is ``other`` whatever its value: what nobody thought about stays out.

Sources of the sets: IANA (media types, TLS cipher suites, DTLS-SRTP protection profiles), W3C (webrtc,
webrtc-stats, compute-pressure), OpenTelemetry semantic conventions; browser names as ua-parser gives them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from rtc_exporter import catalog, dialogue, gaps, rules, spans, w3c
from rtc_exporter.clientissues import CLIENT_ISSUES
from rtc_exporter.limits import ID_LENGTH

#: A value that nobody used for this long makes room for another.
IDLE = 3600.0
#: Characters of a label value that is no id.
LENGTH = 64
#: Characters of a longer text that are looked at; the rest costs nothing.
LOOK = 512

#: Characters with a meaning in HTML, in a query or in the exposition; no known name has one.
_MARKUP = re.compile(r"""[<>"'&`\\{}]""")


def clean(value: str, length: int = LENGTH) -> str:
    """The printable part of a text, cut and without markup: no controls, no writing directions, no lone surrogates."""
    text = value[:LOOK]
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return _MARKUP.sub("", text).strip()[:length].rstrip()


@dataclass(frozen=True, slots=True)
class Closed:
    """Values known beforehand, by their spelling in lower case."""

    names: Mapping[str, str]
    other: str = "other"
    #: What to take off the front: the ``audio/`` of a media type.
    prefix: re.Pattern[str] | None = None

    def find(self, value: str) -> str:
        """The known value that is meant."""
        text = clean(value).lower()
        if self.prefix is not None:
            text = self.prefix.sub("", text)
        return self.names.get(text, self.other)


@dataclass(frozen=True, slots=True)
class Capped:
    """The first values that come; where names are known, only those, and where there is a shape, only of that shape."""

    limit: int
    names: Mapping[str, str] = field(default_factory=dict)
    shape: re.Pattern[str] = re.compile(r".+")

    def find(self, value: str) -> str:
        """The value in its one spelling, or ``other`` for what cannot be one."""
        text = clean(value)
        if self.names:
            return self.names.get(text.lower(), "other")
        return text if self.shape.fullmatch(text) else "other"


@dataclass(frozen=True, slots=True)
class Text:
    """Any text, cleaned; bounded elsewhere, by how many participants have series."""

    length: int

    def find(self, value: str) -> str:
        """The text without what no label should hold."""
        return clean(value, self.length)


Rule: TypeAlias = Closed | Capped | Text


def names(values: Iterable[str], **aliases: str) -> dict[str, str]:
    """Spellings in lower case -> the one spelling; aliases are written with ``_`` for what no keyword can hold."""
    return {value.lower(): value for value in values} | {alias.lower(): value for alias, value in aliases.items()}


CODECS = names(
    # IANA "Media Types" (audio, video), as far as WebRTC implementations know them
    (
        "opus", "PCMU", "PCMA", "G722", "G729", "L16", "iLBC", "ISAC", "AMR", "AMR-WB", "EVS", "multiopus", "lyra",
        "MP4A-LATM", "mpeg4-generic", "CN", "telephone-event", "red", "ulpfec", "flexfec", "flexfec-03", "rtx",
        "VP8", "VP9", "AV1", "H263", "H264", "H265", "H266", "JPEG2000", "SVT-AV1", "raw",
    ),
    AV1X="AV1", HEVC="H265", AVC="H264", VVC="H266", dtmf="telephone-event",
)  # fmt: skip

#: W3C RTCNetworkType and NetworkInformation.type -> OpenTelemetry ``network.connection.type``.
#: Bluetooth and a VPN say nothing about the network behind them.
NETWORKS = names(
    ("wifi", "wired", "cell", "unavailable", "unknown"),
    ethernet="wired", cellular="cell", wimax="cell", none="unavailable", offline="unavailable",
)  # fmt: skip

#: W3C ``tlsVersion``: four hexadecimal digits, the protocol version of RFC 6347 and RFC 9147 (DTLS) or RFC 8446 (TLS).
TLS_VERSIONS = names(
    ("1.0", "1.1", "1.2", "1.3"),
    feff="1.0", fefd="1.2", fefc="1.3",
) | {"0301": "1.0", "0302": "1.1", "0303": "1.2", "0304": "1.3"}  # fmt: skip

#: IANA "TLS Cipher Suites": what browsers offer for DTLS, and offered in the last ten years.
DTLS_CIPHERS = names(
    (
        *(f"TLS_{cipher}" for cipher in (
            "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256", "AES_128_CCM_SHA256",
            "AES_128_CCM_8_SHA256",
        )),
        *(f"TLS_{exchange}_WITH_{cipher}" for exchange in ("ECDHE_ECDSA", "ECDHE_RSA") for cipher in (
            "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256", "AES_128_CBC_SHA",
            "AES_256_CBC_SHA", "AES_128_CBC_SHA256", "AES_256_CBC_SHA384",
        )),
        *(f"TLS_{exchange}_WITH_{cipher}" for exchange in ("RSA", "DHE_RSA") for cipher in (
            "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "AES_128_CBC_SHA", "AES_256_CBC_SHA", "AES_128_CBC_SHA256",
            "AES_256_CBC_SHA256",
        )),
    )
)  # fmt: skip

#: IANA "DTLS-SRTP Protection Profiles" (RFC 5764, RFC 7714, RFC 8723), and the names that the same
#: algorithms have in SDP (RFC 4568, RFC 7714) and in OpenSSL.
SRTP_CIPHERS = names(
    (
        "SRTP_AES128_CM_HMAC_SHA1_80", "SRTP_AES128_CM_HMAC_SHA1_32", "SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_256_GCM",
        "SRTP_NULL_HMAC_SHA1_80", "SRTP_NULL_HMAC_SHA1_32",
        "DOUBLE_AEAD_AES_128_GCM_AEAD_AES_128_GCM", "DOUBLE_AEAD_AES_256_GCM_AEAD_AES_256_GCM",
    ),
    AES_CM_128_HMAC_SHA1_80="SRTP_AES128_CM_HMAC_SHA1_80", SRTP_AES128_CM_SHA1_80="SRTP_AES128_CM_HMAC_SHA1_80",
    AES_CM_128_HMAC_SHA1_32="SRTP_AES128_CM_HMAC_SHA1_32", SRTP_AES128_CM_SHA1_32="SRTP_AES128_CM_HMAC_SHA1_32",
    AEAD_AES_128_GCM="SRTP_AEAD_AES_128_GCM", AEAD_AES_256_GCM="SRTP_AEAD_AES_256_GCM",
)  # fmt: skip

#: Names of errors before the standard (Chrome to 64, Firefox to 54) -> the standard's.
ERRORS = names(
    (*w3c.ERROR_NAMES, *w3c.STUN_ERRORS),
    PermissionDeniedError="NotAllowedError", PermissionDismissedError="NotAllowedError",
    DevicesNotFoundError="NotFoundError", TrackStartError="NotReadableError", SourceUnavailableError="NotReadableError",
    ConstraintNotSatisfiedError="OverconstrainedError",
)  # fmt: skip

BROWSERS = names(
    (
        "Chrome", "Chrome iOS", "Chrome WebView", "Edge", "Safari", "WKWebView", "Firefox", "Firefox iOS", "Opera",
        "Samsung Internet", "Electron", "Brave", "Vivaldi", "Yandex Browser", "UC Browser", "QQ Browser",
        "MiuiBrowser", "Huawei Browser", "Whale", "DuckDuckGo", "Facebook", "Instagram", "WeChat", "Konqueror",
        "libwebrtc", "aiortc", "GStreamer", "Pion", "Flutter", "React Native", "Unity", "Node.js",
    ),
    Chromium="Chrome", HeadlessChrome="Chrome", Node="Node.js",
) | {"mobile safari": "Safari", "chrome mobile": "Chrome", "firefox mobile": "Firefox"}  # fmt: skip

SYSTEMS = names(
    (
        "Windows", "macOS", "Linux", "Android", "iOS", "iPadOS", "Chrome OS", "HarmonyOS", "Tizen", "webOS", "tvOS",
        "visionOS", "FreeBSD", "OpenBSD", "KaiOS", "Fuchsia",
    ),
    macintosh="macOS", ubuntu="Linux", debian="Linux", fedora="Linux", chromeos="Chrome OS", cros="Chrome OS",
) | {"mac os x": "macOS", "mac os": "macOS"}  # fmt: skip


def _of_sources() -> dict[str, Rule]:
    """Attributes whose values the catalogue itself gives to its sources."""
    values: dict[str, list[str]] = {}
    for metric in catalog.METRICS:
        for source in metric.sources:
            for attribute, value in source.attributes:
                values.setdefault(attribute, []).append(value)
    return {attribute: Closed(names(found)) for attribute, found in values.items()}


_MEDIA_TYPE = re.compile(r"^(audio|video)/")
_VERSION_PREFIX = re.compile(r"^d?tls *v?")
_BOOLEANS = Closed(names(("true", "false")))

RULES: dict[str, Rule] = {
    **_of_sources(),
    # ── what a client says about itself
    "session.id": Text(ID_LENGTH),
    "rtc.participant.id": Text(ID_LENGTH),
    "rtc.app.name": Capped(20),
    "rtc.app.version": Capped(8),
    "user_agent.name": Capped(10, BROWSERS),
    "user_agent.version": Capped(50, shape=re.compile(r"\d{1,5}(\.\d{1,5}){0,3}")),
    "user_agent.os.name": Capped(8, SYSTEMS),
    "geo.country.iso_code": Capped(20, shape=re.compile(r"[A-Z]{2}")),
    "rtc.client.as": Capped(200, shape=re.compile(r"AS\d{1,10}")),
    # ── media
    catalog.KIND: Closed(names(w3c.MEDIA_KINDS)),
    catalog.CODEC: Closed(CODECS, prefix=_MEDIA_TYPE),
    "rtc.media.direction": Closed(names(("inbound", "outbound"))),
    "rtc.hardware_accelerated": _BOOLEANS,
    # ── the path and its security
    "network.connection.type": Closed(NETWORKS, other="unknown"),
    "rtc.ice.candidate.type": Closed(names(w3c.CANDIDATE_TYPES)),
    "rtc.ice.transport": Closed(names(("udp", "tcp", "tls"), ssltcp="tls")),
    "rtc.ice.server.scheme": Closed(names(("stun", "stuns", "turn", "turns"))),
    "tls.protocol.version": Closed(TLS_VERSIONS, prefix=_VERSION_PREFIX),
    "rtc.dtls.cipher": Closed(DTLS_CIPHERS),
    "rtc.srtp.cipher": Closed(SRTP_CIPHERS),
    # RFC 8122 section 5
    "rtc.certificate.algorithm": Closed(names(("sha-1", "sha-224", "sha-256", "sha-384", "sha-512", "md5", "md2"))),
    # ── states
    "rtc.transport.layer": Closed(names(("ice", "dtls"))),
    "rtc.transport.state": Closed(names((*w3c.ICE_STATES, *w3c.DTLS_STATES))),
    "rtc.data_channel.state": Closed(names(w3c.DATA_CHANNEL_STATES)),
    "rtc.peer_connection.state": Closed(names(w3c.CONNECTION_STATES)),
    "rtc.ice.state": Closed(names(w3c.ICE_STATES)),
    # ── events
    "rtc.leave.reason": Closed(names(w3c.LEAVE_REASONS)),
    "rtc.setup.stage": Closed(names(catalog.STAGES)),
    "rtc.outcome": Closed(names((*catalog.OUTCOMES, *catalog.RESTART_OUTCOMES))),
    "rtc.api.method": Closed(names((*w3c.PROMISES, *w3c.CALLS))),
    "error.type": Closed(ERRORS, other="_OTHER"),
    "rtc.event.type": Closed(names(("mute", "unmute", "ended", "replaced", "opened", "closed"))),
    "rtc.pressure.source": Closed(names(("cpu", "thermals"))),
    "rtc.pressure.state": Closed(names(("nominal", "fair", "serious", "critical"))),
    "rtc.battery.low": _BOOLEANS,
    # ── the verdict
    "rtc.quality": Closed(names(spans.CLASSES)),
    "rtc.issue": Closed(names(rules.ISSUES)),
    "rtc.side": Closed(names(rules.SIDES)),
    "rtc.severity": Closed(names(rules.SEVERITIES)),
    "rtc.cause": Closed(names((*rules.CAUSES, rules.OUTAGE, *rules.ISSUES))),
    "rtc.judgement": Closed(names(("judged", "cannot_judge"))),
    # ── voice agents
    "gen_ai.agent.name": Capped(20),
    "rtc.voice.framework": Closed(names(w3c.FRAMEWORKS)),
    "rtc.voice.timing.source": Closed(names(w3c.TIMING_SOURCES)),
    "rtc.voice.outcome": Closed(names(dialogue.OUTCOMES)),
    "rtc.voice.stage": Closed(names(w3c.VOICE_STAGES)),
    "rtc.voice.interruption": Closed(names(dialogue.INTERRUPTIONS)),
    "rtc.voice.gap.cause": Closed(names(gaps.CAUSES)),
    "rtc.feedback.stars": Closed(names(("1", "2", "3", "4", "5"))),
    "rtc.client.issue": Closed(names(CLIENT_ISSUES)),
    "rtc.feedback.issue": Closed(names(("audio", "video", "echo", "delay", "disconnected"))),
}


class Labels:
    """Admits label values, and remembers which values of capped attributes have a place."""

    def __init__(self) -> None:
        #: How often a capped attribute had no place for a new value.
        self.limited: dict[str, int] = {}
        #: Attribute -> value -> when it was used last; the one that was not used longest comes first.
        self._used: dict[str, dict[str, float]] = {}

    def admit(self, attribute: str, value: str | None, now: float) -> str:
        """The label value for what a client says: "" for nothing, ``other`` for what is not known or has no place."""
        if not value:
            return ""
        match RULES.get(attribute):
            case Capped() as rule:
                return self._place(attribute, rule, rule.find(value), now)
            case Closed() | Text() as rule:
                return rule.find(value)
            case None:
                return "other"

    def admit_all(self, values: Mapping[str, str], now: float) -> dict[str, str]:
        """Label values for several attributes."""
        return {attribute: self.admit(attribute, value, now) for attribute, value in values.items()}

    def take_limited(self) -> dict[str, int]:
        """What ``limited`` holds, which then starts anew."""
        limited, self.limited = self.limited, {}
        return limited

    def _place(self, attribute: str, rule: Capped, value: str, now: float) -> str:
        """Give the value a place when there is one, or one that nobody used for an hour; else it is ``other``."""
        if value == "other":
            return value
        used = self._used.setdefault(attribute, {})
        if used.pop(value, None) is None and len(used) >= rule.limit:
            longest = next(iter(used))
            if now - used[longest] < IDLE:
                self.limited[attribute] = self.limited.get(attribute, 0) + 1
                return "other"
            del used[longest]
        used[value] = now
        return value
