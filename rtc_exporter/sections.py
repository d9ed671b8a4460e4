"""
Groups of settings: what is published, what is kept of people, how the process lives.  ``config`` has those about
clients, and the loader.
"""

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr

from rtc_exporter.settings import (
    Addresses,
    Count,
    Epoch,
    File,
    Flag,
    Level,
    LogFormat,
    Naming,
    Processes,
    ProfileName,
    Room,
    Seconds,
    Secret,
    Selection,
    Share,
    Words,
)


class Section(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Metrics(Section):
    """What is published"""

    profile: ProfileName = Field(default="standard", description="How many metrics are published.")
    fold_interval: Seconds = Field(
        default=5.0, description="How often the reports of a peer connection are judged; 0 for each."
    )
    budget: Count = Field(default=2000, description="Label sets of one metric before further ones fold into one.")
    native_histograms: Flag = Field(
        default=False, description="Whether histograms have native buckets beside their own, for who scrapes protobuf."
    )


class Traces(Section):
    """Which spans are made"""

    ratio: Share = Field(
        default=1.0,
        description="Share of sessions whose traces are kept from the start; what turns bad is kept anyway.",
    )
    epoch: Epoch = Field(
        default="day", description="How often a session of the same name begins a new trace: each day of UTC, or never."
    )
    budget: Count = Field(default=500, description="Spans of one participant.")
    pinned: Words = Field(
        default=(),
        description="Session and participant ids whose traces are always kept; so are those in `participants.pinned`.",
    )


class Participants(Section):
    """Series of single participants"""

    series: Selection = Field(default="worst", description="Which live participants have series of their own.")
    limit: Count = Field(default=500, description="How many participants have series of their own.")
    pinned: Words = Field(default=(), description="Participant ids that always have series of their own.")
    expiry: Seconds = Field(default=60.0, description="Silence after which a participant has left.")


class Shards(Section):
    """Several processes on one host"""

    processes: Processes = Field(
        default=1, description="Processes that share the work, each with its own sessions; 1 for a single one."
    )


class Memory(Section):
    """When memory runs short"""

    limit: Room = Field(
        default=ByteSize(0),
        description="Memory of which 70 % is the first bound on what is taken; 0 for the limit of the control group.",
    )


class Privacy(Section):
    """What is kept of people"""

    participant_id: Naming = Field(
        default="as_is", description="Whether participant ids are exported as they are, or as a keyed hash."
    )
    hash_key: Secret = Field(default=SecretStr(""), description="Key of the hashes of participant ids.")
    hash_key_file: File = Field(default=None, description="File that holds the key of the hashes.")
    addresses: Addresses = Field(
        default="drop", description="Whether clients' addresses are dropped, or cut to /24 and /48 and shown on spans."
    )
    country_database: File = Field(
        default=None, description="MaxMind database of countries, read before an address is dropped (extra `geo`)."
    )
    network_database: File = Field(
        default=None, description="MaxMind database of autonomous systems, read before an address is dropped."
    )
    retention: Seconds = Field(
        default=120.0, description="How long the last values of who has left wait to be scraped once."
    )


class Shutdown(Section):
    """How the process ends on SIGTERM"""

    delay: Seconds = Field(
        default=5.0, description="Not ready, and still serving, where somebody asked /-/ready in the last two minutes."
    )
    spread: Seconds = Field(default=10.0, description="Time over which connections are closed, 400 a second at least.")
    linger: Seconds = Field(
        default=20.0, description="How long /metrics waits to be scraped once more, at most, where somebody scrapes."
    )


class Log(Section):
    """What is logged"""

    level: Level = Field(default="info", description="The least important messages that are logged.")
    format: LogFormat = Field(default="auto", description="Text, JSON, or text on a terminal and JSON elsewhere.")
