"""Certificates made by the test run, and Debian's Redis, which asks for them: the wheels' have no TLS."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from donebit.addresses import LOOPBACK
from donebit.demo.ports import free_server_port
from tests.started import eventually

NAMES = f"subjectAltName=DNS:localhost,IP:{LOOPBACK}"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def tls_programs() -> bool:
    """Whether what these tests need is installed."""
    return bool(shutil.which("openssl") and shutil.which("redis-server"))


def openssl(*arguments: str) -> None:
    subprocess.run(("openssl", *arguments), check=True, capture_output=True, timeout=60)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA of the test's own, in a folder."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def found(self) -> None:
        self.folder.mkdir()
        key, subject = str(self.folder / "ca.key"), "/CN=CA of a test"
        openssl(
            "req", "-x509", *NEW_KEY, "-days", "2", "-subj", subject, "-keyout", key, "-out", str(self.ca)
        )

    def certify(self, name: str, names: str) -> tuple[Path, Path]:
        """Make a certificate and its key.

        Args:
            name: of the files, and of whom it is of.
            names: the extension that says which hosts it is good for.
        """
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr"))
        (self.folder / f"{name}.ext").write_text(names)
        openssl("req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        by = ("-CA", str(self.ca), "-CAkey", str(self.folder / "ca.key"), "-CAcreateserial", "-days", "2")
        extension = ("-extfile", str(self.folder / f"{name}.ext"))
        openssl("x509", "-req", "-in", str(request), *by, *extension, "-out", str(certificate))
        return certificate, key


@dataclass(frozen=True, slots=True)
class Certificates:
    """Of a server and of a client, and of a server that is known by another name only, all by one CA."""

    ca: Path
    server: tuple[Path, Path]
    renamed: tuple[Path, Path]
    client: tuple[Path, Path]
    another_ca: Path

    @property
    def options(self) -> str:
        """The options of an address with the CA and the client's certificate."""
        return f"ssl_ca_certs={self.ca}&{self.of_client}"

    @property
    def of_client(self) -> str:
        certificate, key = self.client
        return f"ssl_certfile={certificate}&ssl_keyfile={key}"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    own, another = Authority(folder / "own"), Authority(folder / "another")
    own.found()
    another.found()
    server = own.certify("server", NAMES)
    renamed = own.certify("renamed", "subjectAltName=DNS:example.org")
    return Certificates(
        own.ca, server, renamed, own.certify("client", "keyUsage=digitalSignature"), another.ca
    )


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A Redis that speaks TLS alone, or a Sentinel."""

    port: int
    client: Redis


@contextmanager
def tls_server(
    folder: Path, certificates: Certificates, pair: tuple[Path, Path], *more: str
) -> Iterator[TlsServer]:
    """Start Debian's Redis, which asks its clients for a certificate.

    Args:
        pair: its own certificate and key.
        more: arguments of the server.
    """
    port, program = free_server_port(), shutil.which("redis-server")
    assert program is not None, "no redis-server"
    folder.mkdir(exist_ok=True)
    given = {
        "port": 0, "tls-port": port, "bind": LOOPBACK, "dir": folder, "tls-cert-file": pair[0],
        "tls-key-file": pair[1], "tls-ca-cert-file": certificates.ca, "tls-auth-clients": "yes",
        "tls-replication": "yes",
    }  # fmt: skip
    settings = folder / "server.conf"
    settings.write_text("".join(f"{name} {value}\n" for name, value in given.items()) + "\n".join(more))
    command = (program, str(settings), *(("--sentinel",) if more else ("--save", "")))
    certificate, key = certificates.client
    operator = Redis(
        port=port, ssl=True, ssl_ca_certs=str(certificates.ca), ssl_certfile=str(certificate),
        ssl_keyfile=str(key), ssl_check_hostname=False,
    )  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process, operator:
        try:
            eventually(lambda: answers(operator), what="the server did not start")
            yield TlsServer(port, operator)
        finally:
            process.kill()


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.fixture
def tls_redis(certificates: Certificates, tmp_path: Path) -> Iterator[TlsServer]:
    with tls_server(tmp_path / "tls", certificates, certificates.server) as server:
        yield server
