"""The check of words finds those that people would read, and none in what is no sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.prose import prose_of
from checks.wording import private_words_in_prose

PAGE = """# Behind a proxy

It is reckoned [here](whoever.md) by `tell`:

```console
$ echo nobody is told
```

Pages are written anew.
"""
CHANGELOG = "## Unreleased\n\n- Told.\n\n## 0.1.0\n\n- Told.\n"
MAKEFILE = "lock: ## resolve anew\n\t@echo told\n"
TEMPLATE = """{# told #}
{% if told %}<p id="told" title="Tell us">{{ told }} <code>told</code>
Whoever</p>{% endif %}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    templates = tmp_path / "trigger_app" / "templates"
    templates.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(PAGE)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (templates / "part.html").write_text(TEMPLATE)
    return tmp_path


def test_private_words_are_found_where_people_read_them(repository: Path) -> None:
    assert sorted(private_words_in_prose(prose_of(repository))) == [
        "CHANGELOG.md:3 Told",
        "Makefile:1 anew",
        "docs/page.md:3 reckoned",
        "docs/page.md:9 anew",
        "trigger_app/templates/part.html:2 Tell",
        "trigger_app/templates/part.html:3 Whoever",
    ]
