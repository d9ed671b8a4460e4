"""
Requests made from our own OpenAPI document, against the listener for clients (R6).

schemathesis makes what fits the document and what does not; no answer is a fault of ours, and every answer is one that
the document names.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.hostile.kit import Ledger, exporter, main


def run(is_long: bool = False) -> Ledger:
    """500 requests for each operation, as the goal has it; in CI 25."""
    ledger = Ledger("api: what the OpenAPI document says")
    examples = 500 if is_long else 25
    with exporter() as one, tempfile.TemporaryDirectory() as folder:
        for name, place, paths in (("clients", one.ingest, "^/v1/"),):
            command = [
                str(Path(sys.executable).parent / "schemathesis"), "run", f"http://{one.admin.host}:{one.admin.port}/openapi.json",
                "--url", f"http://{place.host}:{place.port}", "--include-path-regex", paths, "--checks", "all",
                "--max-examples", str(examples), "--no-color", "--seed", "1", "--phases", "examples,coverage,fuzzing",
                "--suppress-health-check", "all",
                # Whether a file is a dump no schema can say.
                "--exclude-checks", "positive_data_acceptance",
            ]  # fmt: skip
            result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            made = re.search(r"(\d+) generated", result.stdout)
            ledger.claim(
                f"{name}: every answer is as the document says",
                result.returncode == 0,
                result.stdout[-3000:] if result.returncode else f"{made[1] if made else '?'} requests",
            )
        metrics = one.metrics("self")
        ledger.claim("no fault of ours", metrics["rtc_exporter_errors_internal_total"] == 0)
        ledger.claim("it still answers", metrics["rtc_exporter_ready"] == 1)
    return ledger


if __name__ == "__main__":
    main(run)
