"""Commands that are on their way to the nodes of a cluster, and their answers on the way back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from donebit.store.confirming import LateQuestion, late_question
from donebit.store.nodes import NodeAddress
from donebit.store.packing import Command, packed
from donebit.store.routing import NOTHING_DONE, Router, Way


class _Part:
    """Commands that are sent together, and their answers once they are read."""

    def __init__(self, commands: Sequence[Command], ways: Sequence[Way]) -> None:
        self.commands, self.ways = commands, ways
        self.answers: list[Any] = []


class Flight:
    """Parts that are on their way to the nodes of a cluster, and back."""

    def __init__(self, router: Router, lent: ExitStack) -> None:
        self._router, self._lent = router, lent
        self._connections: dict[Any, Any] = {}
        self._questions: dict[Any, LateQuestion | None] = {}
        self._under_way: deque[_Part] = deque()

    def send(self, commands: Sequence[Command]) -> None:
        """Send each command to its node."""
        ways = [Way(self._router.address_of(command)) for command in commands]
        of_nodes: dict[Any, list[Command]] = {}
        for command, way in zip(commands, ways, strict=True):
            of_nodes.setdefault(way.address, []).append(command)
        for address, of_node in of_nodes.items():
            connection = self._connection_to(address)
            if question := self._questions[address]:
                question.note(of_node)
            with self._router.noting(address):
                connection.send_packed_command([b"".join(map(packed, of_node))])
        self._under_way.append(_Part(commands, ways))

    def _connection_to(self, address: NodeAddress) -> Any:
        if address not in self._connections:
            connection = self._lent.enter_context(self._router.connection_to(address))
            self._connections[address], self._questions[address] = connection, late_question(connection)
        return self._connections[address]

    def confirm(self) -> None:
        """Ask the replicas of each node, once every answer is read."""
        questions = [one for one in self._questions.values() if one]
        for question in questions:
            question.send()
        for question in questions:
            question.read()

    def receive(self) -> list[Any]:
        """The answers to the part that was sent first."""
        part = self._under_way[0]
        if not part.answers:
            self._read(part)
            if any(isinstance(answer, NOTHING_DONE) for answer in part.answers):
                self._send_again()
        self._under_way.popleft()
        for answer in part.answers:
            if isinstance(answer, Exception):
                raise answer
        return part.answers

    def _read(self, part: _Part) -> None:
        part.answers = [self._router.read(self._connections[way.address], way) for way in part.ways]

    def _send_again(self) -> None:
        """Send what a node has refused, in order, before anything else: what follows may build on it."""
        for part in self._under_way:
            if not part.answers:
                self._read(part)
        refused = [
            (part, place)
            for part in self._under_way
            for place, answer in enumerate(part.answers)
            if isinstance(answer, NOTHING_DONE)
        ]
        # Every answer is read. The router lends for itself, and a pool may have no more than one connection.
        self.confirm()
        self._lent.close()
        self._connections.clear()
        self._questions.clear()
        answers = self._router.answers(
            [part.commands[place] for part, place in refused],
            [(part.ways[place], part.answers[place]) for part, place in refused],
        )
        for (part, place), answer in zip(refused, answers, strict=True):
            part.answers[place] = answer

    def give_up(self) -> None:
        """Close the connections: answers that nobody reads must not be the next one's."""
        for connection in self._connections.values():
            connection.disconnect()
