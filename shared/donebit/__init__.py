"""Donebit for programs: what is exported here is public, everything else is private and may change.

    from donebit import Donebit, job

Importing it loads urllib3 and nothing of the server.
"""

from donebit.async_client import AsyncDonebit
from donebit.async_results import AsyncResults
from donebit.client import Donebit
from donebit.errors import (
    ApiError,
    ConfigurationError,
    DonebitError,
    InvalidInput,
    ServiceUnreachable,
)
from donebit.jobs.decorator import job
from donebit.results import Results
from donebit.task_types import Report, Task

__all__ = [
    "ApiError",
    "AsyncDonebit",
    "AsyncResults",
    "ConfigurationError",
    "Donebit",
    "DonebitError",
    "InvalidInput",
    "Report",
    "Results",
    "ServiceUnreachable",
    "Task",
    "job",
]
