"""What was measured, as a line of the table: beside what, and whether the bound holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEADS = ("what", "measured", "against", "ratio", "bound", "holds")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. Whoever has no peer is held against a bound of its own unit; most have no bound."""

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
    """Three figures and a unit: 23.6 ns, 34.7 us, 4.12 ms, 1.03 s."""
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
    """Held against a peer of the same run: the ratio is what a noisy machine spoils least."""
    ratio = measured / against
    bound, holds = ("", None) if at_most is None else (times(at_most), ratio <= at_most)
    return Figure(what, write(measured), f"{write(against)} ({peer})", times(ratio), bound, holds)


def times(ratio: float) -> str:
    """1.30x as it is; what is much less as a fraction, 1/30."""
    return f"{ratio:.2f}x" if ratio >= 0.1 else f"1/{1 / ratio:,.0f}"


def size(a_step: float) -> str:
    """Bytes, with three figures."""
    return f"{a_step:.3g} B" if a_step < 999.5 else f"{a_step:.0f} B"


def bounded(what: str, measured: float, *, at_most: float) -> Figure:
    """Seconds, held against seconds."""
    return Figure(what, duration(measured), bound=duration(at_most), holds=measured <= at_most)


def rate(what: str, a_second: float, *, at_least: float) -> Figure:
    """Things a second, in millions, held against a bound of their own."""
    holds = a_second >= at_least
    return Figure(what, f"{a_second / 1e6:.3g} M/s", bound=f"{at_least / 1e6:g} M/s", holds=holds)


def table(figures: Sequence[Figure]) -> str:
    """Markdown, and aligned for whoever reads it as it is."""
    rows = [HEADS, *(figure.cells for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    lines = [" | ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
