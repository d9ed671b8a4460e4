"""
Where a client is: the peer of its connection, or what the proxies in front say that they saw.

Each proxy appends the address of whoever connected to it to ``X-Forwarded-For``, and what stands before was written by
the client itself.  So only entries counted from the right are believed, as many as there are proxies of ours.
"""

import ipaddress
from collections.abc import Iterable

#: Bits of an IPv6 address that name the customer; the others it chooses itself (RFC 6177).
CUSTOMER = 64


def client(peer: str, forwarded: Iterable[str], hops: int) -> str:
    """The address of a client behind so many proxies; the peer's where what they say is none."""
    if hops <= 0:
        return peer
    entries = [entry.strip() for line in forwarded for entry in line.split(",")]
    return (parse(entries[-hops]) if len(entries) >= hops else "") or peer


def parse(text: str) -> str:
    """An address in its one spelling; with a port, as some proxies write it; "" for what is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def group(text: str) -> str:
    """Who is counted as one: an IPv4 address, or the network of one customer in IPv6."""
    address = parse(text)
    if ":" not in address:
        return address or text
    return str(ipaddress.ip_network(f"{address}/{CUSTOMER}", strict=False))
