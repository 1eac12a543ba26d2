"""Which tests share a process of pytest-xdist, and which begin first: `make test` runs four at once.

(xdist's own marks for that have no effect with pytest 9.2, which lost the attribute that they are kept in.)
"""

from __future__ import annotations

from pathlib import PurePath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# All of Donebit is started for them, once a process of pytest-xdist, and mended after each.
ON_A_STACK = {"integration": "stack", "faults": "stack", "deploy": "stack", "browser": "browser"}
# One RabbitMQ for all of its tests: it takes seconds to start, and 150 MB. A failover has a stack of its own.
BY_NAME = {"test_rabbitmq.py": "rabbit", "test_tls.py": "rabbit", "test_sentinel.py": "sentinel"}
# The longest, longest first: whatever begins last is what one process waits for.
FIRST = [
    "stack",
    "rabbit",
    "browser",
    "sentinel",
    *(
        f"tests/faults/torture/test_{name}.py"
        for name in ("deaths", "messages", "redis", "late", "receivers", "schedules")
    ),
    "tests/demo/test_make_demo.py",
    "tests/docs/test_commands.py",
    "tests/web/test_outage.py",
]


def scope_of(test: str) -> str:
    """The tests of a file stay together, in their order; those on a stack do too."""
    file = PurePath(test.partition("::")[0])
    if file.name in BY_NAME:
        return BY_NAME[file.name]
    return str(file) if "torture" in file.parts else ON_A_STACK.get(file.parts[1], str(file))


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # the library leaves it untyped
    """Hands out the tests of a scope at once."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # it would begin with the file of the most tests

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; the rest as they are."""
    ranks = {scope: rank for rank, scope in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(scope_of(item.nodeid), len(FIRST)))
