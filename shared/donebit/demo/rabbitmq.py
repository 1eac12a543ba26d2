"""A RabbitMQ of one's own, where Debian's package is installed: its files, its environment, its commands."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from donebit.addresses import LOOPBACK

DEBIAN = Path("/usr/lib/rabbitmq/bin")  # what it has on the PATH runs as one user, with fixed folders
SETTINGS = """\
listeners.tcp.1 = {host}:{port}
log.console = false
vm_memory_high_watermark.absolute = 400MB
disk_free_limit.absolute = 1MB
"""
ONE_SCHEDULER = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"


def rabbitmq_program(name: str = "rabbitmq-server") -> str | None:
    """Return where a program of RabbitMQ is installed; None where it is not."""
    own = DEBIAN / name
    return str(own) if own.exists() else shutil.which(name)


@dataclass(frozen=True, slots=True)
class OwnRabbit:
    """One node in a folder, with a port mapper of its own, so that nothing of it outlives it.

    Args:
        folder: Where all of its files are.
        node: Its name; the data is kept under it.
        port: Where it takes connections.
        mapper_port: Of the port mapper.
        distribution_port: Where its own commands reach it.
    """

    folder: Path
    node: str
    port: int
    mapper_port: int
    distribution_port: int

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}//"

    @property
    def mapper_command(self) -> tuple[str, ...]:
        return ("epmd", "-port", str(self.mapper_port), "-address", LOOPBACK)

    @property
    def environment(self) -> Mapping[str, str]:
        """What its programs and the mapper are started with."""
        return {
            "HOME": str(self.folder),  # where the cookie is
            "ERL_EPMD_PORT": str(self.mapper_port),
            "RABBITMQ_NODENAME": f"{self.node}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ONE_SCHEDULER,
        }

    def write_files(self, more_settings: str = "", advanced: str = "[].") -> None:
        """Write what it reads at its start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = SETTINGS.format(host=LOOPBACK, port=self.port)
        (self.folder / "rabbitmq.conf").write_text(settings + more_settings)
        (self.folder / "advanced.config").write_text(advanced)
        (self.folder / "plugins").write_text("[].")
