"""Checks of the listener for clients, made as a client."""

import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from rtc_exporter.doctor.findings import Finding, failed, ok, skipped, warning
from rtc_exporter.doctor.patient import BUSY, SUBPROTOCOL, Answer, Patient, RefusedError, trouble
from rtc_exporter.settings import Address

#: An origin that nobody has.
STRANGER = "https://rtc-exporter-doctor.invalid"
#: Seconds in which a server that refuses a client has done so.
VERDICT = 0.5
#: Days before the end of a certificate.
DAYS = 14
#: Seconds between two clocks: tokens have 30 to spare.
NEAR, FAR = 5.0, 30.0
#: Where operators look; clients have no business there.
PRIVATE = ("/metrics", "/-/ready", "/-/healthy", "/openapi.json", "/debug/pprof/")
#: A document without anything, which nobody would count.
EMPTY = b"{}"


def reach(patient: Patient) -> Finding:
    """Any answer is one."""
    answer = patient.get(patient.ingest, "/")
    if answer.status >= 500:
        return failed(f"{patient.ingest} answers {answer.status}", "A proxy finds no exporter: look at its back ends.")
    return ok(f"{patient.ingest} answers, after {answer.took * 1e3:.0f} ms")


def certificate(patient: Patient) -> Finding:
    """Browsers tell their page nothing of a certificate that has ended."""
    parts = urlsplit(patient.ingest)
    if parts.scheme not in ("https", "wss"):
        if is_loopback(parts.hostname or ""):
            return skipped("no TLS, on this machine")
        return warning("clients come without TLS", "Pages of https can only use wss: put a proxy with TLS in front.")
    host, port = parts.hostname or "", parts.port or 443
    context = ssl.create_default_context(cafile=patient.ca_file or None)
    try:
        with (
            socket.create_connection((host, port), patient.timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            told = secure.getpeercert() or {}
    except OSError as exc:
        raise trouble(exc, patient.ingest) from None
    days = (ssl.cert_time_to_seconds(str(told["notAfter"])) - time.time()) / 86_400
    if days < DAYS:
        return warning(f"the certificate ends in {days:.0f} days", "Renew it; look why that did not happen by itself.")
    return ok(f"the certificate is good for {days:.0f} days")


def clock(patient: Patient) -> Finding:
    """By the Date header, which has whole seconds."""
    return clocks(patient.get(patient.ingest, "/"), "Tokens are refused as expired, or as not valid yet.")


def clocks(answer: Answer, harm: str) -> Finding:
    """How far apart the clocks are for certain."""
    try:
        told = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return skipped("the answer has no date")
    # It was made between asking and having the answer, and is up to a second older than it says.
    early, late = answer.asked - 1.0, answer.asked + answer.took
    apart = max(early - told, told - late, 0.0)
    said = f"the clocks are {apart:.0f} s apart" if apart >= 1 else "the clocks agree"
    advice = f"{harm} Set the clocks by NTP, the exporter's or the one of this machine."
    if apart > FAR:
        return failed(said, advice)
    return warning(said, advice) if apart > NEAR else ok(said)


def private(patient: Patient) -> Finding:
    """The two listeners share no port; a proxy may still lead to both."""
    seen = [path for path in PRIVATE if patient.get(patient.ingest, path).status == 200]
    if seen:
        advice = "Let the proxy lead to the port for clients alone; in Kubernetes, to the Service without -metrics."
        return failed(f"clients can read {', '.join(seen)}", advice)
    return ok("clients see nothing of operators'")


def anonymous(patient: Patient) -> Finding:
    """A document with nothing in it is refused one way or the other: the status says which."""
    answer = patient.request("POST", patient.ingest, "/v1/reports", {"content-type": "application/json"}, EMPTY)
    match answer.status:
        case 401 | 403:
            return ok("who has no token is refused")
        case 200 | 202 | 400:
            if is_loopback(urlsplit(patient.ingest).hostname or ""):
                return ok("everybody on this machine may send")
            return warning("everybody may send", "Set ingest.token_secret_file, unless that is meant.")
        case 404 | 405:
            advice = "The path /v1/reports leads elsewhere: let the proxy pass all paths, and not change them."
            return failed(f"/v1/reports answers {answer.status}", advice)
        case _:
            return failed(
                f"/v1/reports answers {answer.status}", "Look at the proxy between, and at the exporter's log."
            )


def websocket(patient: Patient) -> Finding:
    """The upgrade, and that it is our program which answers."""
    with patient.websocket(patient.credential if patient.has_token else "", patient.origin) as connection:
        if connection.subprotocol != SUBPROTOCOL:
            advice = "Another program answers, or a proxy drops Sec-WebSocket-Protocol: clients of rtcstats need it."
            return failed(f"the subprotocol {SUBPROTOCOL} is not confirmed", advice)
        return ok(f"it gets through, as {SUBPROTOCOL}")


def token(patient: Patient) -> Finding:
    """A token that is not taken is answered with 1008, after the upgrade."""
    with patient.websocket(patient.credential, patient.origin) as connection:
        code, reason = verdict(connection)
    if code is None:
        return ok("the token is taken")
    if code == 1008:
        advice = "Compare the key with that of the exporter, the clocks, and how long the token is good for."
        return failed(f"the token is refused: {reason or 'no reason given'}", advice)
    return failed(f"the connection is closed with {code} {reason}", BUSY if code == 1013 else "Look at its log.")


def strangers(patient: Patient) -> Finding:
    """Whether any page may connect."""
    try:
        with patient.websocket(patient.credential if patient.has_token else "", STRANGER) as connection:
            code, _ = verdict(connection)
    except RefusedError as refusal:
        if refusal.status == 403:
            return ok("pages from elsewhere are refused")
        raise
    if code == 1008:
        return ok("pages from elsewhere need a token")
    if patient.has_token:
        advice = "Name the origins of your pages in ingest.allowed_origins: a token that leaks is then of less use."
        return ok(f"pages from everywhere may connect with a token. {advice}")
    if is_loopback(urlsplit(patient.ingest).hostname or ""):
        return ok("pages from everywhere may connect, on this machine")
    return warning("pages from everywhere may connect", "Set ingest.allowed_origins, and ingest.token_secret_file.")


def origin(patient: Patient) -> Finding:
    """The page that was named."""
    with patient.websocket(patient.credential if patient.has_token else "", patient.origin):
        return ok(f"pages of {patient.origin} are let in")


def hold(patient: Patient) -> Finding:
    """Proxies end what takes long, or what is silent; the exporter pings every 20 seconds."""
    with patient.websocket(patient.credential if patient.has_token else "", patient.origin) as connection:
        begin = time.monotonic()
        code, reason = verdict(connection, patient.hold)
        lived = time.monotonic() - begin
    if code is None:
        return ok(f"a silent WebSocket has lived for {lived:.0f} s")
    if code == 1008:
        return skipped("it needs a token")
    advice = "A proxy between ends it: raise its timeout for requests (HTTPRoute: timeouts.request 0s) and for idling."
    return failed(f"it was closed after {lived:.0f} s, with {code} {reason}".rstrip(), advice)


def verdict(connection: ClientConnection, seconds: float = VERDICT) -> tuple[int | None, str]:
    """The close code and reason, where the server closes within that time."""
    end = time.monotonic() + seconds
    try:
        while (left := end - time.monotonic()) > 0:
            connection.recv(timeout=left)
    except TimeoutError:
        pass
    except ConnectionClosed:
        return connection.close_code or 1006, connection.close_reason or ""
    return None, ""


def is_loopback(host: str) -> bool:
    """Whether it is this machine."""
    return Address(host, 0).is_loopback
