"""The pictures that README.md and docs/ show are those that `make screenshots` takes, all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.pictures import MOST_BYTES, PICTURES, Picture
from tests.browser.screenshots import FOLDER
from tests.started import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
PICTURE = re.compile(r'!\[[^\]]*\]\(([^)]+)\)|(?:src|srcset)="([^"]+)"')


def pictures(page: Path) -> set[Path]:
    """What a page shows, as files."""
    named = (first or second for first, second in PICTURE.findall(page.read_text()))
    return {(page.parent / name).resolve() for name in named}


def test_the_pictures_that_are_there_are_those_of_the_list() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {picture.file for picture in PICTURES}


def test_each_is_shown_somewhere_and_none_that_is_not_there() -> None:
    shown = set[Path]().union(*map(pictures, PAGES))

    assert shown == set(FOLDER.iterdir())


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.file)
def test_each_is_small(picture: Picture) -> None:
    assert (FOLDER / picture.file).stat().st_size < MOST_BYTES
