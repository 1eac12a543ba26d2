"""Permissions of objects over HTTP: named once, then set, cleared, listed and tested."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from redis import Redis

from donebit.store import Store
from tests.conftest import everything
from tests.web.services import Services, body_of, problem_of

NAMES = ["read", "write", "share", "delete"]


@pytest.fixture
def distinct(store: Store) -> FlaskClient:
    client = Services(store).distinct
    body_of(client.put("/permissions/report", json={"permissions": NAMES}))
    return client


def test_permissions_are_set_cleared_listed_and_tested(distinct: FlaskClient) -> None:
    url = "/permissions/report/q3.alice"
    named = {"kind": "report", "object": "q3.alice"}

    assert body_of(distinct.get(url)) == {**named, "permissions": [], "allowed": None, "missing": []}
    made = body_of(distinct.post(url, json={"grant": ["write", "read"], "revoke": ["delete"]}))
    assert made == {**named, "permissions": ["read", "write"], "changed": 2}
    assert body_of(distinct.put(f"{url}/share"))["permissions"] == ["read", "write", "share"]
    assert body_of(distinct.delete(f"{url}/write"))["permissions"] == ["read", "share"]
    allowed = [body_of(distinct.get(f"{url}/{name}"))["allowed"] for name in NAMES]
    assert allowed == [True, False, True, False]
    replaced = body_of(distinct.put(url, json={"permissions": ["read", "delete"]}))
    assert (replaced["permissions"], replaced["changed"]) == (["read", "delete"], 2)
    assert body_of(distinct.get("/permissions/report/q3.bob"))["permissions"] == []


@pytest.mark.parametrize(
    ("query", "allowed", "missing"),
    [
        ("all=read", True, []),
        ("all=read,write", True, []),
        ("all=read,share,delete", False, ["share", "delete"]),
        ("all=share,read,share", False, ["share"]),
        ("any=share,write", True, []),
        ("any=share,delete", False, []),
        ("all=read&any=delete", False, []),
    ],
)
def test_all_of_and_any_of_are_tested(
    distinct: FlaskClient, query: str, allowed: bool, missing: list[str]
) -> None:
    distinct.put("/permissions/report/r", json={"permissions": ["read", "write"]})

    answer = body_of(distinct.get(f"/permissions/report/r?{query}"))

    assert (answer["allowed"], answer["missing"]) == (allowed, missing)


def test_names_are_added_and_never_change(distinct: FlaskClient) -> None:
    more = [*NAMES, "print"]

    assert body_of(distinct.put("/permissions/report", json={"permissions": NAMES}))["permissions"] == NAMES
    assert body_of(distinct.put("/permissions/report", json={"permissions": more}))["permissions"] == more
    assert body_of(distinct.get("/permissions/report"))["permissions"] == more
    for others in (NAMES, ["write", "read", *more[2:]], ["read"]):
        problem = problem_of(distinct.put("/permissions/report", json={"permissions": others}), 409)
        assert (
            "have the permissions read, write, share, delete, print: names can only be" in problem["detail"]
        )
    assert body_of(distinct.get("/permissions/report"))["permissions"] == more


def test_the_64th_permission_has_a_bit_and_a_65th_is_refused(distinct: FlaskClient) -> None:
    names = [f"p{number}" for number in range(65)]
    body_of(distinct.put("/permissions/wide", json={"permissions": names[:64]}))

    assert body_of(distinct.put("/permissions/wide/o/p63"))["permissions"] == ["p63"]
    problem_of(distinct.put("/permissions/wide", json={"permissions": names}))


def test_an_object_without_permissions_has_no_key(distinct: FlaskClient, client: Redis) -> None:
    before = everything(client)

    distinct.delete("/permissions/report/o/read")
    distinct.put("/permissions/report/o", json={"permissions": []})
    distinct.put("/permissions/report/o/read")
    distinct.delete("/permissions/report/o/read")
    assert everything(client) == before

    distinct.put("/permissions/report/o/read")
    assert body_of(distinct.delete("/permissions/report/o"))["dropped"] is True
    assert body_of(distinct.delete("/permissions/report/o"))["dropped"] is False
    assert everything(client) == before


def test_objects_of_the_same_name_and_another_kind_are_others(distinct: FlaskClient) -> None:
    body_of(distinct.put("/permissions/room", json={"permissions": ["enter"]}))

    distinct.put("/permissions/room/7/enter")

    assert body_of(distinct.get("/permissions/report/7"))["permissions"] == []


REFUSED: list[tuple[str, str, object, str]] = [
    ("PUT", "/permissions/report/o/raed", None, r"grant has 'raed'; .* have the permissions read, write"),
    ("GET", "/permissions/report/o?all=raed", None, r"all has 'raed'"),
    ("GET", "/permissions/report/o?any=read,raed", None, r"any has 'raed'"),
    ("GET", "/permissions/report/o/raed", None, r"all has 'raed'"),
    ("GET", "/permissions/report/o?any=", None, r"any is ''; it must be 1 to 64 names"),
    ("POST", "/permissions/report/o", {"grant": ["read"], "revoke": ["raed"]}, r"revoke has 'raed'"),
    ("POST", "/permissions/report/o", {"grant": ["read"], "revoke": ["read"]}, r"read is both in grant and"),
    ("PUT", "/permissions/report/o", {"permissions": ["raed"]}, r"permissions has 'raed'"),
    ("PUT", "/permissions/new/o/read", None, r"objects of kind new have no permissions yet"),
    ("PUT", "/permissions/new", {"permissions": []}, r"at least 1 item"),
    ("PUT", "/permissions/new", {"permissions": ["a", "a"]}, r"a name twice"),
    ("PUT", "/permissions/new", {"permissions": ["a b"]}, r"permissions.0 is 'a b'"),
]


@pytest.mark.parametrize(("method", "url", "body", "bound"), REFUSED)
def test_what_is_refused_is_said_and_changes_nothing(
    distinct: FlaskClient, client: Redis, method: str, url: str, body: object, bound: str
) -> None:
    before = everything(client)

    problem = problem_of(distinct.open(url, method=method, json=body))

    assert re.search(bound, problem["detail"], re.DOTALL), problem["detail"]
    assert everything(client) == before
