"""A task's progress as it happens: a bar at a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from rich.progress import MofNCompleteColumn, Progress

from donebit.command_line.progress_bars import NARROW, RateColumn, bar
from donebit.command_line.service import segment
from donebit.command_line.session import Session
from donebit.command_line.streams import Lost, Message, follow
from donebit.formatting import number


def watch_task(session: Session, task_id: str, patience_seconds: float) -> None:
    """Show it until it has ended.

    Raises:
        Refused: there is no such task, or not any more.
        Unavailable: the stream is not there, or was lost for as long as the patience lasts.
    """
    path = f"/tasks/{segment(task_id)}/events"
    told = follow(session.done, path, patience_seconds=patience_seconds)
    try:
        with bar(
            session.terminal.err, unless_narrow=[MofNCompleteColumn()], if_wide=[RateColumn("steps")]
        ) as progress:
            _show(progress, task_id, told)
    except KeyboardInterrupt:
        session.terminal.note(f"task {task_id} runs on; see it with: donebit watch {task_id}")
        raise


def _show(progress: Progress, task_id: str, told: Iterator[Message | Lost]) -> None:
    width = progress.console.width
    shown = progress.add_task(cut(task_id, width), total=None)
    for message in told:
        if isinstance(message, Lost) or "unavailable" in message:
            progress.update(shown, description="no news, trying again")
            continue
        steps = {"total": message["count"], "completed": message["done_steps"]}
        progress.update(shown, description=described(message, width), **steps)
        if message["ended_at"] is not None:
            return


def described(message: Message, width: int) -> str:
    """Who, and how it is; on a narrow terminal only what is not as usual."""
    unusual = [f"{number(message['failed_steps'])} failed"] if message["failed_steps"] else []
    unusual += ["stalled"] if message["stalled"] else []
    if width < NARROW:
        return cut(", ".join(unusual) or message["task_id"], width)
    return ", ".join([f"{cut(message['task_id'], width)} {message['state']}", *unusual])


def cut(text: str, width: int) -> str:
    """As much of it as leaves room for the bar."""
    most = width // 3
    return text if len(text) <= most else f"{text[: most - 1]}…"
