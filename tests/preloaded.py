"""A Python that has imported what the programs of tests import, and forks for each."""

from __future__ import annotations

import sys
from pathlib import Path

from donebit.demo import preloaded

MODULES = ("donebit.command_line.commands", "rich.progress", "rich.table")

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])
    preloaded.begin(int(sys.argv[1]), (*preloaded.MODULES, *MODULES))()
