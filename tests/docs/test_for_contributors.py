"""What the repository says to those who report, read or work on it leads somewhere, and is well formed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.started import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FORMS = REPOSITORY / ".github/ISSUE_TEMPLATE"
SCHEMAS = {
    "vendor.github-issue-forms": ["bug.yml", "feature.yml"],
    "vendor.github-issue-config": ["config.yml"],
}
FINDINGS = sorted((REPOSITORY / "findings").glob("*.sh"))


def anchors(page: Path) -> set[str]:
    """The addresses of the page's headings, as the usual hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    links = [link for link in LINK.findall(text) if not link.startswith("http")]

    for link in links:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_issue_forms_are_valid(schema: str) -> None:
    files = [str(FORMS / name) for name in SCHEMAS[schema]]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert {name for names in SCHEMAS.values() for name in names} == {file.name for file in FORMS.iterdir()}


def test_the_security_page_names_no_person_and_no_address() -> None:
    text = (REPOSITORY / "SECURITY.md").read_text()

    assert "private advisory form" in text
    assert not re.search(r"\S@\S|https?://|mailto:", text)


@pytest.mark.parametrize("script", FINDINGS, ids=lambda script: script.stem)
def test_each_finding_pins_what_it_installs_and_stands_alone(script: Path) -> None:
    assert os.access(script, os.X_OK)
    text = script.read_text()

    installed = re.findall(r'pip"? install (.*)$', text, re.M)
    packages = [word.strip("'\"") for line in installed for word in line.split() if not word.startswith("-")]
    assert packages
    assert all("==" in package for package in packages)
    assert "mktemp -d" in text
    assert "import donebit" not in text
    subprocess.run(["sh", "-n", script], check=True)
