"""The routes about jobs: what each does, and its past runs, as JSON and as pages."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, Field
from pydantic.errors import PydanticInvalidForJsonSchema

from donebit.clock import iso
from donebit.completion import history
from donebit.completion.history import PastRun
from donebit.errors import NotFound
from donebit.jobs.registry import Job, Jobs
from donebit.priority import NORMAL, Priority
from donebit.store import Store
from donebit.web.answers import Reply
from donebit.web.models import ENTRY, EXAMPLE_ENTRY, WRITTEN, Name, Request, at_most, of_entry
from donebit.web.problems import EVERYWHERE
from trigger_app.pages import jobs as pages
from trigger_app.pages.either import either
from trigger_app.pages.job_forms import types_of
from trigger_app.views import GONE

TAG = Tag(name="jobs", description="Jobs and their past runs")
HOME = "/jobs"


class JobPath(Request):
    name: Annotated[Name, Field(description="the job's name", json_schema_extra={"example": "demo"})]


class RunsQuery(Request):
    """Which past runs to list."""

    limit: Annotated[int, at_most(500, example=20), WRITTEN] = 50
    before: Annotated[
        Annotated[str, of_entry("a run")] | None,
        Field(
            description="only runs that ended before this one: `next` of the previous answer",
            json_schema_extra=ENTRY,
        ),
    ] = None


class RunAnswer(BaseModel):
    """A run of a task of this job that ended; a resumed task has several."""

    id: str = Field(json_schema_extra={"example": EXAMPLE_ENTRY})
    task_id: str = Field(json_schema_extra={"example": "9f2c41d07a3b"})
    run: int = Field(json_schema_extra={"example": 1})
    end: str = Field(json_schema_extra={"example": "done"})
    count: int = Field(json_schema_extra={"example": 200})
    done_steps: int = Field(json_schema_extra={"example": 200})
    failed_steps: int = Field(json_schema_extra={"example": 0})
    started_at: str = Field(
        description="when this run began: the task, or its resumption",
        json_schema_extra={"example": "2026-11-21T03:04:05.678Z"},
    )
    ended_at: str = Field(json_schema_extra={"example": "2026-11-21T03:04:07.678Z"})
    took_seconds: float = Field(description="from the start of this run to its end")
    strip: str = Field(
        description="a letter for each step, or 64th of them: d done, f some failed, p partly done, m none",
        json_schema_extra={"example": "dddf"},
    )
    order_kept: bool = Field(description="whether the task can be run again: its record is kept")

    @classmethod
    def of(cls, run: PastRun, *, order_kept: bool) -> RunAnswer:
        return cls(
            id=run.id,
            task_id=run.task_id,
            run=run.run,
            end=run.end,
            count=run.count,
            done_steps=run.done_steps,
            failed_steps=run.failed_steps,
            started_at=iso(run.started_at),
            ended_at=iso(run.ended_at),
            took_seconds=run.took.total_seconds(),
            strip=run.strip,
            order_kept=order_kept,
        )


class JobAnswer(BaseModel):
    """A job, and its last run."""

    name: str = Field(json_schema_extra={"example": "demo"})
    registered: bool = Field(description="false: it has run, and trigger_app does not have it any more")
    description: str = Field(description="the docstring of its function")
    params: dict[str, Any] = Field(description="a JSON schema of its parameters")
    takes_items: bool
    takes_results: bool
    keeps_results: bool
    max_attempts: int | None = Field(description="null: it is not registered")
    step_timeout_seconds: float | None = Field(description="null: none")
    max_concurrency: int | None = Field(description="how many of its steps run at once; null: any number")
    priority: Priority = Field(description="of its tasks that are started without one")
    runs: int = Field(description="how many past runs are kept, about", json_schema_extra={"example": 12})
    last_run: RunAnswer | None


class JobsAnswer(BaseModel):
    jobs: list[JobAnswer] = Field(description="by their names")


class JobRunsAnswer(BaseModel):
    job: JobAnswer
    runs: list[RunAnswer] = Field(description="newest first")
    next: str | None = Field(description="`before` of the next page; null on the last")


def blueprint(store: Store, jobs: Jobs) -> APIBlueprint:
    """Make the routes over this store and these jobs."""
    routes = APIBlueprint("jobs", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)

    @routes.get("/jobs", responses={200: JobsAnswer})
    def list_jobs() -> Reply:
        """List the jobs that there are or that have run, each with its last run. A browser gets a page."""
        return either(JobsAnswer(jobs=described(store, jobs, None)), "jobs.html", here=HOME)

    @routes.get("/jobs/<name>", responses={200: JobRunsAnswer, **GONE})
    def show_job(path: JobPath, query: RunsQuery) -> Reply:
        """Show what a job does, and its past runs, newest first. A browser gets a page.

        A run is kept for HISTORY_TTL; its task can be run again only while its record is kept.
        """
        (job,) = described(store, jobs, path.name)
        found = history.list_runs(store, path.name, limit=query.limit, before=query.before)
        runs = as_answers(store, found.runs)
        made = JobRunsAnswer(job=job, runs=runs, next=found.next)
        shown = {"charts": pages.drawn(found.runs), "types": types_of(job.params)}
        return either(made, "job.html", here=HOME, before=query.before, **shown)

    return routes


def described(store: Store, jobs: Jobs, name: str | None) -> list[JobAnswer]:
    """Describe one job, or all.

    Raises:
        NotFound: there is no such job, and none has run.
    """
    registered = {job.name: job for job in jobs}
    found = history.list_jobs(store, registered)
    chosen = [one for one in found if name in (None, one.job)]
    if name is not None and not chosen:
        raise NotFound(f"no job {name} is known, and none of its runs is kept", field="name")
    newest = {one.job: one.last for one in chosen if one.last}
    last = dict(zip(newest, as_answers(store, list(newest.values())), strict=True))
    return [describe(one.job, registered.get(one.job), one.runs, last.get(one.job)) for one in chosen]


def as_answers(store: Store, runs: Sequence[PastRun]) -> list[RunAnswer]:
    kept = history.with_order(store, runs)
    return [RunAnswer.of(run, order_kept=run.task_id in kept) for run in runs]


def describe(name: str, job: Job | None, runs: int, last: RunAnswer | None) -> JobAnswer:
    timeout = job.step_timeout if job else None
    return JobAnswer(
        name=name,
        registered=job is not None,
        description=(inspect.getdoc(job.function) or "") if job else "",
        params=schema_of(job) if job else {},
        takes_items=bool(job and job.item),
        takes_results=bool(job and job.results_name),
        keeps_results=bool(job and job.keep_results),
        max_attempts=job.retry_policy.max_attempts if job else None,
        step_timeout_seconds=timeout.total_seconds() if timeout else None,
        max_concurrency=job.max_concurrency if job else None,
        priority=job.priority if job else NORMAL,
        runs=runs,
        last_run=last,
    )


@cache  # making it takes milliseconds, and it stays as it is
def schema_of(job: Job) -> dict[str, Any]:
    """The schema of a job's parameters; empty where it cannot be written."""
    try:
        schema = job.params.model_json_schema()
    except PydanticInvalidForJsonSchema:
        return {}
    schema.pop("title", None)
    return schema
