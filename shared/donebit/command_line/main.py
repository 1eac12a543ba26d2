"""The entry point of `donebit`: one sentence instead of a traceback where only the client is installed."""

from __future__ import annotations

import sys

from donebit.command_line.exit_codes import Exit


def main() -> int:
    """Run the command line of this process and return its exit code."""
    try:
        from donebit.command_line.commands import run  # noqa: PLC0415 - it needs what the extra brings
    except KeyboardInterrupt:  # during the imports
        return Exit.INTERRUPTED
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("donebit"):
            raise
        sys.stderr.write(
            "donebit: the command needs the extra `server` "
            f"({error.name} is not installed): pip install 'donebit[server]'\n"
        )
        return Exit.USAGE
    return run()
