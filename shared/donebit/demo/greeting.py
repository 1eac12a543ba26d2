"""Triggers the first task and the first visits, so that there is something to see."""

from __future__ import annotations

from donebit.demo.local_http import NoAnswer, ask

TIMEOUT_SECONDS = 5.0

FIRST_TASK = "/trigger/done?count=10"
FIRST_VISITS = "/trigger/distinct?count=20"


def greet(trigger_address: str, token: str | None) -> list[str]:
    """Trigger both, and return a line on each."""
    return [_post(trigger_address, target, token) for target in (FIRST_TASK, FIRST_VISITS)]


def _post(address: str, target: str, token: str | None) -> str:
    try:
        answer = ask("POST", address + target, TIMEOUT_SECONDS, token)
    except NoAnswer as error:
        return f"POST {target}: no answer ({error})"
    return f"POST {target}: {answer.status} {answer.said.get('task_id') or answer.said.get('detail', '')}"
