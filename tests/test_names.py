"""Which names are taken, and that what was named otherwise once can go."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from redis import Redis

from donebit.completion import failing, lifecycle, reporting, resuming
from donebit.completion.resuming import Extension
from donebit.completion.state import State
from donebit.errors import InvalidInput
from donebit.names import NAME_PATTERN, checked_name, is_name, stored_name
from donebit.store import Store, keys
from tests.completion.arranged import TTLS, start
from tests.web.services import Services, body_of


@given(st.text("az09._- \n/", max_size=102))
def test_a_name_is_one_to_100_of_its_alphabet_but_no_step_in_a_path(text: str) -> None:
    expected = re.fullmatch(r"[a-z0-9._-]{1,100}", text) is not None and text not in {".", ".."}

    assert is_name(text) is expected


@pytest.mark.parametrize("name", ["...", ".a", "..a", "a.", "." * 100, "a" * 100, "." + "a" * 99])
def test_dots_within_a_name_are_taken(name: str) -> None:
    assert checked_name(name, "event") == name
    assert not is_name(name + "a" * (101 - len(name)))


@pytest.mark.parametrize("name", [".", ".."])
def test_a_step_in_a_path_is_no_name_but_can_be_deleted(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"but not \. or \.\.$"):
        checked_name(name, "event")
    assert stored_name(name, "event") == name
    with pytest.raises(InvalidInput):
        stored_name("a b", "event")


def test_the_pattern_is_one_that_pydantic_can_compile() -> None:
    class Named(BaseModel):
        name: str = Field(pattern=NAME_PATTERN)

    assert Named(name=".a").name == ".a"
    with pytest.raises(ValueError, match="pattern"):
        Named(name="..")


@pytest.mark.parametrize("name", [".", ".."])
def test_a_task_named_by_dots_before_can_end_and_be_resumed(store: Store, client: Redis, name: str) -> None:
    task = start(store, 3, task_id="old")
    for key in (keys.bitmap(task.id), keys.record(task.id)):
        client.rename(key, key.replace("{old}", f"{{{name}}}"))
    store.task_index.unindex_task(task.id)

    failing.fail(store, name, 0, "boom")
    reporting.report(store, name, [1, 2])
    resuming.resume(store, name, TTLS)
    resuming.extend(store, name, Extension(add=1), max_steps=10)
    lifecycle.cancel(store, name)

    assert lifecycle.get_task(store, name).task.state is State.CANCELLED


@pytest.mark.own_keys("donebit:event:*", "donebit:flag:*")
def test_what_an_older_version_named_by_dots_can_be_deleted(real_store: Store) -> None:
    client = real_store.tasks._client
    task = start(real_store, 3, task_id="old")
    for key in (keys.bitmap(task.id), keys.record(task.id)):
        client.rename(key, key.replace("{old}", "{..}"))
    client.hset(keys.event_meta(".."), "kind", "integers")
    client.hset(keys.EVENTS, "..", "integers")
    client.hset(keys.flag_meta("."), "kind", "integers")
    client.hset(keys.FLAGS, ".", "integers")
    services = Services(real_store)

    assert services.done.delete("/tasks/..").status_code == 204
    assert body_of(services.distinct.delete("/events/.."))["forgotten"] is True
    assert body_of(services.distinct.delete("/flags/."))["dropped"] is True
    assert client.keys("*..*") == []
    assert client.hgetall(keys.EVENTS) == client.hgetall(keys.FLAGS) == {}
