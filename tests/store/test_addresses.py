"""The same REDIS_URL leads store and broker to the same place, over TLS, a socket file and with a user."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import cast

import pytest
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from donebit import queue
from donebit.config import Settings
from donebit.errors import ConfigurationError
from donebit.store import Store
from donebit.store.store import refuse_unfit
from tests.forked import run_module
from tests.servers import RunningServer, valkey_binary
from tests.started import eventually

CERTIFICATES = Path(__file__).parent / "certificates"
CA, OF_SERVER = CERTIFICATES / "ca.pem", CERTIFICATES / "server.pem"
PASSWORD, WRITTEN = "p@ss/w:rd?#%", "p%40ss%2Fw%3Ard%3F%23%25"


def reach(url: str) -> None:
    """Let the store and the broker each write where the address leads."""
    store = Store.at(url, connections=1)
    store.heartbeats.beat("worker", 1)
    app = queue.make_celery(Settings(redis_url=url), sends_only=True)
    try:
        app.send_task(queue.SWEEP, queue=queue.CONTROL)
    finally:
        app.close()


def written(client: Redis) -> set[bytes]:
    return {key for key in cast(list[bytes], client.keys()) if not key.startswith(b"donebit:_kombu")}


BOTH = {b"donebit:heartbeat:worker", b"donebit:donebit.control"}


@contextmanager
def tls_before(port: int) -> Iterator[int]:
    """A TLS server that passes all on to a plain one, as managed servers have it: the wheel's has no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(OF_SERVER)
    with socket.create_server(("127.0.0.1", 0)) as entrance:

        def accept() -> None:
            while True:
                try:
                    plain, _ = entrance.accept()
                except OSError:  # the test is over
                    return
                threading.Thread(target=serve, args=(plain,), daemon=True).start()

        def serve(plain: socket.socket) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(plain, server_side=True) as client,
                socket.create_connection(("127.0.0.1", port)) as server,
            ):
                threading.Thread(target=pump, args=(server, client), daemon=True).start()
                pump(client, server)

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield entrance.getsockname()[1]
        entrance.shutdown(socket.SHUT_RDWR)
        accepting.join(10)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while sent := source.recv(65536):
            sink.sendall(sent)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "options",
    [f"?ssl_ca_certs={CA}", f"?ssl_ca_certs={CA}&ssl_cert_reqs=CERT_REQUIRED", "?ssl_cert_reqs=none"],
)
def test_a_certificate_of_the_named_ca_is_taken_by_both(own_server: RunningServer, options: str) -> None:
    with tls_before(own_server.port) as port:
        reach(f"rediss://localhost:{port}/0{options}")

    assert written(own_server.client) == BOTH


@pytest.mark.parametrize("options", ["", "?ssl_cert_reqs=CERT_REQUIRED"])
def test_a_certificate_of_nobody_known_is_refused_by_both(own_server: RunningServer, options: str) -> None:
    with tls_before(own_server.port) as port:
        url = f"rediss://localhost:{port}/0{options}"
        with pytest.raises(ConfigurationError, match=r"certificate verify failed.*ssl_ca_certs"):
            refuse_unfit(Store.at(url, connections=1))
        with (
            closing(queue.make_celery(Settings(redis_url=url), sends_only=True)) as app,
            pytest.raises((OperationalError, NoConnection), match="certificate verify failed"),
        ):
            app.send_task(queue.SWEEP, queue=queue.CONTROL)

    assert written(own_server.client) == set()


def test_a_socket_file_a_user_and_a_database_are_the_same_for_both(tmp_path: Path) -> None:
    path = tmp_path / "s"
    command = [
        str(valkey_binary()),
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--dir",
        str(tmp_path),
        "--save",
        "",
    ]
    with ExitStack() as ending:
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        ending.callback(server.wait, 10)
        ending.callback(server.kill)
        operator = ending.enter_context(Redis(unix_socket_path=str(path), db=2))
        eventually(path.exists, what="the server did not start")
        eventually(lambda: answers(operator), what="the server does not answer")
        operator.acl_setuser("me", enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], categories=["+@all"])

        reach(f"unix://me:{WRITTEN}@{path}?db=2")

        assert written(operator) == BOTH


def answers(client: Redis) -> bool:
    with suppress(NoConnection):
        return bool(client.ping())
    return False


def test_a_user_that_may_not_ask_about_the_server_is_enough(own_server: RunningServer) -> None:
    own_server.client.acl_setuser(
        "me",
        enabled=True,
        passwords=[f"+{PASSWORD}"],
        keys=["*"],
        categories=["+@all"],
        commands=["-info", "-config"],
    )
    url = f"redis://me:{WRITTEN}@127.0.0.1:{own_server.port}/2"

    refuse_unfit(Store.at(url, connections=1))
    reach(url)

    with Redis(port=own_server.port, db=2) as of_two:
        assert written(of_two) == BOTH


@pytest.fixture
def sentinel_port(tmp_path: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    settings = tmp_path / "sentinel.conf"
    settings.write_text(f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n")
    server = subprocess.Popen([str(valkey_binary()), str(settings), "--sentinel"], stdout=subprocess.DEVNULL)
    with Redis(port=port) as client:
        eventually(lambda: answers(client), what="the sentinel does not answer")
    yield port
    server.kill()
    server.wait(10)


@pytest.mark.parametrize("database", [0, 1])
def test_the_port_of_a_sentinel_is_refused_in_a_sentence(sentinel_port: int, database: int) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        refuse_unfit(Store.at(f"redis://127.0.0.1:{sentinel_port}/{database}", connections=1))

    assert refusal.value.detail.startswith("REDIS_URL")


@pytest.mark.parametrize("program", [["done_app"], ["celery", "--app", "done_app.worker", "--quiet", "beat"]])
def test_a_program_ends_with_one_sentence_and_exit_code_2(program: list[str]) -> None:
    module, *arguments = program
    ended = run_module(module, arguments, Path.cwd(), {"REDIS_URL": "redis://localhost/abc"})

    assert ended.returncode == 2
    assert ended.stderr.startswith("settings: REDIS_URL: it names database 'abc'")
    assert ended.stderr.count("\n") == 1
