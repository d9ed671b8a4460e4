"""Certificates for 127.0.0.1 that vouch for themselves, made by openssl."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

import grpc

from tests.peers import peer


class Certificates(NamedTuple):
    """The files of one."""

    certificate: Path
    key: Path

    def context(self, *, asks_for_one: bool = False) -> ssl.SSLContext:
        """The server's side; it may ask clients for a certificate, and take this one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if asks_for_one:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificate)
        return context

    def credentials(self, *, asks_for_one: bool) -> grpc.ServerCredentials:
        """The same for gRPC."""
        chain, key = self.certificate.read_bytes(), self.key.read_bytes()
        return grpc.ssl_server_credentials([(key, chain)], chain if asks_for_one else None, asks_for_one)


def certificates(folder: Path, name: str = "certificate", days: int = 2) -> Certificates:
    """Make one that is good for so many days; what was there by its name is replaced."""
    made = Certificates(folder / f"{name}.pem", folder / f"{name}.key")
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-days", str(days)]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(made.key)]
    command = [peer("openssl"), "req", "-x509", *key, *subject, "-out", str(made.certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made
