"""Threads of a test that send their commands to a store in an order that is given."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from redis import exceptions
from redis.client import Pipeline

from donebit.store.server_client import RoutedPipeline, ServerClient

SENDING = ((ServerClient, "execute_command"), (Pipeline, "execute"), (RoutedPipeline, "execute"))


class Turns:
    """Whose command is next: as the order says, and after its end the first's who still runs, by name.

    Args:
        names: of those who take turns; commands of another thread need none
        order: names, each for one command
        lost: whose connection is lost, and after how many commands
    """

    def __init__(self, names: Sequence[str], order: Sequence[str], lost: Mapping[str, int]) -> None:
        self._running, self._order, self._lost = set(names), deque(order), lost
        self._sent: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._sending = threading.local()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and have it; what a command sends in its course is part of it."""
        name = threading.current_thread().name
        if name not in self._running or getattr(self._sending, "now", False):
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: self._next() == name)
            if self._order:
                self._order.popleft()
            self._sent[name] += 1
            self._sending.now = True
            try:
                if self._sent[name] > self._lost.get(name, self._sent[name]):
                    raise exceptions.ConnectionError("cut off")
                yield
            finally:
                self._sending.now = False
                self._changed.notify_all()

    def _next(self) -> str:
        while self._order and self._order[0] not in self._running:
            self._order.popleft()
        return self._order[0] if self._order else min(self._running)

    def end(self, name: str) -> None:
        with self._changed:
            self._running.discard(name)
            self._changed.notify_all()


def run_in_turns(
    acts: Mapping[str, Callable[[], object]], order: Sequence[str], lost: Mapping[str, int]
) -> None:
    """Do several things at once, by their names, as `Turns` says."""
    turns = Turns(list(acts), order, lost)

    def act_of(name: str) -> None:
        try:
            acts[name]()
        finally:
            turns.end(name)

    threads = [threading.Thread(target=act_of, args=(name,), name=name) for name in acts]
    with pytest.MonkeyPatch.context() as patched:
        for owner, method in SENDING:
            patched.setattr(owner, method, in_turn(turns, getattr(owner, method)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def in_turn(turns: Turns, send: Callable[..., Any]) -> Callable[..., Any]:
    def one(*args: Any, **options: Any) -> Any:
        with turns.turn():
            return send(*args, **options)

    return one
