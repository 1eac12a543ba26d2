"""The result backend by itself: its sweep, what it subscribes to, and how it finds its server."""

from __future__ import annotations

from types import ModuleType

import pytest
from celery import chord

from donebit.celery import progress, sweep, sweep_chords
from donebit.completion import announcing, lifecycle
from donebit.store import Store


def sum_of(results: list[int]) -> int:
    return sum(results)


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by Celery
def test_a_sweep_leaves_the_bodies_of_other_applications(
    project: ModuleType, lasting_store: tuple[object, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own is called though one of another application is due before it."""
    monkeypatch.setattr(sweep, "AT_ONCE", 1)
    of_another = project.app.signature("another.total")
    bodies = [of_another, chord([project.same.s(), project.same.s()], of_another), project.same.s()]
    for body in bodies:
        applied = chord([project.same.s(1), project.same.s(2)], body).apply_async()
        lifecycle.cancel(lasting_store[1], progress(applied).task_id)
        announcing.announce(lasting_store[1], progress(applied).task_id)

    assert (sweep_chords(project.app), sweep_chords(project.app)) == (1, 0)
    assert progress(applied).called
    project.app.task(sum_of, name="another.total")
    assert (sweep_chords(project.app), sweep_chords(project.app)) == (2, 0)
