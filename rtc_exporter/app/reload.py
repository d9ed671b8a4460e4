"""
A configuration that is read again while the process runs (SIGHUP): what it may change.

It is taken whole or not at all.  A file that is wrong, or that changes what only a start can change, is refused with
one line that says why, and everything stays as it was.
"""

from collections.abc import Iterator

from rtc_exporter.config import Config, settings_table
from rtc_exporter.errors import ConfigError

#: Settings, and whole groups of them, that can change while the process runs.
CHANGEABLE = (
    "ingest.token_", "ingest.keys_file", "ingest.allowed_origins", "ingest.resume",
    "admin.web_config_file", "claims.", "limits.", "log.level", "memory.limit",
    "privacy.addresses", "privacy.country_database", "privacy.network_database", "shutdown.",
)  # fmt: skip


def differences(before: Config, after: Config) -> Iterator[str]:
    """Names of the settings whose values differ."""
    for row in settings_table():
        section, _, key = row.name.partition(".")
        if getattr(getattr(before, section), key) != getattr(getattr(after, section), key):
            yield row.name


def check(before: Config, after: Config) -> list[str]:
    """What changes; raises ``ConfigError`` where something does that cannot."""
    changes = list(differences(before, after))
    fixed = [name for name in changes if not name.startswith(CHANGEABLE)]
    if before.otlp != after.otlp:
        fixed.append("OTEL_*")
    if fixed:
        raise ConfigError(f"{', '.join(fixed)} cannot change while the process runs: restart it")
    return changes
