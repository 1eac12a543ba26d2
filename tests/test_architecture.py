"""One direction: edge, domain, store. What imports what is read from the source itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
APPS = ("trigger_app", "done_app", "distinct_app")
PRODUCT = [file for folder in ("shared", *APPS) for file in sorted((REPOSITORY / folder).rglob("*.py"))]
EDGE = (
    "flask",
    "flask_openapi3",
    "werkzeug",
    "celery",
    "kombu",
    "redis",
    "donebit.web",
    "donebit.queue",
    *APPS,
)
# shared/donebit/demo starts processes and hands its own environment on to them; it decides nothing by it.
# The client has no settings: pydantic is not installed beside it.
ENVIRONMENT_READERS = {"shared/donebit/demo/__main__.py", "shared/donebit/client.py"}


def place(file: Path) -> str:
    return file.relative_to(REPOSITORY).as_posix()


def imports(file: Path) -> set[str]:
    """Every module, and every name taken out of one, dotted."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(file)} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def taken(file: Path, packages: tuple[str, ...]) -> set[str]:
    return {name for name in imports(file) if any(f"{name}.".startswith(f"{one}.") for one in packages)}


def offenders(folder: str, packages: tuple[str, ...]) -> dict[str, set[str]]:
    files = [file for file in PRODUCT if place(file).startswith(f"{folder}/")]
    assert files, folder
    return {place(file): names for file in files if (names := taken(file, packages))}


@pytest.mark.parametrize(
    "domain", [f"shared/donebit/{one}" for one in ("completion", "activity", "workers", "migration")]
)
def test_the_domain_knows_no_edge_and_no_redis(domain: str) -> None:
    assert offenders(domain, EDGE) == {}


def test_the_store_knows_nothing_above_it() -> None:
    above = (
        "donebit.completion",
        "donebit.activity",
        "donebit.workers",
        "donebit.migration",
        "donebit.config",
        *(one for one in EDGE if one != "redis"),
    )

    assert offenders("shared/donebit/store", above) == {}


def test_only_the_store_imports_redis() -> None:
    importers = {place(file) for file in PRODUCT if taken(file, ("redis",))}

    assert importers
    assert all(importer.startswith("shared/donebit/store/") for importer in importers), importers


@pytest.mark.parametrize("app", APPS)
def test_no_app_imports_another(app: str) -> None:
    assert offenders(app, tuple(other for other in APPS if other != app)) == {}


def test_nothing_shared_imports_an_app() -> None:
    assert offenders("shared", APPS) == {}


def test_the_command_line_asks_over_http_and_in_no_other_way() -> None:
    behind_http = ("donebit.store", "donebit.completion", "donebit.activity", "donebit.migration", *EDGE)

    # A store that services refuse cannot be moved through them.
    assert offenders("shared/donebit/command_line", behind_http) == {
        "shared/donebit/command_line/migrate.py": {
            "donebit.migration.command.migrate_store",
            "donebit.migration.run.Migrated",  # its type alone
        }
    }


def test_nothing_in_the_product_imports_tests() -> None:
    assert {place(file): names for file in PRODUCT if (names := taken(file, ("tests",)))} == {}


def test_only_the_settings_read_the_environment() -> None:
    readers = {place(file) for file in PRODUCT if reads_environment(file)}

    assert readers <= ENVIRONMENT_READERS
    assert "pydantic_settings.BaseSettings" in imports(REPOSITORY / "shared/donebit/config.py")


def reads_environment(file: Path) -> bool:
    nodes = list(ast.walk(ast.parse(file.read_text())))
    of_os = (node for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os")
    named = {node.attr for node in of_os}  # a request has an environ too
    taken_out = {name.rpartition(".")[2] for name in imports(file) if name.startswith("os.")}
    return bool({"environ", "environb", "getenv"} & (named | taken_out))
