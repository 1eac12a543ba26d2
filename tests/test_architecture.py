"""One direction: edge, domain, store. What imports what is read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from donebit.store import Store

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
    "donebit.broker",
    "donebit.queue",
    *APPS,
)
# shared/donebit/demo starts processes and hands its own environment on to them; it decides nothing by it.
# The client has no settings: pydantic is not installed beside it.
ENVIRONMENT_READERS = {
    "shared/donebit/demo/preloaded.py",
    "shared/donebit/demo/supervisor.py",
    "shared/donebit/transport.py",
}

# The folders of the layout, lowest first: none imports from one that stands after it, and of those on one
# line none imports another, but for the single modules of the first line.
LAYERS = (
    (
        "donebit.addresses",
        "donebit.amqp_url",
        "donebit.clock",
        "donebit.config",
        "donebit.deadline",
        "donebit.errors",
        "donebit.exceptions",
        "donebit.extras",
        "donebit.formatting",
        "donebit.item_pieces",
        "donebit.json_reading",
        "donebit.listening",
        "donebit.logs",
        "donebit.moments",
        "donebit.names",
        "donebit.priority",
        "donebit.readable",
        "donebit.async_results",
        "donebit.results",
        "donebit.request_room",
        "donebit.result_slices",
        "donebit.service_answers",
        "donebit.redis_url",
        "donebit.retry_policy",
        "donebit.networks",
        "donebit.orphans",
        "donebit.server_binary",
        "donebit.spans",
        "donebit.secret_files",
        "donebit.setting_types",
        "donebit.step_numbers",
        "donebit.task_types",
        "donebit.throttled_log",
        "donebit.traces",
        "donebit.utf8",
        "donebit.webhook_policy",
        "donebit.wording",
        "donebit.zone_rules",
    ),
    ("donebit.store",),
    ("donebit.access", "donebit.activity", "donebit.completion", "donebit.workers", "donebit.jobs"),
    ("donebit.schedules",),
    ("donebit.migration",),
    ("donebit.backup",),
    ("donebit.broker", "donebit.rabbitmq"),
    ("donebit.queue",),
    ("donebit.queue_lengths",),
    ("donebit.publishing",),
    ("donebit.transport",),
    ("donebit.calls",),
    ("donebit.schedule_calls", "donebit.async_transport"),
    ("donebit.call_running",),
    ("donebit.task_requests", "donebit.schedule_requests", "donebit.async_schedules"),
    ("donebit.web", "donebit.client", "donebit.async_client", "donebit.celery"),
    ("donebit",),
    ("donebit.command_line",),
    ("donebit.demo",),
    APPS,
)
ACTIVITY = ("periods", "users", "sets", "events", "transfer", "flags", "query", "analytics")
# Edge files that ask the store itself and not the domain. The list may only become shorter.
REACH_PAST_THE_DOMAIN = {
    "distinct_app/views/__init__.py",
    "distinct_app/views/bitmaps.py",
    "distinct_app/views/events.py",
    "done_app/worker/worker_app.py",
    "done_app/worker/signals.py",
    "shared/donebit/demo/server.py",
    "shared/donebit/web/health.py",
    "shared/donebit/web/serving.py",
    "shared/donebit/web/task_answer.py",
    "trigger_app/pages/distinct/choice.py",
    "trigger_app/pages/distinct/curves.py",
    "trigger_app/pages/distinct/routes.py",
    "trigger_app/pages/distinct/streaks.py",
    "trigger_app/pages/task.py",
}


def place(file: Path) -> str:
    return file.relative_to(REPOSITORY).as_posix()


@cache
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


DOMAINS = ("access", "completion", "schedules", "activity", "workers", "migration", "backup")


@pytest.mark.parametrize("domain", [f"shared/donebit/{one}" for one in DOMAINS])
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
    domains = ("donebit.completion", "donebit.activity", "donebit.migration", "donebit.backup")
    behind_http = ("donebit.store", *domains, *EDGE)

    # A store that services refuse cannot be moved through them, and a backup is of more than they give out.
    assert offenders("shared/donebit/command_line", behind_http) == {
        "shared/donebit/command_line/backup.py": {
            "donebit.backup.command.back_up",
            "donebit.backup.command.restore",
        },
        "shared/donebit/command_line/migrate.py": {
            "donebit.migration.command.migrate_store",
            "donebit.migration.command.shard_store",
            "donebit.migration.run.Migrated",  # its type alone
            "donebit.migration.directories_into_shards.Cut",  # the same
        },
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


def module_name(file: Path) -> str:
    parts = file.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(part for part in parts if part not in {"shared", "__init__"})


# shared/jobs.py is outside the package: it names the new import to those who use the old one.
MODULES = {name: file for file in PRODUCT if (name := module_name(file)) != "jobs"}


def imported_modules(file: Path) -> set[str]:
    """The product's modules that one imports, anywhere in its text."""
    found = {name if name in MODULES else name.rpartition(".")[0] for name in imports(file)}
    return found & set(MODULES) - {module_name(file)}


def layer(module: str) -> tuple[int, str]:
    """The place of a module's folder in the layout, and that folder."""
    folders = [(rank, folder) for rank, line in enumerate(LAYERS) for folder in line]
    return max(
        ((rank, one) for rank, one in folders if f"{module}.".startswith(f"{one}.")),
        key=lambda found: len(found[1]),
    )


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: imported_modules(file) for name, file in MODULES.items()}

    try:
        ordered = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))

    assert len(ordered) == len(MODULES)


def test_no_folder_imports_from_one_above_it_or_beside_it() -> None:
    upward = [
        f"{name} imports {other}"
        for name, file in MODULES.items()
        for other in imported_modules(file)
        if layer(other)[0] > layer(name)[0]
        or (0 < layer(other)[0] == layer(name)[0] and layer(other)[1] != layer(name)[1])
    ]

    assert upward == []


def test_activitys_folders_import_only_from_those_before_them() -> None:
    ranks = {f"donebit.activity.{folder}": rank for rank, folder in enumerate(ACTIVITY)}

    upward = [
        f"{name} imports {other}"
        for name, file in MODULES.items()
        for other in imported_modules(file)
        if (mine := ranks.get(name.rpartition(".")[0])) is not None
        and (theirs := ranks.get(other.rpartition(".")[0])) is not None
        and theirs > mine
    ]

    assert upward == []


def store_parts(file: Path) -> Iterator[str]:
    """Each part of the store that a file calls itself, as `store.tasks`; names of stores end so."""
    parts = {name for name in vars(Store) if not name.startswith("_")} | set(Store.__annotations__)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in parts:
            owner = node.value.func if isinstance(node.value, ast.Call) else node.value
            name = ast.unparse(owner).rpartition(".")[2]
            if name.endswith("store"):
                yield f"{name}.{node.attr}"


def store_details(file: Path) -> set[str]:
    """What a file imports from the store beside the class that it passes on."""
    return taken(file, ("donebit.store",)) - {"donebit.store.Store"}


def test_no_more_edge_files_reach_past_the_domain_into_the_store() -> None:
    edge = [file for name, file in MODULES.items() if layer(name)[0] > layer("donebit.publishing")[0]]

    reaching = {place(file) for file in edge if any(store_parts(file)) or store_details(file)}

    assert sorted(reaching - REACH_PAST_THE_DOMAIN) == [], "ask the domain instead"
    assert sorted(REACH_PAST_THE_DOMAIN - reaching) == [], "take these off the list"
