"""
What becomes of a person's name and address before anything else sees them.

A participant's id can be replaced by a keyed hash: the same person has the same hash, and without the key nobody can
tell whose it is, or try names until one fits.  A client's address gives its country and network, and is then dropped,
or cut to the part that many share.  All of it fails closed: what cannot be read is nothing.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field

from rtc_exporter.model import ParticipantKey

#: Hexadecimal digits of a hash: 64 bits tell a billion participants apart with a chance of 1 in 37 for one mistake.
DIGITS = 16
#: How much of an address is left: a /24 is up to 256 hosts, a /48 is one site.
KEPT = {4: 24, 6: 48}


def pseudonym(key: bytes, participant: str) -> str:
    """The keyed hash of a participant's id (HMAC-SHA256, RFC 2104)."""
    return "p-" + hmac.new(key, participant.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:DIGITS]


def truncate(address: str) -> str:
    """The network that an address is in; empty for what is none."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    # ::ffff:192.0.2.1 is an address of version 4, and 48 of its bits are none of its own.
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(ipaddress.ip_network((parsed, KEPT[parsed.version]), strict=False).network_address)


@dataclass(frozen=True, slots=True)
class Privacy:
    """What the operator has chosen."""

    #: Key of the hashes; empty to leave ids as they are.
    hash_key: bytes = b""
    #: Whether a client's address is shown on spans, cut.
    shows_network: bool = False
    #: What is known of an address: attributes with their values.
    places: Callable[[str], dict[str, str]] = field(default=lambda address: {})

    def name(self, key: ParticipantKey) -> ParticipantKey:
        """The key under which a participant is known from here on."""
        return key._replace(participant=pseudonym(self.hash_key, key.participant)) if self.hash_key else key

    def attributes(self, address: str) -> dict[str, str]:
        """What is left of a client's address."""
        found = self.places(address) if address else {}
        if self.shows_network and (network := truncate(address)):
            found = {**found, "client.address": network}
        return found
