"""A Python that has imported these modules, and forks for each process that is asked for: see forked.py."""

from __future__ import annotations

import sys
from pathlib import Path

from donebit.demo import preloaded

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])
    *modules, descriptor, _room = sys.argv[1:]
    preloaded.begin(int(descriptor), modules)()
