"""A demo of tiny programs for the tests to start and to kill: its stages come as JSON on the command line.

A program is {"name", "code": Python, "sign": it is ready when this file is there, "awaited"?, "timeout"?,
"unshown"?}.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from donebit.demo.errors import CannotStart, StopRequested
from donebit.demo.lines import Lines
from donebit.demo.process import Program
from donebit.demo.processes import SUPERVISOR, Processes


def program(settings: dict[str, Any]) -> Program:
    return Program(
        settings["name"],
        (sys.executable, "-c", settings["code"]),
        ready=Path(settings["sign"]).exists,
        awaited=settings.get("awaited", True),
        timeout_seconds=settings.get("timeout", 10),
        unshown=tuple(settings.get("unshown", ())),
    )


def main(stages_json: str) -> int:
    stages = [[program(one) for one in stage] for stage in json.loads(stages_json)]
    names = [one.name for stage in stages for one in stage]
    lines = Lines(sys.stdout, (SUPERVISOR, *names), coloured=False)
    parent = os.getppid() if "--end-with-parent" in sys.argv else None
    try:
        with suppress(StopRequested), Processes(lines, os.environ, parent=parent) as processes:
            for stage in stages:
                processes.start(*stage)
            lines.plain("ready")
            processes.keep_running()
    except CannotStart as error:
        print(error.detail, file=sys.stderr)  # noqa: T201 - as the demo itself does
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
