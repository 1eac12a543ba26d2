"""Says which keys changed while they were read one after the other, so that all are read as of one moment.

By CLIENT TRACKING, which servers have since Redis 6, managed ones too: a user needs no right that a service
does not need, the server makes no snapshot, and nothing of other applications is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from redis import Redis, exceptions

from donebit.errors import Conflict
from donebit.store.catalogue import Catalogue
from donebit.store.client import outages_named
from donebit.store.key_names import Keys
from donebit.store.key_values import KeyHead, as_bytes, as_text, flat, read_command

PUSHED = object()  # in place of an answer: the server said which keys changed
NOT_TRACKED = (
    "this server does not say which keys change (CLIENT TRACKING), so nothing can be read as of one moment: "
    "stop every service, worker and beat, and add --stopped"
)


class CopiedKey(NamedTuple):
    """A key and all that it holds, as `flat` has it; empty where the key is not there."""

    head: KeyHead
    values: list[bytes]


class AtOnce(NamedTuple):
    """What keys held at one moment.

    Attributes:
        copies: each key that was asked for
        missed: keys that may have changed before that moment, and were not asked for
    """

    copies: list[CopiedKey]
    missed: set[str]


class ChangeTracker:
    """A connection over which the server says which keys of an installation change.

    Every method raises StoreUnavailable when the server cannot be reached or does not answer in time.

    Args:
        client: of the store
        keys: of the installation
    """

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._pool = client.connection_pool
        self._prefix, self._rows = keys.prefix, Catalogue("")
        self._pushes: list[set[str]] = []
        self._connection: Any = None

    @outages_named
    def __enter__(self) -> Self:
        """Connect.

        Raises:
            Conflict: the server does not do this.
        """
        pool = self._pool
        self._connection = pool.connection_class(**{**pool.connection_kwargs, "protocol": 3})
        self._pushes = []
        try:
            self._connection.connect()
            self._connection._parser.set_invalidation_push_handler(self._note)
            self._ask(("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", self._prefix))
        except (exceptions.ResponseError, AttributeError) as error:
            raise Conflict(NOT_TRACKED) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.disconnect()

    @outages_named
    def changed(self) -> set[str]:
        """The names of keys that changed since this was called last."""
        self._ask(("PING",))
        return self._taken(len(self._pushes))

    @outages_named
    def read_at_once(self, names: Sequence[str]) -> AtOnce:
        """Read keys in one transaction, and say what else had changed by then.

        What changed in the same turn of the server's loop, before the transaction or after it, is in the
        first push after the answer; what comes later changed later.
        """
        heads = [KeyHead(name, row.redis_type, 0) for name in names if (row := self._rows.row_of(name))]
        commands: list[tuple[Any, ...]] = [("MULTI",)]
        for head in heads:
            key = as_bytes(self._prefix + head.name)
            commands += [read_command(head.kind, key), ("PEXPIRETIME", key)]
        answers = self._ask(*commands, ("EXEC",))[-1]
        before = len(self._pushes)
        self._ask(("PING",))
        return AtOnce(_copies(heads, answers), self._taken(before + 1) - set(names))

    def _taken(self, pushes: int) -> set[str]:
        """Take the first pushes off the list; the names in them that the catalogue has."""
        taken, self._pushes = self._pushes[:pushes], self._pushes[pushes:]
        return {name for names in taken for name in names if self._rows.row_of(name)}

    def _note(self, push: list[Any]) -> object:
        if push[1] is None:
            raise Conflict("all keys of the server were deleted meanwhile: nothing was backed up")
        self._pushes.append({as_text(name)[len(self._prefix) :] for name in push[1]})
        return PUSHED

    def _ask(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Send commands, and return their answers; pushes are noted."""
        connection = self._connection
        connection.send_packed_command(connection.pack_commands(commands))
        answers: list[Any] = []
        while len(answers) < len(commands):
            answer = connection.read_response(push_request=True)
            if answer is not PUSHED:
                answers.append(answer)
        return answers


def _copies(heads: Sequence[KeyHead], answers: Sequence[Any]) -> list[CopiedKey]:
    return [
        CopiedKey(head._replace(expires_ms=expires), flat(head.kind, answer))
        for head, answer, expires in zip(heads, answers[::2], answers[1::2], strict=True)
    ]
