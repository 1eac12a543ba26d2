"""Shows a task's progress: a bar at a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from rich.progress import MofNCompleteColumn, Progress

from donebit.command_line.progress_bars import NARROW, RateColumn, bar
from donebit.command_line.service import segment
from donebit.command_line.session import Session
from donebit.command_line.streams import Message, StreamLost, follow
from donebit.formatting import number
from donebit.utf8 import one_line


def watch_task(session: Session, task_id: str, retry_seconds: float) -> None:
    """Show a task's progress until it has ended.

    Raises:
        RequestRefused: There is no such task, or not any more.
        ServiceUnavailable: The stream cannot be opened, or stayed lost for `retry_seconds`.
    """
    path = f"/tasks/{segment(task_id)}/events"
    messages = follow(session.done, path, retry_seconds=retry_seconds)
    try:
        with bar(
            session.terminal.err, unless_narrow=[MofNCompleteColumn()], if_wide=[RateColumn("steps")]
        ) as progress:
            _show(progress, task_id, messages)
    except KeyboardInterrupt:
        session.terminal.note(f"task {task_id} keeps running; watch it with: donebit watch {task_id}")
        raise


def _show(progress: Progress, task_id: str, messages: Iterator[Message | StreamLost]) -> None:
    width = progress.console.width
    shown = progress.add_task(cut(task_id, width), total=None)
    for message in messages:
        if isinstance(message, StreamLost) or "unavailable" in message:
            progress.update(shown, description="connection lost, retrying")
            continue
        steps = {"total": message["count"], "completed": message["done_steps"]}
        progress.update(shown, description=described(message, width), **steps)
        if message["ended_at"] is not None:
            return


def described(message: Message, width: int) -> str:
    """Return the task and its state; on a narrow terminal only what is unusual."""
    unusual = [f"{number(message['failed_steps'])} failed"] if message["failed_steps"] else []
    unusual += [word for word in ("stalled", "paused") if message[word]]
    if width < NARROW:
        return cut(", ".join(unusual) or message["task_id"], width)
    return ", ".join([f"{cut(message['task_id'], width)} {message['state']}", *unusual])


def cut(text: str, width: int) -> str:
    """Cut a text to leave room for the bar."""
    most, text = width // 3, one_line(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
