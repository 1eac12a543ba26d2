"""What is kept of a chord's body for the sweep is the body that Celery would call."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery, chain, chord, group
from celery.canvas import Signature
from kombu.exceptions import EncodeError

from donebit.celery import signatures
from donebit.celery.signatures import packed, unpacked

PLAIN, PICKLED = "proj.plain", "proj.pickled"
NO_JSON = {1: (2, {3})}


def same(value: Any) -> Any:
    return value


@pytest.fixture
def app() -> Celery:
    """An application of both kinds of tasks; nothing is connected to."""
    found = Celery("serializers", set_as_current=False)
    found.conf.accept_content = ["json", "pickle"]
    for name, serializer in [(PLAIN, "json"), (PICKLED, "pickle")]:
        found.task(name=name, serializer=serializer, shared=False)(same)
    return found


@pytest.mark.parametrize(
    "body",
    [
        Signature(PICKLED, (NO_JSON,)),
        Signature(PLAIN, (NO_JSON,), options={"serializer": "pickle"}),
        chain(Signature(PICKLED, (NO_JSON,)), Signature(PLAIN)),
        group(Signature(PLAIN, (1,)), Signature(PICKLED, (NO_JSON,))),
        chord([Signature(PICKLED, (NO_JSON,)), Signature(PLAIN)], Signature(PLAIN)),
        chord([Signature(PLAIN), Signature(PLAIN)], Signature(PICKLED, (NO_JSON,))),
    ],
    ids=["task", "option", "chain", "group", "header", "body"],
)
def test_a_body_is_kept_by_the_serializer_of_its_messages(app: Celery, body: Signature[Any]) -> None:
    """JSON has no sets, and makes text of a number that is a key, and a list of a tuple."""
    assert unpacked(app, packed(app, body)) == body


def test_a_body_that_no_serializer_of_its_own_writes_is_refused(app: Celery) -> None:
    with pytest.raises(EncodeError):
        packed(app, Signature(PLAIN, (NO_JSON,)))


def test_a_body_of_another_application_is_kept_by_its_options(app: Celery) -> None:
    body = Signature("another.total", (NO_JSON,), options={"serializer": "pickle"})

    assert list(signatures.serializers_of(app, body)) == ["pickle"]
    assert unpacked(app, packed(app, body)) == body
