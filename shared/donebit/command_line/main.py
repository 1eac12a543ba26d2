"""The entry point of `donebit`: one sentence instead of a traceback where only the client is installed."""

from __future__ import annotations

from donebit.command_line.exit_codes import Exit
from donebit.extras import needing


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        with needing("server", "donebit: the command"):
            from donebit.command_line.commands import run  # noqa: PLC0415 - it needs what the extra brings
    except KeyboardInterrupt:  # during the imports
        return Exit.INTERRUPTED
    return run()
