"""`make test-compose`: the compose files and the image, built and run in containers of podman.

Everything that podman keeps lies in a temporary folder, so nobody's images, volumes and networks are touched.
No registry is asked: the base image is a Debian made by debootstrap, which has RabbitMQ where that is run,
and the server is that of the wheel.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from tests.compose.compose_file import CLUSTER_FILE, project, services
from tests.ports import SERVICES, named_ports
from tests.servers import valkey_binary
from tests.started import REPOSITORY

TOOLS = {"podman": "podman", "runc": "runc", "debootstrap": "debootstrap", "catatonit": "catatonit"}
SUITE = "trixie"  # the Debian that has Python 3.13
BASE, STORE_IMAGE, BROKER_IMAGE = "localhost/base", "localhost/store", "localhost/broker"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES = "ca-certificates,python3,python3-venv,python3-pip,valkey-tools"
BROKER = "rabbitmq-server"

CONTAINERS = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
init_path = "{catatonit}"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
lock_type = "file"
tmp_dir = "{folder}/tmp"
events_logger = "file"
[network]
network_config_dir = "{folder}/networks"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""
STORE_FILE = f"""
FROM {BASE}
COPY valkey-server /usr/local/bin/valkey-server
RUN (id valkey || useradd --system valkey) && mkdir -p /data && chown valkey /data
VOLUME /data
"""
# RabbitMQ's official image has its folders so, and runc gives a tmpfs the rights of the folder below it.
BROKER_FILE = f"""
FROM {BASE}
RUN chmod 1777 /var/lib/rabbitmq /var/log/rabbitmq
VOLUME /var/lib/rabbitmq
"""


def missing() -> list[str]:
    """What this machine lacks, as it would be asked for."""
    path = f"{os.environ['PATH']}:/usr/sbin:/usr/libexec/podman:/usr/lib/podman"
    lacking = [package for package, tool in TOOLS.items() if shutil.which(tool, path=path) is None]
    return lacking + (["the rights of root"] if os.geteuid() else [])


class CannotRunHere(Exception):
    """The machine has the tools, and containers cannot be made or run with them; its text says why."""


class Podman:
    """Podman with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        values = {"folder": folder, "catatonit": shutil.which("catatonit") or ""}
        (folder / "containers.conf").write_text(CONTAINERS.format(**values))
        (folder / "storage.conf").write_text(STORAGE.format(**values))
        self._environment = os.environ | {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "CONTAINER_TOOL": "podman",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin",
        }

    def run(self, *command: str, check: bool = True, input_file: Path | None = None) -> str:
        """Run a command with this store, and return what it wrote."""
        with (input_file or Path(os.devnull)).open() as given:
            done = subprocess.run(
                command,
                env=self._environment,
                cwd=REPOSITORY,
                stdin=given,
                text=True,
                capture_output=True,
                check=False,
            )
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def succeeds(self, *command: str) -> bool:
        done = subprocess.run(command, env=self._environment, capture_output=True, check=False)
        return done.returncode == 0

    def inspect(self, container: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self.run("podman", "inspect", container))
        return found[0]

    def clear(self) -> None:
        """Remove all containers, volumes and images of this store."""
        for what in (
            ("rm", "-fa", "-t", "0"),
            ("volume", "rm", "-fa"),
            ("rmi", "-fa"),
            ("network", "prune", "-f"),
        ):
            self.run("podman", *what, check=False)


