"""What tokens began: noted by name or number, and forgotten when it is gone; on a cluster too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis

from donebit.store import Store, keys
from donebit.store.key_names import BEGUN
from donebit.store.quotas import Amounts
from donebit.store.visits import Batch, PeriodExpiry


@pytest.fixture
def known(store: Store) -> Store:
    """With two tokens."""
    for name in ("one", "other"):
        store.access.add_token(name, "{}")
    return store


def test_what_is_gone_is_counted_until_it_is_looked_through(known: Store) -> None:
    for name in "abc":
        for what in ("open_tasks", "events", "flags"):
            known.begun.note("one", what, name)
    known.task_index.index_task("a", 1, 2, timedelta(days=1))
    for event in "ab":
        known.visits.mark_users(event, "integers", [PeriodExpiry("all", 0)], [Batch(0, [1])])
    known.flags.enter("c", "integers")

    assert known.begun.amounts("one") == Amounts(3, 3, 3, 0)
    assert [known.begun.forget_gone("one", what) for what in BEGUN[:3]] == [1, 2, 1]
    assert known.begun.amounts("one") == Amounts(1, 2, 1, 0)
    assert known.begun.amounts("other") == Amounts(0, 0, 0, 0)
    assert known.begun.counts("events") == {"one": 2, "other": 0}


def test_texts_are_noted_by_their_numbers_once(known: Store, client: Redis) -> None:
    known.begun.note_texts("one", [0, 7, 7, *range(4000, 6500)])
    known.begun.note_texts("one", [7, 6500])
    known.begun.note_texts("other", [7])

    assert known.begun.counts("text_ids") == {"one": 2503, "other": 1}
    known.begun.forget_text(7)
    known.begun.forget_text(99_999)  # that nobody brought
    assert known.begun.counts("text_ids") == {"one": 2502, "other": 0}
    assert client.strlen(keys.begun_by("one", "text_ids")) == 6500 // 8 + 1


def test_a_revoked_token_leaves_no_notes(known: Store, client: Redis) -> None:
    for what in BEGUN[:3]:
        known.begun.note("one", what, "a")
    known.begun.note_texts("one", [3])

    assert known.access.remove_token("one")
    assert not known.access.remove_token("one")
    assert known.begun.amounts("one") == Amounts(0, 0, 0, 0)
    assert [client.exists(keys.begun_by("one", what)) for what in BEGUN] == [0] * len(BEGUN)
