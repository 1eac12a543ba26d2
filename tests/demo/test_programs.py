"""What `make demo` runs, as it was agreed with everybody else who runs it."""

from __future__ import annotations

from pathlib import Path

from donebit.config import Settings
from donebit.demo import programs, server


def test_it_runs_the_programs_of_donebit_under_their_names() -> None:
    run = programs.donebit_programs(Settings())

    assert tuple(program.name for program in run) == programs.NAMES
    assert [program.name for program in run if not program.awaited] == ["beat"]


def test_the_server_holds_the_lock_of_its_data(tmp_path: Path) -> None:
    backend = server.choose(None, tmp_path, 1)

    assert programs.embedded(backend, 7).inherits == (7,)


def test_only_a_setting_of_the_machine_is_left_out_of_what_the_server_says(tmp_path: Path) -> None:
    unshown = programs.embedded(server.choose(None, tmp_path, 1), 0).unshown

    said = (
        "1:M 21 Nov 2026 03:04:05.678 # WARNING Memory overcommit must be enabled! Without it, a background"
    )
    assert any(part in said for part in unshown)
    assert not any(part in "# Can't handle RDB format version 99" for part in unshown)
    assert all(program.unshown == () for program in programs.donebit_programs(Settings()))


def test_each_port_is_known_by_the_variable_that_sets_it() -> None:
    settings = Settings(trigger_port=1, done_port=2, distinct_port=3)

    assert programs.ports_by_variable(settings) == {"TRIGGER_PORT": 1, "DONE_PORT": 2, "DISTINCT_PORT": 3}
