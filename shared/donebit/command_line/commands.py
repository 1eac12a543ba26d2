"""The command group: its sections and help, and the exit code of a run."""

from __future__ import annotations

import errno
import os
import sys
from itertools import chain

import click

from donebit.command_line.acting import act
from donebit.command_line.activity import count, visit
from donebit.command_line.audit import audit
from donebit.command_line.backup import backup, restore
from donebit.command_line.changes import cancel, close, delete, extend, pause, resume, retry
from donebit.command_line.exit_codes import MEANINGS, BrokenPipe, CommandError, Exit, OutputLost
from donebit.command_line.expectations import expectations
from donebit.command_line.history import history
from donebit.command_line.jobs import jobs
from donebit.command_line.load.command import load
from donebit.command_line.logs import logs
from donebit.command_line.migrate import migrate
from donebit.command_line.reports import fail, report
from donebit.command_line.results import results
from donebit.command_line.retention import retention
from donebit.command_line.schedules import schedules
from donebit.command_line.session import Session
from donebit.command_line.sets import query
from donebit.command_line.status import errors, health, why, workers
from donebit.command_line.taking_back import take_back
from donebit.command_line.tasks import show, tasks
from donebit.command_line.terminal import Terminal, lost
from donebit.command_line.tokens import tokens
from donebit.command_line.trigger import rerun, trigger, watch

EXIT_CODES = "\n".join(f"  {code.value:<4} {meaning}" for code, meaning in MEANINGS.items())
EPILOG = f"""\b
Examples (with `make demo` running):
  donebit trigger 10000 --job demo --param sleep_ms=20 --watch
  donebit tasks
  donebit show TASK_ID
  donebit visit login 7 8 ada@example.org
  donebit count login --period day
  donebit query 'demo.visit@today & demo.visit@yesterday'
  donebit retention demo.visit

\b
Environment variables:
  HOST                                   the host of the services, default 127.0.0.1
  TRIGGER_PORT DONE_PORT DISTINCT_PORT   their ports, default 8098, 8097 and 8096
  TRIGGER_URL DONE_URL DISTINCT_URL      their full addresses, in place of HOST and ports
  API_TOKEN                              the services' API token
  NO_COLOR                               turn colours off

\b
Exit codes:
{EXIT_CODES}
"""


class Sections(click.Group):
    """A group that lists its commands under headings, most needed first."""

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(str(one.name), one.get_short_help_str(80)) for one in commands])


@click.group(
    cls=Sections,
    epilog=EPILOG,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
@click.version_option(package_name="donebit")
@click.pass_context
def donebit(context: click.Context) -> None:
    """Run tasks of many parallel steps, and count distinct users exactly.

    Start and watch tasks, see which steps are missing and why, record visits, and query users, through the
    HTTP API of the Donebit services.
    """
    context.obj = Session(Terminal())


SECTIONS: dict[str, list[click.Command]] = {
    "Tasks": [trigger, watch, jobs, history, tasks, show, why, errors, results, report, fail],
    "Changes to tasks": [pause, resume, retry, rerun, cancel, extend, close, delete, act],
    "Schedules": [schedules, expectations],
    "Workers and services": [workers, logs, health],
    "Distinct users": [visit, load, take_back, count, query, retention],
    "Access": [tokens, audit],
    "Backup and upgrading": [backup, restore, migrate],
}
for command in chain.from_iterable(SECTIONS.values()):
    donebit.add_command(command)


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def run() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        return _run()
    except click.UsageError as error:
        error.show()
        return Exit.USAGE
    except (BrokenPipe, OutputLost) as error:
        # Python flushes again as it exits, and would print an error: let it write to nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.detail:
            Terminal().print_error(error.detail)
        return error.exit
    except CommandError as error:
        Terminal().print_error(error.detail)
        return error.exit
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED


def _run() -> int:
    try:
        return int(donebit(prog_name="donebit", standalone_mode=False) or Exit.OK)
    except OSError as error:  # of help or version, which click writes by itself
        raise (lost(error) if error.errno in FULL else error) from None
