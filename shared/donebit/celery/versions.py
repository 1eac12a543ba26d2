"""The packages of a Celery application, which may be older than this backend can do with."""

from __future__ import annotations

import re
from importlib.metadata import version

from donebit.errors import ConfigurationError

OLDEST = {"celery": (5, 6), "redis": (6, 4)}  # as the extra `celery` has them


def check_versions() -> None:
    """Refuse packages that were installed without the extra and are too old.

    Raises:
        ModuleNotFoundError: one is not installed.
        ConfigurationError: one is too old.
    """
    for package, oldest in OLDEST.items():
        installed = version(package)
        numbers = tuple(map(int, re.findall(r"\d+", installed)[:2]))
        if numbers < oldest:
            wanted = ".".join(map(str, oldest))
            raise ConfigurationError(
                f"donebit.celery needs {package} {wanted} or newer, and {installed} is installed: "
                "pip install 'donebit[celery]'"
            )
