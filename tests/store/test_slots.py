"""The slot of a key, and which of a command's words decides where it goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donebit.store import keys
from donebit.store.slots import SLOTS, first_key, slot_of
from tests.clusters import Cluster


@given(key=st.text(alphabet="ab{}:é", max_size=12).filter(bool))
def test_a_slot_is_the_one_that_a_server_computes(cluster: Cluster, key: str) -> None:
    assert slot_of(key) == int(cluster.primaries[0].ask("KEYSLOT", key))
    assert 0 <= slot_of(key) < SLOTS


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("GET", "a"), "a"),
        (("EVALSHA", "f00", 2, "a", "b", "c"), "a"),
        (("EVALSHA", "f00", 0, "c"), None),
        (("BITOP", "OR", "a", "b"), "a"),
        (("MEMORY USAGE", "a"), "a"),
        (("SCRIPT LOAD", "return 1"), None),
        (("INFO", "memory"), None),
        (("TIME",), None),
    ],
)
def test_a_command_goes_where_its_first_key_is(command: tuple[str | int, ...], key: str | None) -> None:
    assert first_key(command) == key


def test_what_is_kept_of_a_task_is_in_one_slot() -> None:
    assert len(set(map(slot_of, [*keys.of_task("t"), *keys.of_chord("t"), keys.deliveries("t")]))) == 1


def test_all_bitmaps_of_a_segment_are_in_one_slot() -> None:
    of_events = [keys.segment(7, "one", "all"), keys.segment(7, "two", "2026-11")]
    flags = [keys.flag_segment(7, "one"), keys.query_scratch(7, "t", 1), keys.flag_staged(7, "t")]

    assert len(set(map(slot_of, of_events + flags))) == 1
