"""Jobs: step functions by name, Donebit's own and yours.

    from shared.jobs import job

    @job("thumbnail")
    def thumbnail(step: int, *, folder: str) -> None: ...

Name the module in JOBS, and both the trigger_app and the worker know the job. A step may run more than
once (a crash after the work, before its bit is set): make it idempotent.
"""

from shared.jobs.registry import Job, Jobs, job, load

__all__ = ["Job", "Jobs", "job", "load"]
