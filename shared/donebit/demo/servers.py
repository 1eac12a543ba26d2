"""The servers that a demo's services stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from donebit.config import Settings
from donebit.demo import data_folder, ports, programs, server
from donebit.demo.process import Program


@dataclass(frozen=True, slots=True)
class Servers:
    """The store and the broker, and the programs to start for them."""

    addresses: Mapping[str, str]  # the environment that names them
    descriptions: Sequence[str]
    stages: Sequence[Sequence[Program]]  # each needs those before it
    warning: str = ""

    @property
    def names(self) -> list[str]:
        """The names of the programs."""
        return [program.name for stage in self.stages for program in stage]


def on_one_server(settings: Settings, folder: Path) -> Servers:
    """Return the user's own server, or one embedded in the demo that is store and broker.

    Args:
        settings: The settings of the services.
        folder: The data folder of the embedded server, which is locked.

    Raises:
        CannotStart: The data is in use, or the user's server cannot be reached.
    """
    lock = data_folder.lock(folder)
    port = ports.free_server_port()
    chosen = server.choose(own_server(settings), folder, port, settings.key_prefix, settings.broker_url)
    return Servers(
        {"REDIS_URL": chosen.url, "REDIS_URL_FILE": ""},
        [f"redis is {chosen.description}"],
        [[programs.embedded(chosen, lock)]] if chosen.argv else [],
        chosen.warning,
    )


def own_server(settings: Settings) -> str | None:
    """Return what the user set as REDIS_URL; None if it is the default."""
    return settings.redis_url if "redis_url" in settings.model_fields_set else None
