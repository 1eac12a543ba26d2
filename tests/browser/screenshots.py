"""`python -m tests.browser.screenshots [FOLDER]`: take the pictures anew, of a demo of their own.

It stands among the browser tests because it is made of their parts, and needs what is installed for them;
what ships knows no browser.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.pictures import PICTURES, WATCHED, take
from tests.machine import needs
from tests.ports import named_ports
from tests.stack import ask
from tests.started import REPOSITORY, eventually

FOLDER = REPOSITORY / "docs" / "screenshots"
PORTS = ("TRIGGER_PORT", "DONE_PORT", "DISTINCT_PORT")
# Nothing of the shell's reaches the demo: neither its data nor what it is called by.
OTHERS = ("REDIS_URL", "BROKER_URL", "API_TOKEN", "HOST", "ALLOWED_HOSTS", "DISTINCT_URL", "ZONE", "SAMPLE")
FILLED_SECONDS = 180.0
WATCHED_STEPS = 900
ENDS = {
    "demo-import": "done",
    "demo-thumbnails": "done",
    "demo-invoices": "failed",
    "demo-mailing": "cancelled",
}


def main(folder: Path) -> None:
    browser = next(need for need in needs() if need.name == "browser")
    if not browser.met:
        sys.exit(f"no pictures without a browser: {browser.advice}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, own_demo(Path(place)) as (trigger, done):
        begin_watched(trigger)
        with chromium(Path(place) / "profile") as chrome:
            for picture in PICTURES:
                await_steps(done, WATCHED_STEPS // (2 if picture.half_way else 12))
                written = take(chrome, trigger, picture, folder)
                sys.stdout.write(f"{written} ({written.stat().st_size // 1000} kB)\n")


@contextmanager
def own_demo(folder: Path) -> Iterator[tuple[str, str]]:
    """The addresses of its trigger_app and done_app, once it is filled."""
    ports = {name: str(port) for name, port in named_ports(PORTS).items()}
    shell = {name: value for name, value in os.environ.items() if name not in OTHERS}
    lines = folder / "lines"
    with lines.open("w") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "donebit.demo", "--end-with-parent"],
            cwd=folder,
            env={**shell, **ports},
            stdout=out,
            stderr=out,
        )
    try:
        trigger, done = (f"http://127.0.0.1:{ports[name]}" for name in PORTS[:2])
        eventually(
            lambda: demo.poll() is not None or is_filled(lines, done), FILLED_SECONDS, what="it is not filled"
        )
        if demo.poll() is not None:
            sys.exit(f"the demo did not start:\n{lines.read_text()}")
        yield trigger, done
    finally:
        demo.terminate()
        demo.wait()


def is_filled(lines: Path, done: str) -> bool:
    """Its visits are all there, and its tasks have come to their ends."""
    if "sample data: " not in lines.read_text():
        return False
    return all(ask("GET", f"{done}/tasks/{task}").said["state"] == end for task, end in ENDS.items())


def begin_watched(trigger: str) -> None:
    """A task of a few hundred steps, of which now and then one gives up."""
    params = {"sleep_ms": 200, "fail_percent": 28}
    body = {"task_id": WATCHED, "count": WATCHED_STEPS, "job": "demo", "label": "nightly", "params": params}
    ask("POST", f"{trigger}/tasks", body)


def await_steps(done: str, steps: int) -> None:
    """Wait until so many steps are done of the task that is watched."""

    def is_there() -> bool:
        return int(ask("GET", f"{done}/tasks/{WATCHED}").said["done_steps"]) >= steps

    eventually(is_there, FILLED_SECONDS, what=f"no {steps} steps of {WATCHED}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
