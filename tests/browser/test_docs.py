"""Each service's documentation renders from its own files, with no network."""

from __future__ import annotations

import pytest

from tests.browser.page import Page
from tests.stack import Stack
from tests.started import eventually

OPERATIONS = {
    "trigger": ["/trigger/done", "/trigger/distinct", "/tasks"],
    "done": ["/tasks/{task_id}/steps/{n}", "/tasks/{task_id}/missing", "/done"],
    "distinct": ["/distinct", "/events/{event}/count"],
}


@pytest.mark.parametrize("service", OPERATIONS)
def test_the_docs_show_the_operations_and_load_nothing_from_elsewhere(
    page: Page, stack: Stack, service: str
) -> None:
    address = stack.services()[service]
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"

    page.browser.get(f"{address}/docs/swagger")

    eventually(lambda: page.text(".opblock"), what="no operation is shown")
    shown = page.text("#swagger-ui").replace("\u200b", "")
    assert [path for path in OPERATIONS[service] if path not in shown] == []
    assert all(str(name).startswith((address, "data:")) for name in page.browser.execute_script(script))
    assert page.complaints() == []


@pytest.mark.parametrize("service", OPERATIONS)
def test_the_documentations_first_page_is_the_reference(page: Page, stack: Stack, service: str) -> None:
    page.browser.get(f"{stack.services()[service]}/docs/")

    eventually(lambda: page.text(".opblock"), what="no operation is shown")
    assert page.complaints() == []
