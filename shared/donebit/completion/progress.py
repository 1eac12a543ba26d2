"""The rule that says when a task is done, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rule's two commands say of a task's bitmap at one moment."""

    first_gap: int  # BITPOS key 0
    set_bits: int  # BITCOUNT key, end marker included

    @property
    def done(self) -> bool:
        # An absent bitmap reads (0, 0): equal, yet nothing has finished.
        return 0 < self.first_gap == self.set_bits
