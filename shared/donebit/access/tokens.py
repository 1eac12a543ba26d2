"""Named tokens: made once, shown once, kept as digests."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from donebit import clock
from donebit.access.roles import Role
from donebit.access.secret import digest
from donebit.errors import Conflict, InvalidInput, NotFound
from donebit.names import checked_name
from donebit.readable import readable
from donebit.store import Store

PREFIX = "donebit_"  # scanners of leaked secrets find a token by it
RANDOM_BYTES = 32
MOST_TOKENS = 1000  # each process holds all of them
OPERATOR = "API_TOKEN"  # what the token of that setting is called


@dataclass(frozen=True, slots=True)
class NamedToken:
    """What is kept of a token.

    Attributes:
        name: that it is listed and revoked by
        role: what it may do
        digest: its SHA-256 in hexadecimal
        created_at: when it was made
    """

    name: str
    role: Role
    digest: str
    created_at: datetime

    def to_json(self) -> str:
        fields = {
            "role": self.role,
            "sha256": self.digest,
            "created_ms": clock.ms_since_epoch(self.created_at),
        }
        return json.dumps(fields)

    @classmethod
    def from_json(cls, name: str, text: str) -> NamedToken:
        fields = json.loads(text)
        return cls(name, Role(fields["role"]), fields["sha256"], clock.moment_of_ms(fields["created_ms"]))


def readable_tokens(kept: Mapping[str, str]) -> Iterator[NamedToken]:
    """Those of the kept tokens that can be read: one that a later version made is unknown here.

    Args:
        kept: the text of each, by its name
    """
    return readable(NamedToken.from_json, kept.items())


def create(store: Store, name: str, role: Role) -> tuple[NamedToken, str]:
    """Make a token.

    Returns:
        What is kept of it, and the token itself, which nobody can find out again.

    Raises:
        InvalidInput: the name is not valid.
        Conflict: there is a token of that name, or there are too many.
    """
    if checked_name(name, "name") == OPERATOR:
        raise InvalidInput(
            f"name is {name!r}, which is what the token of that setting is called", field="name"
        )
    token = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    made = NamedToken(name, role, digest(token), clock.now())
    if store.access.count_tokens() >= MOST_TOKENS:
        raise Conflict(f"there are {MOST_TOKENS} tokens, which is the most: revoke some")
    if not store.access.add_token(name, made.to_json()):
        raise Conflict(f"there is a token named {name}: revoke it first", field="name")
    return made, token


def list_tokens(store: Store) -> list[NamedToken]:
    """All tokens but the one of API_TOKEN, by name."""
    return sorted(readable_tokens(store.access.tokens()), key=lambda one: one.name)


def revoke(store: Store, name: str) -> None:
    """Revoke a token, and end the sessions that were signed in with it, in every process within 5 s.

    Raises:
        NotFound: there is no token of that name.
    """
    if not store.access.remove_token(checked_name(name, "name")):
        raise NotFound(f"no token is named {name}", field="name")
