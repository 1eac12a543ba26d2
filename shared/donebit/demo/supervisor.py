"""Starts a server, three services, a worker and beat, and keeps them running until Ctrl-C."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from donebit import config
from donebit.addresses import address
from donebit.config import Settings
from donebit.demo import ports, programs
from donebit.demo.cluster import on_cluster
from donebit.demo.errors import CannotStart, StopRequested
from donebit.demo.forks import Forks
from donebit.demo.greeting import greet
from donebit.demo.lines import Lines, is_coloured
from donebit.demo.processes import SUPERVISOR, Processes
from donebit.demo.sample.filling import SampleFailed, fill
from donebit.demo.sample.services import services
from donebit.demo.servers import Servers, on_one_server
from donebit.errors import EXIT_BY_SETTING, ConfigurationError
from donebit.utf8 import one_line

DATA_FOLDER = Path(".data")

# Passed by `make demo`: if make is killed by -9, its demo must end too.
END_WITH_PARENT = "--end-with-parent"
ON_CLUSTER = "--cluster"


def main(arguments: list[str], forks: Forks | None) -> int:
    """Run until stopped, and return the exit code.

    Args:
        arguments: END_WITH_PARENT and ON_CLUSTER, or none.
        forks: start the programs, if given.
    """
    parent = os.getppid() if END_WITH_PARENT in arguments else None
    try:
        run(config.load(), parent, forks, clustered=ON_CLUSTER in arguments)
    except (ConfigurationError, CannotStart) as error:
        print(one_line(error.detail), file=sys.stderr)
        return EXIT_BY_SETTING if isinstance(error, ConfigurationError) else 1
    return 0


def run(settings: Settings, parent: int | None, forks: Forks | None, *, clustered: bool) -> None:
    """Start everything, and keep it running until asked to stop.

    Args:
        settings: The settings of the services.
        parent: End when this process is no longer the parent; None: do not watch it.
        forks: Start the programs, if given.
        clustered: Make a cluster and a broker for it, whatever the settings name.

    Raises:
        CannotStart: A port is taken, the data is in use, or a process did not start.
    """
    ports.check_free(settings.host, programs.ports_by_variable(settings))
    servers = on_cluster(DATA_FOLDER / "cluster") if clustered else on_one_server(settings, DATA_FOLDER)
    print(servers.warning, end="", file=sys.stderr)
    environment = {**os.environ, **servers.addresses, "PYTHONUNBUFFERED": "1"}
    lines = Lines(
        sys.stdout,
        (SUPERVISOR, *servers.names, *programs.NAMES),
        coloured=is_coloured(sys.stdout, environment),
        objects_bare=settings.log_format == "json",
    )
    with suppress(StopRequested), Processes(lines, environment, parent=parent, forks=forks) as processes:
        start(servers, settings, processes)
        welcome(settings, lines, processes)
        processes.keep_running()


def start(servers: Servers, settings: Settings, processes: Processes) -> None:
    for description in servers.descriptions:
        processes.say(description)
    for stage in servers.stages:
        processes.start(*stage)
    processes.start(*programs.donebit_programs(settings))


def welcome(settings: Settings, lines: Lines, processes: Processes) -> None:
    trigger = address(settings.host, settings.trigger_port)
    lines.plain(f"ready: {trigger}/")
    token = settings.api_token.get_secret_value() if settings.api_token else None
    for line in greet(trigger, token):
        processes.say(line)
    if settings.sample:
        threading.Thread(target=show_sample, args=(settings, processes), daemon=True).start()


def show_sample(settings: Settings, processes: Processes) -> None:
    """Load the sample data; the demo goes on without them if that fails."""
    try:
        with services(settings) as (trigger, done, distinct):
            processes.say(fill(trigger, done, distinct))
    except SampleFailed as error:
        processes.say(f"no sample data: {error}")
