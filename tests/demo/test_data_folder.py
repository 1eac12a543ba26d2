"""One demo at a time writes the data of a folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from donebit.demo import data_folder
from donebit.demo.errors import CannotStart


def test_a_second_demo_in_the_folder_gets_one_sentence(tmp_path: Path) -> None:
    held = data_folder.lock(tmp_path / ".data")

    with pytest.raises(CannotStart) as refusal:
        data_folder.lock(tmp_path / ".data", timeout_seconds=0.1)

    assert (
        refusal.value.detail
        == f"another demo is running on the data in {tmp_path}/.data/: stop that one first"
    )
    os.close(held)


def test_the_folder_is_free_again_after_its_demo(tmp_path: Path) -> None:
    os.close(data_folder.lock(tmp_path))

    held = data_folder.lock(tmp_path, timeout_seconds=0)

    os.close(held)


def test_the_folder_stays_taken_while_the_server_of_a_killed_demo_ends(tmp_path: Path) -> None:
    held = data_folder.lock(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(held,)
    ) as server:
        os.close(held)  # the demo is gone, its server not yet

        with pytest.raises(CannotStart):
            data_folder.lock(tmp_path, timeout_seconds=0.1)
        threading.Timer(0.1, server.kill).start()

        os.close(data_folder.lock(tmp_path, timeout_seconds=5))


def test_the_lock_is_not_inherited_by_chance(tmp_path: Path) -> None:
    held = data_folder.lock(tmp_path)

    assert not os.get_inheritable(held)

    os.close(held)
