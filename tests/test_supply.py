"""What a deployment is made of: the lock file, the unit of systemd."""

import re
import subprocess
import tomllib
from pathlib import Path

from tests.peers import peer

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
UNIT = (ROOT / "deploy" / "systemd" / "rtc-exporter.service").read_text(encoding="utf-8")


def test_every_dependency_is_locked_with_hashes() -> None:
    """Run scripts/supply lock after changing the dependencies."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[\[<>=~! ;]", name)[0].lower() for name in told["dependencies"]}
    locked = dict(re.findall(r"(?m)^([a-z0-9._-]+)==(\S+) \\$", LOCK))

    assert wanted - set(locked) == set()
    assert LOCK.count("--hash=sha256:") >= 2 * len(locked) - 20
    assert not re.search(r"(?m)^--(index-url|extra-index-url|find-links|trusted-host)", LOCK)


def test_the_unit_waits_as_long_as_the_end_takes() -> None:
    """And has the limits and locks that the page about security names."""
    lines = dict(line.split("=", 1) for line in UNIT.splitlines() if "=" in line and not line.startswith("#"))

    assert lines["Type"] == "notify"
    assert int(lines["TimeoutStopSec"]) > 5 + 10 + 20 + 5
    assert lines["DynamicUser"] == lines["NoNewPrivileges"] == "yes"
    assert lines["CapabilityBoundingSet"] == ""


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """As its own verifier sees it."""
    verifier = peer("systemd-analyze")
    unit = tmp_path / "rtc-exporter.service"
    unit.write_text(UNIT.replace("/opt/rtc-exporter/bin/rtc-exporter", "/bin/true"))

    result = subprocess.run([verifier, "verify", unit], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")
