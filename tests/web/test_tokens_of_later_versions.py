"""A token that this version cannot read, as after a deploy is taken back, keeps nobody else out."""

from __future__ import annotations

import json

import pytest
from redis import Redis

from donebit.access import tokens
from donebit.access.known_tokens import KnownTokens
from donebit.access.roles import Role
from donebit.store import Store, keys


@pytest.mark.parametrize(
    "kept",
    [
        json.dumps({"role": "of a later version", "sha256": "0" * 64, "created_ms": 0}),
        json.dumps({"sha256": "0" * 64}),
        json.dumps(["later"]),
        "later",
    ],
)
def test_other_tokens_are_known_beside_one_that_cannot_be_read(
    store: Store, client: Redis, kept: str
) -> None:
    _, token = tokens.create(store, "reader", Role.READ)
    client.hset(keys.TOKENS, "later", kept)

    found = KnownTokens(store, "of the operator").find(token)

    assert found is not None
    assert (found.name, found.role) == ("reader", Role.READ)
    assert [one.name for one in tokens.list_tokens(store)] == ["reader"]
    tokens.revoke(store, "later")
