"""An order is kept as one text: what is read back is what was asked for, those that follow included."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from donebit.completion.spec import Callback, NextTask, TaskSpec, Webhook
from donebit.completion.state import State
from donebit.priority import PRIORITIES
from trigger_app.orders import LONGEST_CHAIN

TEXTS = st.text(max_size=20)
ENDS = st.lists(st.sampled_from([State.DONE, State.FAILED, State.CANCELLED]), min_size=1, unique=True).map(
    tuple
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
LIVES = st.timedeltas(timedelta(seconds=1), timedelta(days=30))


def orders(then: st.SearchStrategy[NextTask | None]) -> st.SearchStrategy[TaskSpec]:
    return st.builds(
        TaskSpec,
        st.integers(1, 10**8),
        st.none() | TEXTS,
        st.dictionaries(TEXTS, VALUES, max_size=3),
        st.none() | TEXTS,
        st.none() | st.integers(1, 10**8),
        LIVES,
        st.none() | LIVES,
        st.none() | st.builds(Webhook, TEXTS, ENDS),
        st.none() | st.builds(Callback, TEXTS, ENDS),
        then,
        priority=st.sampled_from(PRIORITIES),
    )


def followed(tasks: int) -> st.SearchStrategy[TaskSpec]:
    if tasks == 1:
        return orders(st.none())
    return orders(st.none() | st.builds(NextTask, st.deferred(lambda: followed(tasks - 1)), ENDS))


@settings(deadline=None)
@given(followed(4))
def test_what_is_read_back_is_what_was_asked_for(order: TaskSpec) -> None:
    assert TaskSpec.from_text(order.as_text()) == order


@settings(deadline=None)
@given(followed(3))
def test_equal_orders_give_equal_texts(order: TaskSpec) -> None:
    """However they were written: as JSON has it, the keys of an object have no order."""
    turned = json.loads(order.as_text(), object_pairs_hook=lambda pairs: dict(reversed(pairs)))

    read = TaskSpec.from_text(json.dumps(turned))

    assert read.as_text() == order.as_text()


def test_the_longest_chain_is_read_back_whole() -> None:
    order = TaskSpec(LONGEST_CHAIN)
    for count in range(LONGEST_CHAIN - 1, 0, -1):
        order = TaskSpec(count, then=NextTask(order))

    read = TaskSpec.from_text(order.as_text())

    assert read == order
    assert [one.count for one in read.chain] == list(range(1, LONGEST_CHAIN + 1))


def test_an_order_kept_before_ends_could_be_told_is_read_as_it_was() -> None:
    text = '{"batch":null,"count":3,"job":"demo","label":null,"params":{},"stall_after_s":60.0}'

    order = TaskSpec.from_text(text)

    assert order == TaskSpec(3, "demo")
    assert order.as_text() == text


@settings(deadline=None)
@given(followed(2), st.data())
def test_only_what_differs_is_named(order: TaskSpec, data: st.DataObject) -> None:
    other = data.draw(st.just(order) | followed(2) | st.builds(replace, st.just(order), label=TEXTS))

    assert (order.differences(other) == "") == (order == other)


def test_a_difference_gives_both_values_and_cuts_long_ones() -> None:
    order = TaskSpec(3, "demo", {"text": "a" * 200})

    assert (
        order.differences(TaskSpec(4, params={"text": "a" * 200}))
        == "count is 3, not 4; job is demo, not null"
    )
    assert order.differences(TaskSpec(3, "demo")) == f'params is {{"text": "{"a" * 90}..., not {{}}'
