"""Each service against its own document, asked by each role: refused or not, each answer is documented."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from donebit.access import tokens
from donebit.access.roles import Role
from donebit.demo.forks import Forks
from donebit.store import Store
from tests.servers import running, valkey_binary
from tests.web.conformance import assert_conforms
from tests.web.real import RealServices, running_services
from tests.web.services import NAMES
from tests.web.test_roles import ADMIN

# That a request is taken is another test's: here most are refused by the role.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealServices, dict[Role, str]]]:
    """Services that ask for a token, and a token of each role."""
    folder = tmp_path_factory.mktemp("schemas_by_role")
    with running(valkey_binary(), folder) as server:
        store = Store.at(server.url)
        issued = {role: tokens.create(store, f"of-{role}", role)[1] for role in Role}
        with running_services(tmp_path_factory.mktemp("services"), server.url, API_TOKEN=ADMIN) as services:
            yield services, issued


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize("role", Role)
def test_each_role_gets_documented_answers(
    guarded: tuple[RealServices, dict[Role, str]], service: str, role: Role, fuzzer: Forks, tmp_path: Path
) -> None:
    services, issued = guarded
    token = ("--header", f"Authorization: Bearer {issued[role]}")
    few = ("--phases", "examples", "--max-examples", "1")

    address = services.url(service, "/openapi.json")
    assert_conforms(fuzzer, address, tmp_path, "", *token, "--checks", ",".join(CHECKS), *few)
