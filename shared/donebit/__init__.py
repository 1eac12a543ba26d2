"""Donebit for programs: what is exported here is public, everything else is private and may change.

    from donebit import Donebit, job

Importing it loads urllib3 and nothing of the server.
"""

from donebit.client import Donebit, Report, Task
from donebit.errors import (
    ApiError,
    ConfigurationError,
    DonebitError,
    InvalidInput,
    ServiceUnreachable,
)
from donebit.jobs.decorator import job
from donebit.results import Results

__all__ = [
    "ApiError",
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
