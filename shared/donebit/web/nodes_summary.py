"""The nodes of the store as answers and pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from donebit.workers.nodes import ALL_SLOTS, Node

Range = Annotated[Sequence[int], Field(min_length=2, max_length=2)]


class NodeSummary(BaseModel):
    """A node of a cluster."""

    node: str = Field(examples=["10.0.0.1:6379"])
    follows: str | None = Field(examples=[None], description="the primary that it copies; null: it is one")
    well: bool = Field(description="a primary answers, and a replica gets what its primary writes")
    slots: int = Field(examples=[5461], description="how many it serves; 0 of a replica")
    slot_ranges: Sequence[Range] = Field(examples=[[[0, 5461]]], description="which, half open")
    memory_bytes: int | None = Field(examples=[1_500_000], description="null: it is a replica, or away")
    replicas: int = Field(examples=[1], description="replicas that follow it")
    lag_bytes: int | None = Field(
        examples=[None], description="what it has not acknowledged; null: it is a primary, or does not follow"
    )
    lag_seconds: int | None = Field(examples=[None], description="since it acknowledged anything")

    @classmethod
    def of(cls, node: Node) -> NodeSummary:
        return cls(
            node=node.address,
            follows=node.follows,
            well=node.is_well,
            slots=node.slots,
            slot_ranges=node.slot_ranges,
            memory_bytes=node.memory_bytes,
            replicas=node.replicas,
            lag_bytes=node.lag_bytes,
            lag_seconds=node.lag_seconds,
        )


class NodesSummary(BaseModel):
    """All nodes at one moment; none where the store is one server."""

    nodes: Sequence[NodeSummary] = Field(
        description="replicas after their primary; one that is away stays until another has its slots"
    )
    slots_served: int = Field(examples=[ALL_SLOTS], description="by primaries that answer")
    slots_all: int = Field(default=ALL_SLOTS, examples=[ALL_SLOTS])

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> NodesSummary:
        served = sum(node.slots for node in nodes if node.is_well)
        return cls(nodes=[NodeSummary.of(node) for node in nodes], slots_served=served)