def build(podman: Podman, file: Path) -> None:
    """Make the base image, the servers' that a compose file needs, and Donebit's by its Dockerfile."""
    has_broker = file == CLUSTER_FILE
    root = Path(os.environ.get("BASE_FOLDER") or podman.folder / "root")
    if not root.exists():
        packages = f"{PACKAGES},{BROKER}" if has_broker else PACKAGES
        make = ("debootstrap", "--variant=minbase", f"--include={packages}", SUITE, str(root))
        if not podman.succeeds(*make):
            raise CannotRunHere("debootstrap cannot make a Debian here: no mirror, or not allowed to")
    python = root / "usr/bin/python"
    if not python.is_symlink():
        python.symlink_to("python3")
    # The build installs packages: it trusts whom this machine trusts.
    shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    (root / "etc/pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n")
    archive = podman.folder / "base.tar"
    podman.run("tar", "-C", str(root), "-cf", str(archive), ".")
    if not (podman.succeeds("podman", "import", str(archive), BASE) and podman.succeeds(*TRY)):
        raise CannotRunHere(f"`{' '.join(TRY)}` fails: this machine lets podman run no container")
    archive.unlink()
    store = podman.folder / "store"
    store.mkdir()
    shutil.copy(valkey_binary(), store / "valkey-server")
    (store / "Dockerfile").write_text(STORE_FILE)
    podman.run(*BUILD, "-t", STORE_IMAGE, str(store))
    if has_broker:
        broker = podman.folder / "broker"
        broker.mkdir()
        (broker / "Dockerfile").write_text(BROKER_FILE)
        podman.run(*BUILD, "-t", BROKER_IMAGE, str(broker))
    base = pinned(podman, file)["PYTHON_IMAGE"]
    podman.run(*BUILD, "--build-arg", f"PYTHON_IMAGE={base}", "-t", "donebit", ".")


def pinned(podman: Podman, file: Path) -> dict[str, str]:
    """The images that a compose file needs, by the digests that deploy/pin-images.sh adds to them."""
    images = {"PYTHON_IMAGE": BASE, "REDIS_IMAGE": STORE_IMAGE}
    if file == CLUSTER_FILE:
        images["RABBITMQ_IMAGE"] = BROKER_IMAGE
    names = podman.folder / "images"
    names.write_text("".join(f"{name}={image}\n" for name, image in images.items()))
    podman.run("deploy/pin-images.sh", str(names))
    return {name: image or "" for name, image in dotenv_values(names).items()}


TRY = ("podman", "run", "--rm", BASE, "true")
BUILD = ("podman", "build", "--isolation", "chroot", "--network", "host")


class Running:
    """The containers of a compose file, and how to ask the services."""

    def __init__(self, podman: Podman, file: Path) -> None:
        self.podman, self._file, self._project = podman, file, project(file)
        self.token = secrets.token_hex(16)
        self.ports = named_ports(SERVICES)
        variables: Mapping[str, object] = {
            "REDIS_PASSWORD": secrets.token_hex(16),
            "CLUSTER_PASSWORD": secrets.token_hex(16),
            "BROKER_PASSWORD": secrets.token_hex(16),
            "API_TOKEN": self.token,
            "WORKER_PROCESSES": 2,
            **pinned(podman, file),
            **self.ports,
        }
        parts = services({name: str(value) for name, value in variables.items()}, file)
        self.services = [name for name, part in parts.items() if "healthcheck" in part]  # those that stay
        self._variables = podman.folder / "variables"
        self._variables.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))

    def compose(self, *command: str) -> str:
        options = ("-f", str(self._file), "--env-file", str(self._variables), "-p", self._project)
        return self.podman.run("podman-compose", *options, *command)

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[f'{service.upper()}_PORT']}"

    def names(self, service: str) -> list[str]:
        """The containers of a service."""
        listed = self.podman.run("podman", "ps", "--format", "{{.Names}}").split()
        return sorted(
            name for name in listed if name.replace("_", "-").startswith(f"{self._project}-{service}-")
        )


@contextmanager
def built(file: Path) -> Iterator[Podman]:
    """Build the images of a compose file, and remove everything again."""
    with tempfile.TemporaryDirectory(prefix="donebit-compose-", ignore_cleanup_errors=True) as name:
        podman = Podman(Path(name))
        try:
            build(podman, file)
            yield podman
        finally:
            podman.clear()


@contextmanager
def running(podman: Podman, file: Path) -> Iterator[Running]:
    """Start what a compose file has, and remove its containers and volumes again."""
    composed = Running(podman, file)
    composed.compose("up", "-d", "--no-build")
    try:
        yield composed
    finally:
        composed.compose("down", "-v", "-t", "5")
