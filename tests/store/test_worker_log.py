"""The capped stream of the workers' lines, on every kind of server."""

from __future__ import annotations

import logging

import pytest
from redis import Redis

from donebit.store import Store, keys, worker_log
from donebit.workers import log
from tests.conftest import keys_without_ttl
from tests.workers.arranged import keep, say, texts


def numbered(first: int, stop: int) -> list[bytes]:
    return [str(n).encode() for n in range(first, stop)]


def test_lines_are_read_in_the_order_of_their_coming_from_both_ends(store: Store) -> None:
    kept = store.worker_log
    keep(store, numbered(0, 3))
    keep(store, numbered(3, 5))

    newest = kept.newest(3)
    older = kept.newest(3, before=newest[-1].id)
    later = kept.after(older[-1].id, 3)

    assert [entry.text for entry in newest] == [b"4", b"3", b"2"]
    assert [entry.text for entry in older] == [b"1", b"0"]
    assert [entry.text for entry in later] == [b"1", b"2", b"3"]


def test_nothing_comes_after_the_last_line_and_nothing_before_the_first(store: Store) -> None:
    kept = store.worker_log
    keep(store, [b"only"])
    (only,) = kept.newest(5)

    assert kept.after(only.id, 5) == []
    assert kept.newest(5, before=only.id) == []


def test_an_empty_log_has_no_lines(store: Store) -> None:
    assert store.worker_log.newest(5) == []
    assert store.worker_log.after("0-0", 5) == []


def test_the_oldest_lines_make_room(store: Store, client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_log, "MOST_LINES", 200)

    for first in range(0, 2000, 100):
        keep(store, numbered(first, first + 100))

    assert 200 <= client.xlen(keys.WORKER_LOG) <= 400  # the server drops them by the hundred
    assert store.worker_log.newest(1)[0].text == b"1999"


def test_the_log_goes_a_day_after_its_last_line(store: Store, client: Redis) -> None:
    keep(store, [b"one"])
    client.expire(keys.WORKER_LOG, 5)

    keep(store, [b"two"])

    assert 86_000 < client.ttl(keys.WORKER_LOG) <= 86_400
    assert keys_without_ttl(client) == set()


def test_information_pushes_no_warning_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_log, "MOST_LINES", 200)
    say(store, "it is on fire", level=logging.ERROR)
    say(store, "it is warm", level=logging.WARNING)
    say(store, 'it said "level":"error"')

    for first in range(0, 2000, 100):
        say(store, *(f"line {n}" for n in range(first, first + 100)))

    assert texts([entry.text for entry in store.worker_log.newest(9, loud=True)]) == [
        "it is warm",
        "it is on fire",
    ]
    assert b"it is on fire" not in b"".join(entry.text for entry in store.worker_log.newest(1000))
    assert [one.text for one in log.list_lines(store, limit=1, loud=True).lines] == ["it is warm"]


def test_warnings_and_errors_are_kept_for_a_week(store: Store, client: Redis) -> None:
    say(store, "it is on fire", level=logging.ERROR)

    assert 6 < client.ttl(keys.TROUBLE_LOG) / 86_400 <= 7
