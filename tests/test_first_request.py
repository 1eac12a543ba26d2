"""What a service imports, it imports before it is asked for anything."""

from __future__ import annotations

import subprocess
import sys

MAKE_AN_OUTBOX = """
import sys
from donebit import queue
from donebit.config import Settings

queue.Publisher(queue.make_celery(Settings()))
print("kombu.transport.redis" in sys.modules)
"""


def test_no_request_waits_for_celery_to_import_its_transport() -> None:
    done = subprocess.run([sys.executable, "-c", MAKE_AN_OUTBOX], capture_output=True, text=True, check=True)

    assert done.stdout == "True\n"
