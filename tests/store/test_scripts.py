"""Every script says what it is for, and touches nothing but what it is given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from donebit.store.activity_layout import ActivityLayoutStore
from donebit.store.begun import BegunStore
from donebit.store.bitmaps import BitmapStore
from donebit.store.chords import ChordStore
from donebit.store.client import NEEDS, SCRIPTS
from donebit.store.deliveries import DeliveryStore
from donebit.store.directory import DirectoryStore
from donebit.store.expectations import ExpectationStore
from donebit.store.failures import FailureStore
from donebit.store.flag_swap import FlagSwapStore
from donebit.store.flags import FlagStore
from donebit.store.items import ItemStore
from donebit.store.kept_pairs import KeptPairStore
from donebit.store.kept_windows import KeptWindowStore
from donebit.store.leases import LeaseStore
from donebit.store.listed_names import ListedNames
from donebit.store.matrices import MatrixStore
from donebit.store.metrics import MetricStore
from donebit.store.permissions import PermissionStore
from donebit.store.permits import PermitStore
from donebit.store.results import ResultStore
from donebit.store.taking_back import TakeBackStore
from donebit.store.task_changes import TaskChangeStore
from donebit.store.tasks import TaskStore
from donebit.store.visit_counter import VisitCounterStore
from donebit.store.visits import VisitStore

FILES = sorted(SCRIPTS.glob("*.lua"))

OF_BITOP = {"'OR'", "'AND'", "'XOR'", "'NOT'"}
STORES = (
    BegunStore,
    ActivityLayoutStore,
    TakeBackStore,
    TaskStore,
    ExpectationStore,
    PermitStore,
    TaskChangeStore,
    FailureStore,
    ResultStore,
    ItemStore,
    ChordStore,
    LeaseStore,
    DeliveryStore,
    VisitStore,
    ListedNames,
    DirectoryStore,
    BitmapStore,
    KeptWindowStore,
    KeptPairStore,
    MetricStore,
    MatrixStore,
    VisitCounterStore,
    FlagStore,
    FlagSwapStore,
    PermissionStore,
)
by_name = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def header(file: Path) -> str:
    lines = file.read_text().splitlines()
    return "\n".join(lines[: next(n for n, line in enumerate(lines) if not line.startswith("--"))])


def code(file: Path) -> str:
    """What runs: without comments."""
    return re.sub(r"--.*", "", file.read_text())


def test_there_are_scripts() -> None:
    assert FILES


@by_name
@pytest.mark.parametrize(
    "part", [r"^-- {name}: \w+", r"^-- KEYS", r"^-- ARGV", r"^-- returns \S+", r"^-- Why a script: \w+"]
)
def test_a_script_begins_with_its_purpose_keys_arguments_answer_and_reason(file: Path, part: str) -> None:
    assert re.search(part.format(name=file.stem), header(file), re.MULTILINE)


@by_name
def test_every_key_that_a_script_uses_is_explained(file: Path) -> None:
    used = set(re.findall(r"KEYS\[(\d+)\]", code(file)))

    explained = set(re.findall(r"KEYS\[(\d+)", header(file)))

    assert used <= explained


@by_name
def test_no_script_makes_a_key_of_its_own(file: Path) -> None:
    """On a cluster a key that did not come through KEYS may be another node's."""
    first_arguments = re.findall(r"\bcall\(\s*'\w+'\s*,\s*([^,)]+)", code(file))

    literals = [argument for argument in first_arguments if re.search(r"['\"]|\.\.|ARGV", argument)]

    assert first_arguments or NEEDS.search(file.read_text())
    assert [literal for literal in literals if literal not in OF_BITOP] == []  # its keys follow its operation


@by_name
def test_a_script_is_one_method_of_the_same_name_or_part_of_several(file: Path) -> None:
    whole = [other for other in FILES if file.stem in NEEDS.findall(other.read_text())]

    assert any(hasattr(kind, file.stem) for kind in STORES) or len(whole) > 1
