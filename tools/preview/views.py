"""Which pictures there are: each dashboard in the fault that it is for."""

from collections.abc import Mapping
from typing import NamedTuple


class Picture(NamedTuple):
    """A dashboard in a scenario: from and to in hours of the history; ``open`` shows closed rows too."""

    name: str
    scenario: str
    uid: str
    begin: float
    end: float
    values: Mapping[str, str] = {}
    open: bool = False
    rows: int = 0


CALL = {"tenant": "acme", "session": "weekly-planning"}
KIM = {**CALL, "participant": "kim"}
VIEWS = (
    Picture("overview", "country", "rtc-overview", 0.5, 2.74, open=True),
    Picture("network", "country", "rtc-network", 0.5, 2.74),
    Picture("contact-centre", "country", "rtc-contact-centre", 0.5, 2.74),
    Picture("slo", "country", "rtc-slo", 0.5, 2.74),
    Picture("release", "release", "rtc-release", 0.5, 3.0, {"candidate": "2.0"}),
    Picture("voice-agents", "agent", "rtc-voice-agents", 0.5, 2.74),
    Picture("exporter", "exporter", "rtc-exporter", 0.5, 2.45, open=True),
    Picture("servers", "country", "rtc-servers", 0.5, 2.74),
    Picture("session", "participant", "rtc-session", 1.9, 2.7, CALL),
    Picture("participant", "participant", "rtc-participant", 1.9, 2.7, KIM),
    Picture("walkthrough-1", "participant", "rtc-overview", 1.5, 2.7, rows=26),
    Picture("walkthrough-2", "participant", "rtc-session", 1.9, 2.7, CALL, rows=32),
    Picture("walkthrough-3", "participant", "rtc-participant", 1.9, 2.7, KIM, rows=33),
)  # fmt: skip
