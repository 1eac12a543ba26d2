"""`python -m donebit.command_line` is `donebit`."""

from __future__ import annotations

import sys

from donebit.command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
