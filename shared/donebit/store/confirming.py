"""Changes that replicas confirm: the question for it is sent with the change, in the same write.

`WAIT` alone would not do: it waits for what its own connection has changed, and a report that is sent again,
whose mark another connection has made, changes nothing. A small key, written between the two, makes it wait
for all that the node has done before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from redis import exceptions
from redis.connection import AbstractConnection

from donebit.store.connections import CheckedConnection
from donebit.store.key_names import Keys
from donebit.store.packing import packed
from donebit.store.slots import SCRIPTS_CALLED, first_key, slot_of

WITHIN_MS: Final = 500  # a service answers within a second
ASKED_AGAIN_SECONDS: Final = 10.0  # after replicas that were too few, by those who go on without them
KEPT_SECONDS: Final = 60

# All that the store sends and that changes something; a script that changes nothing says so in its source.
CHANGING: Final = frozenset(
    {"EXPIRE", "EXPIREAT", "HDEL", "HINCRBY", "HSET", "HSETNX", "LSET", "PERSIST", "PEXPIRE", "RENAME"}
    | {"RPUSH", "SADD", "SET", "SETBIT", "SREM", "UNLINK", "XADD", "ZADD", "ZREM"}
    | {"ZREMRANGEBYRANK", "ZREMRANGEBYSCORE"}
    | {*SCRIPTS_CALLED}
)

Command = Sequence[Any]

log = logging.getLogger(__name__)


class Unconfirmed(exceptions.RedisError):
    """Too few replicas have confirmed a change in time."""


class Confirmation:
    """How many replicas are to confirm each change, and what becomes of one that they do not confirm in time.

    Thread-safe.

    Args:
        keys: names what changes without being promised to anybody
        replicas: how many must confirm
        reading_scripts: the digests of those that change nothing
        goes_on: whether such a change counts all the same, and it is only logged; for work that is sent again
            by itself. Replicas that were too few are then left alone for a while.
    """

    def __init__(self, keys: Keys, replicas: int, reading_scripts: frozenset[str], *, goes_on: bool) -> None:
        self.replicas = replicas
        self.missed = 0  # changes, since the process began
        self._keys, self._reading_scripts, self._goes_on = keys, reading_scripts, goes_on
        self._missed_at: dict[str, float] = {}  # by node; time.monotonic()
        self._of_thread = threading.local()

    def begin(self) -> None:
        """Begin to note which nodes this thread asks for something."""
        self._of_thread.nodes = set()

    def note(self, node: str) -> None:
        """Note that this thread asks a node for something."""
        if (nodes := self.noted()) is not None:
            nodes.add(node)

    def settle(self, node: str) -> None:
        """Note that replicas have all that this thread has asked a node for."""
        if (nodes := self.noted()) is not None:
            nodes.discard(node)

    def noted(self) -> set[str] | None:
        """The nodes that this thread has asked for something since it began; None if it never began."""
        return getattr(self._of_thread, "nodes", None)

    def concerns(self, command: Command | bytes) -> bool:
        """Whether a command changes what somebody may count on."""
        if command[0] not in CHANGING or isinstance(command, bytes):
            return False
        if command[0] in SCRIPTS_CALLED and command[1] in self._reading_scripts:
            return False
        return not self._keys.is_passing(str(first_key(command)))

    def question(self, commands: Iterable[Command | bytes], node: str) -> list[Command]:
        """What is to be sent after commands on a connection to a node; two commands, or none."""
        changing = next(filter(self.concerns, commands), None)
        if changing is None or not self._is_asked(node):
            return []
        name = self._keys.confirmation(slot_of(str(first_key(changing))))
        return [("SET", name, "", "EX", KEPT_SECONDS), ("WAIT", self.replicas, WITHIN_MS)]

    def _is_asked(self, node: str) -> bool:
        missed_at = self._missed_at.get(node)
        return not (self._goes_on and missed_at and time.monotonic() < missed_at + ASKED_AGAIN_SECONDS)

    def take(self, node: str, answers: Sequence[Any]) -> None:
        """Take the answers to the question.

        Raises:
            Unconfirmed: too few replicas confirmed, or none could be asked, and that matters.
        """
        refusal = next((one for one in answers if isinstance(one, Exception)), None)
        confirmed = 0 if refusal else answers[-1]
        if confirmed >= self.replicas:
            if self._missed_at.pop(node, None):
                log.info("replicas of %s confirm changes again", node)
            return
        self.missed += 1
        self._log_first(
            node, f"{confirmed} of {self.replicas} replicas of {node} confirmed a change", refusal
        )
        if not self._goes_on:
            raise Unconfirmed(str(refusal or f"{confirmed} of {self.replicas}"))

    def _log_first(self, node: str, what: str, refusal: Exception | None) -> None:
        if node not in self._missed_at:
            rest = "work goes on without" if self._goes_on else "changes are 503 until they do"
            why = f" ({refusal})" if refusal else ""
            log.warning("%s within %d ms%s: %s", what, WITHIN_MS, why, rest)
        self._missed_at[node] = time.monotonic()


class ConfirmingConnection(CheckedConnection):
    """A connection that has replicas confirm each change that is sent over it."""

    def __init__(self, *args: Any, confirmation: Confirmation, **options: Any) -> None:
        super().__init__(*args, **options)
        self.confirmation = confirmation
        self._unread = 0  # answers to come before those to the question; 0 where none was asked

    @property
    def node(self) -> str:
        """The server at its other end."""
        return str(self._host_error())  # type: ignore[no-untyped-call]  # the library leaves it untyped

    def send_command(self, *args: Any, **options: Any) -> None:
        """Send a command, and the question after one that changes something."""
        if self.confirmation.concerns(args):
            self.send_packed_command(self.pack_commands([args]))
        else:
            super().send_command(*args, **options)  # type: ignore[no-untyped-call]  # as above

    def send_packed_command(self, *args: Any, **options: Any) -> None:
        """Send what is packed, and note where."""
        self.confirmation.note(self.node)
        super().send_packed_command(*args, **options)  # type: ignore[no-untyped-call]  # as above

    def pack_commands(self, commands: Iterable[Command]) -> Any:
        """Make of commands what is sent, with the question at the end if they change something."""
        known = list(commands)
        question = self.confirmation.question(known, self.node)
        self._unread = len(known) if question else 0
        return super().pack_commands([*known, *question])  # type: ignore[no-untyped-call]  # as above

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Read an answer; with the last one before them, also those to the question.

        Raises:
            Unconfirmed: in place of that last answer, whatever it was.
        """
        if not self._unread:
            return super().read_response(*args, **options)
        self._unread -= 1
        if self._unread:
            return super().read_response(*args, **options)
        try:
            answer = super().read_response(*args, **options)
        except exceptions.ResponseError:  # it was refused, so there is nothing to confirm
            self._answers_to_question()
            raise
        self.read_confirmation()
        self.confirmation.settle(self.node)  # nothing was sent in between
        return answer

    def read_confirmation(self) -> None:
        """Read the answers to the question.

        Raises:
            Unconfirmed: they are not as they must be.
        """
        self.confirmation.take(self.node, self._answers_to_question())

    def _answers_to_question(self) -> list[Any]:
        return [self._answer_or_refusal() for _ in range(2)]

    def _answer_or_refusal(self) -> Any:
        try:
            return super().read_response()
        except exceptions.ResponseError as refusal:
            return refusal

    def disconnect(self, *args: Any, **options: Any) -> None:
        """Close the connection; what was to be read is gone."""
        self._unread = 0
        super().disconnect(*args, **options)  # type: ignore[no-untyped-call]  # as above


class LateQuestion:
    """The question on a connection over which commands are sent in parts: once, after the last of them."""

    def __init__(self, connection: ConfirmingConnection) -> None:
        self._connection = connection
        self._question: list[Command] = []

    def note(self, commands: Iterable[Command | bytes]) -> None:
        """Note what is sent."""
        if not self._question:
            self._question = self._connection.confirmation.question(commands, self._connection.node)

    def send(self) -> None:
        """Send the question, if something was changed."""
        if self._question:
            self._connection.send_packed_command([b"".join(map(packed, self._question))])

    def read(self) -> None:
        """Read its answers, once all others are read.

        Raises:
            Unconfirmed: too few replicas have confirmed.
        """
        if self._question:
            self._connection.read_confirmation()


def late_question(connection: AbstractConnection) -> LateQuestion | None:
    """Return the question for a connection; None where replicas confirm nothing."""
    return LateQuestion(connection) if isinstance(connection, ConfirmingConnection) else None
