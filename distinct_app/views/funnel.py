"""The route of funnels."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint

from distinct_app.models.funnel import NOTE, FunnelAnswer, FunnelBody, FunnelStepAnswer, StepBody
from donebit import clock
from donebit.activity.analytics import funnel
from donebit.activity.analytics.funnel import Reached, Step
from donebit.activity.periods.calendar import ALL_TIME
from donebit.activity.site import Site
from donebit.web.answers import Reply, answer
from donebit.web.questions.asking import answer_to


def add(routes: APIBlueprint, site: Site) -> None:
    """Add the route of funnels; it is a POST because of the length of the question, and changes nothing."""

    @routes.post("/funnel", responses={200: FunnelAnswer})
    def funnel_of_steps(body: FunnelBody) -> Reply:
        """Count the users of each step of a funnel who are in all steps before it.

        The order in which a user took the steps is known only as far as their periods show it.
        """
        steps = [step_of(site, step, place) for place, step in enumerate(body.steps)]
        reached = answer_to(funnel.reached, site, steps)
        pairs = zip(body.steps, reached, strict=True)
        return answer(FunnelAnswer(steps=[step_answer(*pair) for pair in pairs], note=NOTE))


def step_of(site: Site, body: StepBody, place: int) -> Step:
    """The set of a step. Raises InvalidInput for a period that does not exist or has expired."""
    if body.flag is not None:
        return funnel.flagged(site, body.flag)
    now, field, event = clock.now(), f"steps.{place}", str(body.event)
    if body.from_ is None:
        period = site.calendar.named(ALL_TIME.name if body.period is None else body.period, f"{field}.period")
        return funnel.in_period(site, event, period, now, f"{field}.period")
    start = site.calendar.moment(body.from_, f"{field}.from")
    stop = site.calendar.moment(body.to, f"{field}.to") if body.to else None
    return funnel.in_days(site, event, start=start, stop=stop, now=now)


def step_answer(asked: StepBody, found: Reached) -> FunnelStepAnswer:
    step = found.step
    return FunnelStepAnswer(
        event=asked.event,
        flag=asked.flag,
        from_=clock.iso(step.start) if step.start else None,
        to=clock.iso(step.stop) if step.stop else None,
        count=found.count,
        of_first=found.of_first,
        of_previous=found.of_previous,
        order=found.order,
    )
