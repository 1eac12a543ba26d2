"""wrk, a load generator that is not Python (Debian: wrk), and what it prints."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SCRIPTS = Path(__file__).parent / "wrk_scripts"
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
RATE = re.compile(r"^Requests/sec: +([\d.]+)$", re.MULTILINE)
SLOWEST = re.compile(r"^ +99% +([\d.]+)(us|ms|s)$", re.MULTILINE)
BAD = re.compile(r"Non-2xx or 3xx responses: \d+|Socket errors: .*")


class Load(NamedTuple):
    """What a server did under a load.

    Attributes:
        rate: answers a second
        p99_seconds: the latency that 99 of 100 answers kept
    """

    rate: float
    p99_seconds: float


def is_installed() -> bool:
    """Whether wrk can be run here."""
    return shutil.which("wrk") is not None


def run(
    script: str, url: str, arguments: Sequence[object], *, connections: int, seconds: int, rate: float = 0
) -> Load:
    """Send requests from one thread.

    Args:
        script: a file of `wrk_scripts`, which makes the requests
        url: of the server
        arguments: of the script
        connections: that stay open
        seconds: for how long
        rate: requests a second; 0 for as many as are answered

    Raises:
        RuntimeError: an answer is not 2xx, or a connection broke.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(SCRIPTS / script)]
    given = [str(one) for one in (rate, *arguments)]
    done = subprocess.run([*command, url, "--", *given], check=True, capture_output=True, text=True)
    return read_report(done.stdout)


def read_report(printed: str) -> Load:
    """Read what wrk prints. Raises RuntimeError if something went wrong."""
    rate, slowest = RATE.search(printed), SLOWEST.search(printed)
    if BAD.search(printed) or rate is None or slowest is None:
        raise RuntimeError(f"wrk: {printed.strip()}")
    return Load(float(rate[1]), float(slowest[1]) * UNITS[slowest[2]])
