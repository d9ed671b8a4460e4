"""
Who lets users into NATS servers: an operator with accounts and users, or an nkey.
"""

import base64
import json
import os
import time
from collections.abc import Mapping

import nkeys

_UNBOUND = dict.fromkeys(("subs", "data", "payload"), -1)
_UNLIMITED = {**_UNBOUND, **dict.fromkeys(("imports", "exports", "conn", "leaf"), -1), "wildcards": True}
#: What JetStream may hold; the servers' own account may not have any of it.
_STORED = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)


class Operator:
    """Who lets users in by JSON Web Tokens, as nsc makes them: one account for us, one for the servers themselves."""

    def __init__(self) -> None:
        self._operator = nkeys.from_seed(_seed(nkeys.PREFIX_BYTE_OPERATOR))
        self._ours, self._servers = (nkeys.from_seed(_seed(nkeys.PREFIX_BYTE_ACCOUNT)) for _ in range(2))

    @property
    def config(self) -> str:
        """For the configuration of servers."""
        ours = self._token(self._operator, self._ours, {"type": "account", "limits": {**_UNLIMITED, **_STORED}})
        servers = self._token(self._operator, self._servers, {"type": "account", "limits": _UNLIMITED})
        operator = self._token(self._operator, self._operator, {"type": "operator"})
        names = [_public(account) for account in (self._ours, self._servers)]
        return (
            f"operator: {operator}\nsystem_account: {names[1]}\nresolver: MEMORY\n"
            f"resolver_preload: {{ {names[0]}: {ours}, {names[1]}: {servers} }}\n"
        )

    def credentials(self) -> str:
        """What a new user's file holds."""
        seed = _seed(nkeys.PREFIX_BYTE_USER)
        token = self._token(self._ours, nkeys.from_seed(seed), {"type": "user", **_UNBOUND})
        return (
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed.decode()}\n------END USER NKEY SEED------\n"
        )

    def _token(self, issuer: nkeys.KeyPair, subject: nkeys.KeyPair, nats: Mapping[str, object]) -> str:
        claims = {
            "jti": os.urandom(8).hex(), "iat": int(time.time()), "iss": _public(issuer), "sub": _public(subject),
            "name": "tests", "nats": {**nats, "version": 2},
        }  # fmt: skip
        parts = (_encoded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, claims))
        text = ".".join(parts)
        return f"{text}.{_encoded(issuer.sign(text.encode()))}"


def nkey() -> tuple[str, str]:
    """The seed and the public key of a user who needs no token."""
    seed = _seed(nkeys.PREFIX_BYTE_USER)
    return seed.decode(), _public(nkeys.from_seed(seed))


def _seed(kind: int) -> bytes:
    return bytes(nkeys.encode_seed(os.urandom(32), kind))


def _public(pair: nkeys.KeyPair) -> str:
    return bytes(pair.public_key).decode()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
