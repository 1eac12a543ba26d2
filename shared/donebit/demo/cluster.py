"""The servers of `make demo-cluster`: three primaries, a replica of each, and a broker of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from donebit.addresses import LOOPBACK
from donebit.demo import data_folder, ports, server
from donebit.demo.errors import CannotStart
from donebit.demo.probes import is_listened_on, redis_answers
from donebit.demo.process import Program
from donebit.demo.programs import UNSHOWN_LINES
from donebit.demo.rabbitmq import OwnRabbit, rabbitmq_program
from donebit.demo.servers import Servers
from donebit.server_binary import installed_binary, wheel_binary

PRIMARIES, NODES = 3, 6
RABBITMQ = "rabbitmq"
NODE_TIMEOUT_MS = 2000  # after which a replica takes over, so that one can watch it

# What is of no use here: nodes speak without TLS, a probe says nothing to the port mapper, and RabbitMQ's
# banner, whose lines are indented; all that it says is in its own log.
UNSHOWN_OF_NODES = (*UNSHOWN_LINES, "Missing implement of connection type")
UNSHOWN_OF_MAPPER = ("got partial packet",)
UNSHOWN_OF_RABBITMQ = ("[info]", "[notice]", "  ")


def on_cluster(folder: Path) -> Servers:
    """Return a cluster of six nodes, and RabbitMQ where it is installed, else one more server, as the broker.

    Args:
        folder: Where all of their data is, which is locked.

    Raises:
        CannotStart: The data is in use, or there is no server to run.
    """
    binary = wheel_binary() or installed_binary()
    if binary is None:
        raise CannotStart(
            "a cluster needs a real server: put valkey-server or redis-server (7.0 or newer) on the PATH"
        )
    lock = data_folder.lock(folder)
    node_ports = ports.free_server_ports(2 * NODES)
    nodes = cluster_nodes(binary, folder, node_ports[:NODES], node_ports[NODES:], lock)
    url = f"redis://{','.join(f'{LOOPBACK}:{port}' for port in node_ports[:NODES])}/0"
    broker_url, said, stages = rabbitmq_broker(folder) or server_as_broker(binary, folder, lock)
    return Servers(
        {"REDIS_URL": url, "REDIS_URL_FILE": "", "BROKER_URL": broker_url, "BROKER_URL_FILE": ""},
        [f"the store is {NODES} nodes at {url}, their data in {folder}/", f"the broker is {said}"],
        [nodes, *stages],
    )


def cluster_nodes(
    binary: Path, folder: Path, node_ports: Sequence[int], bus_ports: Sequence[int], lock: int
) -> list[Program]:
    """Return the nodes; the first is ready when all of them are one cluster."""
    joined = server.joining(node_ports[:PRIMARIES], node_ports[PRIMARIES:])
    nodes: list[Program] = []
    for port, bus_port in zip(node_ports, bus_ports, strict=True):
        name = f"node-{len(nodes) + 1}"
        (folder / name).mkdir(exist_ok=True)
        options = ("--cluster-enabled", "yes", "--cluster-port", str(bus_port))
        timeout = ("--cluster-node-timeout", str(NODE_TIMEOUT_MS))
        command = (*server.command(binary, folder / name, port), *options, *timeout)
        ready = redis_answers(LOOPBACK, port) if nodes else joined
        nodes.append(Program(name, command, ready, inherits=(lock,), unshown=UNSHOWN_OF_NODES))
    return nodes


Broker = tuple[str, str, list[list[Program]]]  # its address, what it is, and its programs in stages


def rabbitmq_broker(folder: Path) -> Broker | None:
    """Return RabbitMQ; None where it is not installed."""
    program = rabbitmq_program()
    if program is None:
        return None
    rabbit = OwnRabbit((folder / RABBITMQ).resolve(), "demo", *ports.free_server_ports(3))
    rabbit.write_files()
    mapper = Program(
        "epmd",
        rabbit.mapper_command,
        is_listened_on(LOOPBACK, rabbit.mapper_port),
        unshown=UNSHOWN_OF_MAPPER,
        environment=rabbit.environment,
    )
    broker = Program(
        RABBITMQ,
        (program,),
        is_listened_on(LOOPBACK, rabbit.port),
        unshown=UNSHOWN_OF_RABBITMQ,
        environment=rabbit.environment,
    )
    said = f"RabbitMQ at {LOOPBACK}:{rabbit.port}, its data in {folder / RABBITMQ}/"
    return rabbit.url, said, [[mapper], [broker]]


def server_as_broker(binary: Path, folder: Path, lock: int) -> Broker:
    """Return one more server, which is no node."""
    port, data = ports.free_server_port(), folder / "broker"
    data.mkdir(exist_ok=True)
    broker = Program(
        "broker",
        server.command(binary, data, port),
        redis_answers(LOOPBACK, port),
        inherits=(lock,),
        unshown=UNSHOWN_LINES,
    )
    said = f"{binary.name} at {LOOPBACK}:{port}, its data in {data}/"
    return f"redis://{LOOPBACK}:{port}/0", said, [[broker]]
