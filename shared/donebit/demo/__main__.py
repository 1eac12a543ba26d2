"""`python -m donebit.demo`: a server, three services, a worker and beat, until Ctrl-C.

With `--cluster` a cluster of six nodes and a broker are in the server's place. Embedded servers keep their
data in `.data/` of the current folder.
"""

from __future__ import annotations

import sys

from donebit.demo.forks import Forks
from donebit.extras import needing


def main(arguments: list[str]) -> int:
    """Run until stopped, and return the exit code."""
    with needing("server,demo", "donebit.demo"):
        import celery  # noqa: F401, PLC0415 - which all that is forked needs
        import cronsim  # noqa: F401, PLC0415 - which the extra `celery` does not bring

    # Elsewhere libraries of the system may not survive a fork.
    forks = Forks() if sys.platform == "linux" else None
    try:
        # Only now: what all programs import is imported at the same time.
        from donebit.demo import supervisor  # noqa: PLC0415 - as above

        return supervisor.main(arguments, forks)
    except KeyboardInterrupt:  # before anything was started
        return 0
    finally:
        if forks is not None:
            forks.close()


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # a line must not end the demo
    sys.exit(main(sys.argv[1:]))
