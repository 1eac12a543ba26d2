"""The parts of pages that are drawn for live updates, apart from Flask."""

from __future__ import annotations

from pathlib import Path

import pytest

import trigger_app
from trigger_app.pages import fragments

FOLDER = Path(trigger_app.__file__).parent / "templates" / "fragments"
NAMES = sorted(file.stem for file in FOLDER.glob("*.html"))


@pytest.mark.parametrize("name", NAMES)
def test_a_fragment_has_its_filters_and_tests_where_flask_is_not(name: str) -> None:
    assert fragments.template(name).name == f"fragments/{name}.html"
