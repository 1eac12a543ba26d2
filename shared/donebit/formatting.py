"""Numbers, durations and expectations for people, in the dashboard and at a terminal."""

from __future__ import annotations

from datetime import timedelta


def number(value: float) -> str:
    """A number with thousands separators, and one decimal below ten: 1,234,567 or 4.2."""
    return f"{value:,.1f}" if 0 < value < 10 and value != int(value) else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A duration in at most two units: 26 ms, 0.4 s, 12 s, 3 min 5 s, 2 h 10 min, 3 d 4 h. Negative: 0 s."""
    if 0 < seconds < 0.1:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s".replace(".0 s", " s")
    whole = timedelta(seconds=round(seconds))
    minutes, rest = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    units = ((whole.days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    first = next(index for index, (amount, _) in enumerate(units) if amount)
    return " ".join(f"{amount} {unit}" for amount, unit in units[first : first + 2] if amount)


def expected_task(what: str, label: str | None, job: str | None, prefix: str | None) -> str:
    """What an expectation expects: a task done (label backup, job copy).

    Args:
        what: done or started
        label: of the tasks that are meant, as are their job and the beginning of their ids
    """
    meant = {"label": label, "job": job, "prefix": prefix}
    return f"a task {what} ({', '.join(f'{field} {value}' for field, value in meant.items() if value)})"
