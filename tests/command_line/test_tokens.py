"""`donebit tokens`: what it makes opens at once what its role may, everywhere, and nothing once revoked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.command_line.command import Donebit
from tests.servers import running, valkey_binary
from tests.started import eventually
from tests.web.real import running_services

ADMIN = {"API_TOKEN": "an-admin-token-of-the-tests"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Donebit]:
    """The command beside services that ask for a token."""
    folder = tmp_path_factory.mktemp("tokens")
    with (
        running(valkey_binary(), folder) as server,
        running_services(folder, server.url, **ADMIN) as services,
    ):
        made = Donebit(services.ports, folder)
        yield made
        made.end()


def create(donebit: Donebit, name: str, role: str) -> dict[str, str]:
    made = donebit("tokens", "create", name, "--role", role, **ADMIN)
    assert made.code == 0, made.err
    assert "only this once" in made.err
    return {"API_TOKEN": made.out.strip()}


def test_a_new_token_opens_every_service_at_once(guarded: Donebit) -> None:
    token = create(guarded, "everywhere", "trigger")

    codes = [guarded(*call, **token).code for call in (("trigger", 1), ("tasks",), ("visit", "login", 7))]

    assert codes == [0, 0, 0]


def test_a_role_that_is_too_low_is_refused_by_name(guarded: Donebit) -> None:
    token = create(guarded, "reader", "read")

    allowed, refused = guarded("tasks", **token), guarded("trigger", 1, **token)
    more = guarded("tokens", "create", "another", "--role", "read", **token)

    assert (allowed.code, refused.code, more.code) == (0, 3, 3)
    assert "needs a token of the role `trigger`; reader has `read`" in refused.err
    assert "`admin`" in more.err


def test_a_revoked_token_is_refused_everywhere_within_5_s(guarded: Donebit) -> None:
    token = create(guarded, "leaked", "trigger")
    calls = (("trigger", 1), ("tasks",), ("visit", "login", 8))
    assert [guarded(*call, **token).code for call in calls] == [0, 0, 0]

    assert guarded("tokens", "revoke", "leaked", **ADMIN).out == "token leaked is revoked\n"

    eventually(lambda: [guarded(*call, **token).code for call in calls] == [3, 3, 3], 5)
    assert "is wrong or revoked" in guarded("tasks", **token).err


def test_the_list_has_names_and_roles_and_no_token(guarded: Donebit) -> None:
    token = create(guarded, "listed", "report")

    shown, lines = guarded("tokens", "list", **ADMIN), guarded("tokens", "list", "--json", **ADMIN).lines

    assert "listed" in shown.out
    assert token["API_TOKEN"] not in shown.out
    (mine,) = [line for line in lines if line["name"] == "listed"]
    assert set(mine) == {"name", "role", "created_at"}
    assert mine["role"] == "report"


def test_a_name_that_is_taken_is_refused(guarded: Donebit) -> None:
    create(guarded, "twice", "read")

    again = guarded("tokens", "create", "twice", "--role", "admin", **ADMIN)
    unknown = guarded("tokens", "revoke", "nobody", **ADMIN)

    assert (again.code, unknown.code) == (3, 3)
    assert "there is a token named twice" in again.err
    assert "no token is named nobody" in unknown.err


def test_without_api_token_there_is_nothing_to_make(donebit: Donebit) -> None:
    refused = donebit("tokens", "create", "early", "--role", "read")

    assert refused.code == 3
    assert "set API_TOKEN first" in refused.err
    assert donebit("tokens", "list").out.startswith("no tokens")


def test_the_audit_says_who_made_which_token(guarded: Donebit) -> None:
    create(guarded, "audited", "report")

    shown, lines = guarded("audit", **ADMIN), guarded("audit", "-n", "1", "--json", **ADMIN).lines
    reader = create(guarded, "not-admin", "read")

    assert "token audited" in shown.out
    assert [(one["who"], one["action"], one["subject"]) for one in lines] == [
        ("API_TOKEN", "make token", "token audited")
    ]
    assert guarded("audit", **reader).code == 3
