"""A measured value as a row of a table: what it is compared with, and whether its bound holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEADS = ("what", "measured", "against", "ratio", "bound", "holds")


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. Without a peer, the bound has the unit of the value; most rows have no bound."""

    what: str
    measured: str
    against: str = ""
    ratio: str = ""
    bound: str = ""
    holds: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        holds = "" if self.holds is None else ("yes" if self.holds else "NO")
        return (self.what, self.measured, self.against, self.ratio, self.bound, holds)


def duration(seconds: float) -> str:
    """Return three digits and a unit: 23.6 ns, 34.7 us, 4.12 ms, 1.03 s."""
    for factor, unit in ((1e9, "ns"), (1e6, "us"), (1e3, "ms")):
        if seconds * factor < 999.5:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds:.3g} s"


def compared(
    what: str,
    measured: float,
    peer: str,
    against: float,
    *,
    at_most: float | None = None,
    write: Callable[[float], str] = duration,
) -> Figure:
    """Compare with a peer of the same run: a noisy machine changes the ratio least."""
    ratio = measured / against
    bound, holds = ("", None) if at_most is None else (times(at_most), ratio <= at_most)
    return Figure(what, write(measured), f"{write(against)} ({peer})", times(ratio), bound, holds)


def times(ratio: float) -> str:
    """Return a ratio such as 1.30x, or a fraction such as 1/30 for a small one."""
    return f"{ratio:.2f}x" if ratio >= 0.1 else f"1/{1 / ratio:,.0f}"


def size(a_step: float) -> str:
    """Return bytes with three digits and a unit."""
    return f"{a_step:.3g} B" if a_step < 999.5 else f"{a_step:.0f} B"


def bounded(what: str, measured: float, *, at_most: float) -> Figure:
    """Compare seconds with a bound in seconds."""
    return Figure(what, duration(measured), bound=duration(at_most), holds=measured <= at_most)


def rate(what: str, a_second: float, *, at_least: float) -> Figure:
    """Compare a rate per second with a bound, both in millions."""
    holds = a_second >= at_least
    return Figure(what, f"{a_second / 1e6:.3g} M/s", bound=f"{at_least / 1e6:g} M/s", holds=holds)


def table(figures: Sequence[Figure]) -> str:
    """Return a Markdown table, with aligned columns."""
    rows = [HEADS, *(figure.cells for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [" | ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
