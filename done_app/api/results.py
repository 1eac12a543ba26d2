"""The route that reads what the steps of a task returned, and the bodies of reports that have results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from flask import Response, request
from flask_openapi3 import APIBlueprint

from done_app.api.answer_models import ResultsAnswer
from done_app.api.answers import GONE
from done_app.api.models import TaskPath
from done_app.api.report_models import ResultBody, ResultsQuery, StepResult
from donebit.completion import lifecycle, results
from donebit.completion.results import Pair, ResultsPage
from donebit.completion.task import Task
from donebit.config import Settings
from donebit.errors import InvalidInput, StoreUnavailable
from donebit.store import Store
from donebit.web.whole_body import has_body

DEFAULT_LIMIT = 1000
JSON, LINES = "application/json", "application/x-ndjson"
LINES_PER_PIECE = 1000
# Read by the view: the body may be left out, which no model of a body can say.
RESULT_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {JSON: {"schema": ResultBody.model_json_schema(), "example": {"result": 5}}},
        "required": False,
    }
}


def add_results(routes: APIBlueprint, store: Store) -> None:
    """Add the route that reads results."""

    @routes.get("/tasks/<task_id>/results", responses={200: ResultsAnswer, **GONE})
    def show_results(path: TaskPath, query: ResultsQuery) -> Response:
        """List what the steps of a task returned, in the order of the steps.

        Steps that have failed, or are done without a result, are left out. With `Accept:
        application/x-ndjson` all results from `after` on, or those of `steps`, are streamed, one to a line; a
        stream that is broken off ends with a line that is no JSON.
        """
        task = lifecycle.get_task(store, path.task_id).task
        if request.accept_mimetypes.best_match([JSON, LINES]) == LINES:
            return Response(lines(store, task, query), content_type=LINES)
        if query.steps is not None:
            return page(task, chosen(store, task, query.steps, query), query)
        limit = DEFAULT_LIMIT if query.limit is None else query.limit
        listed = results.list_results(store, task, after=query.after, limit=limit)
        return page(task, listed, query)


def lines(store: Store, task: Task, query: ResultsQuery) -> Iterator[str]:
    """NDJSON of the results that are asked for, one to a line.

    Raises:
        InvalidInput: those of consecutive steps are to be together.
    """
    if query.runs:
        raise InvalidInput(f"runs is for an answer in JSON; {LINES} has one result to a line", field="runs")
    if query.steps is not None:
        return pieces(iter(chosen(store, task, query.steps, query).results), 0)
    found = islice(results.iterate(store, task, query.after), query.limit)
    least = task.results if query.after == 0 and query.limit is None else 0
    return pieces(found, least)


def chosen(store: Store, task: Task, steps: str, query: ResultsQuery) -> ResultsPage:
    """The results of the steps that are named, from `after` on, and at most `limit` of them."""
    asked = [step for step in map(int, steps.split(",")) if step >= query.after]
    found = results.results_of(store, task, asked)
    kept = found[: query.limit]
    return ResultsPage(kept, found[len(kept)][0] if len(kept) < len(found) else None)


def page(task: Task, listed: ResultsPage, query: ResultsQuery) -> Response:
    """Answer with some results, which are JSON already."""
    if query.runs:
        name, parts = "runs", [run_as_json(*run) for run in results.runs_of(listed.results)]
    else:
        name, parts = "results", [as_json(pair) for pair in listed.results]
    without = max(0, task.done_steps - task.results)
    end = "null" if listed.next is None else str(listed.next)
    body = f'{{"{name}":[{",".join(parts)}],"without":{without},"next":{end}}}\n'
    return Response(body, content_type=JSON)


def run_as_json(first: int, values: Sequence[str]) -> str:
    return f'{{"first":{first},"results":[{",".join(values)}]}}'


def as_json(pair: Pair) -> str:
    return f'{{"step":{pair[0]},"result":{pair[1]}}}'


def pieces(pairs: Iterator[Pair], least: int) -> Iterator[str]:
    """NDJSON, some hundred lines at a time.

    The server ends a stream that fails as it ends a whole one, so one that is broken off has a last line
    which no client can read as JSON.

    Args:
        least: how many results there must be; with fewer, some were deleted meanwhile.
    """
    sent = 0
    try:
        while part := list(islice(pairs, LINES_PER_PIECE)):
            sent += len(part)
            yield "".join(f"{as_json(pair)}\n" for pair in part)
    except StoreUnavailable as error:
        yield f"broken off: {error.detail}\n"
    else:
        if sent < least:
            yield "broken off: the results were deleted meanwhile\n"


def sent_result(settings: Settings) -> str | None:
    """The result in the body of the current request, as JSON; None without a body or a result in it.

    Raises:
        InvalidInput: it is too large.
        ValidationError: the body is no JSON object, or has another field.
    """
    if not has_body(request):
        return None
    body = ResultBody.model_validate(request.get_json(silent=True))
    if "result" not in body.model_fields_set:
        return None
    return results.encode(body.result, settings.max_step_result_bytes)


def sent_results(listed: Iterable[StepResult], settings: Settings) -> list[Pair]:
    """The results of a report, as JSON.

    Raises:
        InvalidInput: one is too large, or a step has two.
    """
    found: dict[int, str] = {}
    for one in listed:
        if one.step in found:
            raise InvalidInput(f"step {one.step} is given two results in one report", field="results")
        name = f"the result of step {one.step}"
        found[one.step] = results.encode(one.result, settings.max_step_result_bytes, name)
    return list(found.items())
