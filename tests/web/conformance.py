"""Whether a service answers as its OpenAPI document says, by Schemathesis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# An event stream goes on for as long as its task: its first message has to do.
EVERYWHERE = """
max-stream-events = 1
request-timeout = 10
"""


def assert_conforms(address: str, folder: Path, configuration: str, *options: str) -> None:
    """Have requests made of a document sent to its service, and each answer checked by it.

    Args:
        address: of the document
        folder: an empty one to work in
        configuration: what of Schemathesis' own is set beside what is set for all
        options: of `schemathesis run`
    """
    file = folder / "schemathesis.toml"
    file.write_text(EVERYWHERE + configuration)
    # A process of its own: its plugin would bring its warnings into every test of this run.
    program = str(Path(sys.executable).with_name("schemathesis"))
    command = [program, "--config-file", str(file), "run", address, "--seed", "1", "--warnings", "off"]
    ran = subprocess.run(
        [*command, *options], check=False, cwd=folder, capture_output=True, text=True, timeout=100
    )

    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout
