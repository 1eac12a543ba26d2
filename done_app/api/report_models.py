"""The requests that report steps, with results, and that read results and add items."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from done_app.api.models import LARGEST_STEP, GroupId, Step, WrittenStep
from donebit.completion.failing import ChosenSteps
from donebit.completion.reporting import MAX_STEPS_PER_REPORT
from donebit.web.models import WRITTEN, WRITTEN_BOOLEAN, Integer, Request, matching

MOST_STEPS_ASKED = 1000  # results by their steps, in one request


class ResultBody(Request):
    """What a step returned, which may be left out."""

    result: Annotated[
        Any,
        Field(
            description="any JSON value of at most MAX_STEP_RESULT_BYTES", json_schema_extra={"example": 5}
        ),
    ] = None


class StepResult(Request):
    """What one step returned."""

    step: Annotated[Step, Field(description="the step, from 0", json_schema_extra={"example": 8})]
    result: Annotated[
        Any,
        Field(
            description="any JSON value of at most MAX_STEP_RESULT_BYTES", json_schema_extra={"example": 5}
        ),
    ]


class StepsAndRanges(Request):
    """Steps of a task."""

    steps: Annotated[
        list[Step],
        Field(
            default_factory=list,
            max_length=MAX_STEPS_PER_REPORT,
            description="single steps",
            json_schema_extra={"example": [17]},
        ),
    ]
    ranges: Annotated[
        list[tuple[Step, Annotated[Integer, Field(ge=1, le=LARGEST_STEP)]]],
        Field(
            default_factory=list,
            max_length=MAX_STEPS_PER_REPORT,
            description="half-open ranges",
            json_schema_extra={"example": [[100, 200]]},
        ),
    ]


class RetryBody(StepsAndRanges):
    """Which of the steps that gave up are to be tried again: a group of errors, or steps and ranges.

    The others of a range are left as they are.
    """

    group: Annotated[
        GroupId | None, Field(description="all steps of this group, in place of steps and ranges")
    ] = None

    def as_chosen(self) -> ChosenSteps:
        return ChosenSteps(self.steps, self.ranges, self.group)


class StepsBody(StepsAndRanges):
    """Steps that are done, single or as half-open ranges, or with what they returned."""

    results: Annotated[
        list[StepResult],
        Field(
            default_factory=list,
            max_length=MAX_STEPS_PER_REPORT,
            description="further steps, with what they returned; one that was done keeps what it has",
            json_schema_extra={"example": [{"step": 8, "result": 5}]},
        ),
    ]


class FailureBody(Request):
    """A step that failed and will not be tried again."""

    step: Annotated[Step, Field(description="the step, from 0", json_schema_extra={"example": 4})]
    error: Annotated[
        str,
        Field(
            max_length=10_000,
            description="why it failed; the first 500 characters are kept",
            json_schema_extra={"example": "ValueError: no such picture"},
        ),
    ] = ""


STEP_LIST = rf"^[0-9]{{1,10}}(,[0-9]{{1,10}}){{0,{MOST_STEPS_ASKED - 1}}}$"
StepList = Annotated[
    str,
    matching(STEP_LIST, f"1 to {MOST_STEPS_ASKED} steps with commas between them, such as 3,7"),
    Field(json_schema_extra={"pattern": STEP_LIST}),
]


class ResultsQuery(Request):
    after: Annotated[
        WrittenStep,
        Field(description="the first step: `next` of the previous page", json_schema_extra={"example": 0}),
    ] = 0
    limit: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="how many results at most; 1000 when left out, or all of them as NDJSON",
            json_schema_extra={"example": 100},
        ),
        WRITTEN,
    ] = None
    steps: Annotated[
        StepList | None,
        Field(
            description=f"only these steps, up to {MOST_STEPS_ASKED}, with commas between them",
            json_schema_extra={"example": "3,7"},
        ),
    ] = None
    runs: Annotated[
        bool,
        Field(
            description="answer the results of consecutive steps together: a quarter of the bytes",
            json_schema_extra={"example": True},
        ),
        WRITTEN_BOOLEAN,
    ] = False


class ItemsBody(Request):
    """Items to add."""

    items: Annotated[list[Any], Field(json_schema_extra={"example": ["c.txt", "d.txt"]})]


class ItemsQuery(Request):
    from_: Annotated[
        int | None,
        Field(
            alias="from",
            ge=0,
            description="the count that the task must have; 409 if it has another",
            json_schema_extra={"example": 200},
        ),
        WRITTEN,
    ] = None
