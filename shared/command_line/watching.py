"""A task's progress as it happens: a bar at a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from shared.command_line.service import segment
from shared.command_line.session import Session
from shared.command_line.streams import Lost, Message, follow
from shared.command_line.terminal import number

NARROW, WIDE = 50, 80  # columns of the terminal


class RateColumn(ProgressColumn):
    """How many a second, of late."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{number(speed)} {self._unit}/s" if speed else "", style="cyan")


class LeftColumn(TimeRemainingColumn):
    """The time left, said so."""

    def render(self, task: Task) -> Text:
        return Text("") if task.finished else Text.assemble(super().render(task), " left")


def bar(console: Console, unit: str) -> Progress:
    """A bar as wide as the terminal allows; it goes when it is over, for what it came to is said then."""
    width = console.width
    columns: list[ProgressColumn] = [TextColumn("{task.description}", markup=False), BarColumn(None)]
    columns += [TaskProgressColumn()]
    columns += [MofNCompleteColumn()] if width >= NARROW else []
    columns += [RateColumn(unit), LeftColumn(compact=True)] if width >= WIDE else []
    shown = console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=not shown, expand=True)


def watch_task(session: Session, task_id: str, patience_seconds: float) -> None:
    """Show it until it has ended.

    Raises:
        Refused: there is no such task, or not any more.
        Unavailable: the stream is not there, or was lost for as long as the patience lasts.
    """
    path = f"/tasks/{segment(task_id)}/events"
    told = follow(session.done, path, patience_seconds=patience_seconds)
    try:
        with bar(session.terminal.err, "steps") as progress:
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
