"""The routes of retention: the cohort matrix, and the users of its cells."""

from __future__ import annotations

import re

from flask import Response, request
from flask_openapi3 import APIBlueprint
from werkzeug.exceptions import MethodNotAllowed

from distinct_app.models.cohorts import (
    CellQuery,
    CohortMembers,
    CohortQuery,
    ColumnAverage,
    RetentionAnswer,
    RetentionQuery,
    RetentionRow,
)
from distinct_app.models.common import EventPath
from distinct_app.views.successive import named_period, periods_of, range_fields, rate
from donebit import clock
from donebit.activity.analytics import retention as cohorts
from donebit.activity.analytics.retention import Average, Matrix, Question
from donebit.activity.periods.calendar import Period
from donebit.activity.sets.algebra import Set
from donebit.activity.sets.members import page_of
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer
from donebit.web.problems import of_http_error
from donebit.web.questions.asking import answer_to

MATRIX_PATH = re.compile(r"/events/([^/]+)/retention")


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the routes of the cohort matrix; none of them changes anything."""

    def question_of(path: EventPath, query: CohortQuery) -> Question:
        return cohorts.question(site, path.event, query.return_, query.cohort, clock.now())

    @routes.get("/events/<event>/retention", responses={200: RetentionAnswer})
    def retention(path: EventPath, query: RetentionQuery) -> Reply:
        """Count how many of each period's users came back in later periods (cohort matrix)."""
        question = question_of(path, query)
        cohorts.refuse_too_many(query.rows, query.columns)
        periods = periods_of(site, question, query, query.granularity, query.rows, "rows")
        matrix = answer_to(cohorts.matrix, site, question, periods, query.columns)
        return answer(retention_answer(question, query, matrix))

    @routes.get("/events/<event>/retention/members", responses={200: CohortMembers})
    def retention_members(path: EventPath, query: CellQuery) -> Reply:
        """List the users of a cohort, or those who came back a number of periods later."""
        question = question_of(path, query)
        row = named_period(site, question, query.row, "row")
        users = members(site, question, row, query.column)
        page = answer_to(page_of, site, question.event.kind, users, after=query.after, limit=query.limit)
        return answer(
            CohortMembers(
                event=path.event,
                return_=question.returning.name,
                cohort=query.cohort,
                column=query.column,
                users=page.users,
                next=page.next,
                **range_fields(row),
            )
        )


def method_not_allowed(error: MethodNotAllowed) -> Response:
    """Answer 405; a PUT of the matrix, which once set the data expiry, is answered with where that is now."""
    found = MATRIX_PATH.fullmatch(request.path)
    if found is not None and request.method == "PUT":
        error.description = (
            f"{request.path} is the cohort matrix and cannot be set; PUT /events/{found[1]}/expiry sets how "
            "long the event's data is kept"
        )
    return of_http_error(error)


def members(site: Site, question: Question, row: Period, column: int | None) -> Set:
    """The users of a row's cohort, or with a column those of them who came back in it."""
    if column is None:
        return cohorts.cohort(question, row)
    return cohorts.cell(question, row, cohorts.column_of(site, question, row, column))


def retention_answer(question: Question, query: RetentionQuery, matrix: Matrix) -> RetentionAnswer:
    rows = [
        RetentionRow(users=row.users, counts=row.counts, running=row.open_column, **range_fields(row.period))
        for row in matrix.rows
    ]
    averages = [average_answer(column, average) for column, average in enumerate(matrix.averages)]
    return RetentionAnswer(
        event=question.event.name,
        return_=question.returning.name,
        granularity=query.granularity,
        cohort=query.cohort,
        known_from=clock.iso(matrix.known_from) if matrix.known_from else None,
        rows=rows,
        averages=averages,
    )


def average_answer(column: int, average: Average) -> ColumnAverage:
    return ColumnAverage(
        column=column,
        users=average.users,
        returned=average.returned,
        rate=rate(average.returned, average.users),
    )
