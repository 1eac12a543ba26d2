"""The tasks page: start a task, watch the running ones, look through the finished ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from donebit import clock
from donebit.completion import diagnosis, leases, listing
from donebit.completion.diagnosis import Observations
from donebit.completion.leases import RunningStep
from donebit.completion.listing import Filter
from donebit.completion.spec import TaskSpec
from donebit.completion.state import State
from donebit.completion.task import Task
from donebit.priority import PRIORITIES
from donebit.store import Store
from donebit.web.listener import Table
from donebit.web.task_answer import signs
from donebit.web.task_summary import TaskSummary
from trigger_app.models import TaskRequest
from trigger_app.orders import spec_of
from trigger_app.pages import acting
from trigger_app.pages.fragments import fragment
from trigger_app.pages.job_forms import JobForm, form_of, typed
from trigger_app.pages.problems import wants_page
from trigger_app.pages.view import PageContext, View, attempt, count_asked, page_route, redirect_to

SHOWN = 20  # ended tasks on a page
ENDS = (State.DONE, State.FAILED, State.CANCELLED)
FIRST_JOB = "demo"
BEGUN_FIELDS = ("begun", "count", "job", "label", "priority")  # of the form that starts a task


@dataclass(frozen=True, slots=True)
class RunningRow:
    """A running task as the page shows it."""

    task: TaskSummary
    waiting_for: str | None
    steps_per_second: float | None
    seconds_left: float | None
    age_seconds: int  # of its last progress; whole ones, so that an idle row changes once a second


@dataclass(frozen=True, slots=True)
class EndedRow:
    """A finished task as the page shows it."""

    task: TaskSummary
    took_seconds: float
    steps_per_second: float | None  # from its start to its end; None where it took no time

    @classmethod
    def of(cls, task: Task) -> EndedRow:
        took = task.took.total_seconds() if task.took else 0.0
        return cls(TaskSummary.of(task), took, task.done_steps / took if took else None)


@dataclass(frozen=True, slots=True)
class FinishedFilter:
    """Which finished tasks the address asks for."""

    state: State | None
    job: str | None
    prefix: str | None  # of the id
    label: str | None
    error: str | None  # a part of it
    cursor: str | None

    @classmethod
    def from_request(cls) -> FinishedFilter:
        asked = {} if form_begun() else request.args

        def given(name: str) -> str | None:
            return asked.get(name, "").strip()[:100] or None

        state = given("state")
        return cls(
            State(state) if state in {*ENDS} else None,
            given("job"),
            given("prefix"),
            given("label"),
            given("error"),
            asked.get("cursor") or None,
        )

    @property
    def query(self) -> str:
        """The filter as it stands in an address, without the cursor."""
        given = {name: value for name, value in asdict(self).items() if value and name != "cursor"}
        return urlencode(given)


def add_routes(routes: Blueprint, context: PageContext) -> None:
    """Add the page and the address that its form is sent to."""

    @routes.get("/")
    @page_route(context.settings)
    def done() -> ResponseReturnValue:
        choice = FinishedFilter.from_request()
        forms = [form_of(job) for job in context.jobs if job.needs_only_count]
        now, away = attempt(lambda: overview(context, choice))
        return render_template(
            "done.html",
            here="/",
            away=away,
            **now or {"rows": [], "ended": [], "next": None},
            choice=choice,
            ends=ENDS,
            most=SHOWN,
            actions={action.value: title for action, (title, _) in acting.WORDS.items()},
            forms=forms,
            others=[job.name for job in context.jobs if not job.needs_only_count],
            chosen=chosen_form(forms),
            begun=form_begun(),
            priorities=PRIORITIES,
            settings=context.settings,
            port=context.settings.trigger_port,
        )

    acting.add_routes(routes, context)

    @routes.post("/start")
    def start() -> ResponseReturnValue:
        if "begun" in request.form:
            return to_begun_form()
        begun = context.starter.start(spec_asked(context))
        if not wants_page():
            return begun.reply()
        return redirect_to(f"/tasks/{begun.task.task_id}")


def to_begun_form() -> ResponseReturnValue:
    """Lead to the page with what stands in the form, to be shown the fields of a job without a script.

    Not sent there by the form itself: the address would hold the token that says that it is of this session.
    """
    return redirect_to("/?" + urlencode({name: request.form.get(name, "") for name in BEGUN_FIELDS}))


def form_begun() -> Mapping[str, str]:
    """What stands in the form that starts a task, when its page was asked for by it."""
    return request.args if "begun" in request.args else {}


def chosen_form(forms: Sequence[JobForm]) -> str:
    asked = request.args.get("job", FIRST_JOB)
    return asked if asked in {form.job for form in forms} else ""


def spec_asked(context: PageContext) -> TaskSpec:
    """Read a task specification from the form, with the parameters typed as the job's signature says.

    Raises:
        InvalidInput: a field is not of its type; the error names it.
    """
    sent = request.form
    count = count_asked(context.settings.max_steps)
    job = sent.get("job") or None
    params = typed(form_of(context.jobs.find(job)), sent) if job else {}
    asked = {
        "count": count,
        "job": job,
        "label": sent.get("label", "").strip() or None,
        "params": params,
        "priority": sent.get("priority") or None,
    }
    return spec_of(TaskRequest.model_validate(asked), context.jobs, context.settings.stall_after)


def overview(context: PageContext, choice: FinishedFilter) -> dict[str, Any]:
    """Read the running tasks and one page of the finished ones."""
    wanted = Filter(
        choice.state,
        choice.label,
        ended=True,
        job=choice.job,
        prefix=choice.prefix,
        error=choice.error,
    )
    found = listing.list_tasks(context.store, wanted, limit=SHOWN, cursor=choice.cursor)
    return {
        "rows": running(context),
        "ended": [EndedRow.of(task) for task in found.tasks],
        "next": found.next,
    }


def running(context: PageContext) -> list[RunningRow]:
    tasks = listing.list_running(context.store)
    if not tasks:
        return []  # and nothing of the queue is read for them
    priorities = {task.spec.priority for task in tasks}
    seen = {one: signs(context.store, context.settings, one) for one in priorities}
    now = clock.now()
    held = leases.running_steps_by_task(context.store, [task.id for task in tasks])
    return [row_of(task, seen[task.spec.priority], now, held[task.id]) for task in tasks]


def row_of(task: Task, seen: Observations, now: datetime, held: Sequence[RunningStep]) -> RunningRow:
    found = diagnosis.diagnose(task, seen, now, held)
    return RunningRow(
        TaskSummary.of(task),
        found.waiting_for,
        found.steps_per_second,
        found.time_left.total_seconds() if found.time_left is not None else None,
        int((now - task.last_progress_at).total_seconds()),
    )


def newest_ended(store: Store) -> list[EndedRow]:
    found = listing.list_tasks(store, Filter(ended=True), limit=SHOWN)
    return [EndedRow.of(task) for task in found.tasks]


def read_lists(context: PageContext, about: str, before: Table) -> Table:
    del about, before
    root = context.settings.trigger_prefix
    return {
        "running": fragment("running", root=root, rows=running(context), port=context.settings.trigger_port),
        "ended": fragment("ended", root=root, ended=newest_ended(context.store)),
    }


VIEW = View("done", "/", "Tasks", add_routes, read_lists)
