"""The one reading of REDIS_URL and of a BROKER_URL that is a Redis server: the same for store and broker.

redis-py and Celery read such an address each in a way of its own: what one takes, the other refuses or
understands as something else, and only one of them verifies certificates.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Value = TypeVar("Value")

TCP, TLS, SOCKETS = "redis", "rediss", ("unix", "redis+socket")
WITH_SENTINEL, WITH_SENTINEL_OVER_TLS = ("redis+sentinel", "sentinel"), "rediss+sentinel"
SENTINELS = (*WITH_SENTINEL, WITH_SENTINEL_OVER_TLS)
SCHEMES = (TCP, TLS, *SOCKETS, *SENTINELS)
BEGINNINGS = "it must begin with redis://, rediss://, unix:// or redis+sentinel://"
DEFAULT_PORT, SENTINEL_PORT = 6379, 26379
SENTINELS_EXAMPLE = "redis+sentinel://h1,h2,h3/name/0"
HIGHEST_DATABASE = 2**32 - 1  # no server has more; 16 unless it is set otherwise

# How strictly a certificate is verified, as redis-py and as Celery spell it.
STRICTNESS: Final = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
    "CERT_REQUIRED": ssl.CERT_REQUIRED,
    "CERT_OPTIONAL": ssl.CERT_OPTIONAL,
    "CERT_NONE": ssl.CERT_NONE,
}
TRUTHS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
TLS_OPTIONS = ("ssl_cert_reqs", "ssl_check_hostname", *FILES)
DATABASE_OPTIONS = ("db", "virtual_host")
SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")

WHOLE_ADDRESSES: Final = re.compile(r",(?=rediss?://)")
USER_OF_ANOTHER_HOST: Final = re.compile(r"@[^@/?#]*,[^@/?#]*@")
# Several hosts, and what stands before and after them.
HOSTS: Final = re.compile(r"(?P<before>rediss?://([^/?#]*@)?)(?P<hosts>[^/?#@]*,[^/?#@]*)(?P<after>[/?#].*)?")


@dataclass(frozen=True, slots=True)
class Tls:
    """How the server's certificate is verified, and the client's own. Files are paths, or empty."""

    strictness: ssl.VerifyMode = ssl.CERT_REQUIRED
    check_hostname: bool = True
    ca_file: str = ""  # what the system trusts when empty
    certificate_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """Where a Redis server is and how it is spoken to."""

    host: str = ""
    port: int = DEFAULT_PORT
    socket_path: str = ""  # in place of host and port
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)  # `celery report` shows the broker's options
    tls: Tls | None = None
    others: tuple[tuple[str, int], ...] = ()  # hosts and ports of more nodes of the same cluster
    sentinels: tuple[tuple[str, int], ...] = ()  # hosts and ports of those that know where the server is
    master: str = ""  # by which name they know it
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each server that it names."""
        return (self.host, self.port), *self.others

    def is_beside(self, other: RedisUrl) -> bool:
        """Whether both are one database of one server, with any user, over TLS or not."""
        return self._place == other._place

    @property
    def _place(self) -> tuple[object, ...]:
        if self.sentinels:
            return frozenset(self.sentinels), self.master, self.database
        return self.host, self.port, self.socket_path, self.database


def is_redis(url: str) -> bool:
    """Whether an address is one of a Redis server, well formed or not."""
    return url.partition("://")[0] in SCHEMES


def read(url: str) -> RedisUrl:
    """Read the address of a Redis server, or of several nodes of a cluster with commas between them.

    Either the hosts are listed, `redis://:password@host:port,host:port`, or whole addresses.

    Raises:
        ValueError: it is none, in one sentence that does not repeat a password.
    """
    addresses = WHOLE_ADDRESSES.split(url)
    if any(map(USER_OF_ANOTHER_HOST.search, addresses)):
        raise ValueError("user and password stand in it once, before the first host; in a password @ is %40")
    if url.partition("://")[0] in SENTINELS:
        return _read_sentinels(url)
    first, *others = [_read_one(one) for address in addresses for one in _each_host(address)]
    if any(replace(one, host=first.host, port=first.port) != first for one in others):
        raise ValueError("the addresses in it differ in more than host and port")
    return replace(first, others=tuple((one.host, one.port) for one in others))


def _each_host(url: str) -> Iterator[str]:
    """The address with each of its hosts alone; a password may have commas of its own."""
    found = HOSTS.fullmatch(url)
    if found is None:
        yield url
        return
    hosts = found["hosts"].split(",")
    if len(hosts) > 1 and not all(host.partition(":")[0] for host in hosts):
        raise ValueError("it has a comma with no host beside it")
    for host in hosts:
        yield found["before"] + host + (found["after"] or "")


def _read_one(url: str) -> RedisUrl:
    parts, port = split_url(url, SCHEMES)
    options = read_options(parts, has_tls=parts.scheme == TLS)
    is_socket = parts.scheme in SOCKETS
    if is_socket and (parts.hostname or not parts.path):
        raise ValueError("it names no socket file, by its whole path: unix:///path/of/the.sock")
    return RedisUrl(
        host="" if is_socket else unquote(parts.hostname or "localhost"),
        port=DEFAULT_PORT if port is None else port,
        socket_path=unquote(parts.path) if is_socket else "",
        database=_database("" if is_socket else unquote(parts.path).strip("/"), options),
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=read_tls(options) if parts.scheme == TLS else None,
    )


def _read_sentinels(url: str) -> RedisUrl:
    """Read an address of which the Sentinels of a server are named, with commas, and its name among them."""
    scheme, _, rest = url.partition("://")
    netloc, slash, path = rest.partition("/")
    access, at, listed = netloc.rpartition("@")
    if ";" in listed:  # as Celery has them
        raise ValueError(f"it must have commas between its Sentinels: {SENTINELS_EXAMPLE}")
    hosts = [split_url(f"{scheme}://{host}", SENTINELS) for host in listed.split(",")]
    # Of a single host, with what surrounds them all: the same faults are found then.
    parts, _ = split_url(f"{scheme}://{access}{at}{listed.split(',', maxsplit=1)[0]}{slash}{path}", SENTINELS)
    master, _, database = unquote(parts.path).strip("/").partition("/")
    if not master or re.fullmatch("[0-9]+", master) or not all(host.hostname for host, _ in hosts):
        raise ValueError(f"it must name Sentinels and what they call the server: {SENTINELS_EXAMPLE}")
    has_tls = scheme == WITH_SENTINEL_OVER_TLS
    options = read_options(
        parts,
        has_tls=has_tls,
        tls_scheme=WITH_SENTINEL_OVER_TLS,
        others=(*DATABASE_OPTIONS, *SENTINEL_OPTIONS),
    )
    return RedisUrl(
        database=_database(database, options),
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=read_tls(options) if has_tls else None,
        sentinels=tuple((unquote(host.hostname or ""), port or SENTINEL_PORT) for host, port in hosts),
        master=master,
        sentinel_username=options.get("sentinel_username", ""),
        sentinel_password=options.get("sentinel_password", ""),
    )


def split_url(url: str, schemes: Sequence[str]) -> tuple[SplitResult, int | None]:
    """Split an address of one of these schemes into its parts, and its port.

    Raises:
        ValueError: it cannot be read, in one sentence that does not repeat a password.
    """
    if url.partition("://")[0] not in schemes:
        raise ValueError(BEGINNINGS)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    if parts is None or parts.fragment or port == 0 or _ends_early(parts):
        raise ValueError(
            "it cannot be read: the port must be 1 to 65535, and in a password the characters "
            "/ ? # [ ] @ : % are written as %2F %3F %23 %5B %5D %40 %3A %25, an @ after the host as %40"
        )
    return parts, port


def _ends_early(parts: SplitResult) -> bool:
    """Whether the host ends in the midst of a password, at a character such as / or ? in it.

    What follows must not be repeated then as the name of a database or of an option.
    """
    has_no_password = parts.scheme in SOCKETS and not parts.netloc
    return "@" in parts.query or ("@" in parts.path and not has_no_password)


def read_options(
    parts: SplitResult, *, has_tls: bool, tls_scheme: str = TLS, others: Sequence[str] = DATABASE_OPTIONS
) -> dict[str, str]:
    """Return the options of an address, by name.

    Args:
        has_tls: its scheme stands for TLS.
        tls_scheme: the one that does.
        others: options that it may have besides those for TLS.

    Raises:
        ValueError: it has another one, or one twice.
    """
    known = (*others, *TLS_OPTIONS)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    for name, _ in pairs:
        if name not in known:
            raise ValueError(f"it has an option {name!r}; known are {', '.join(known)}")
        if name in TLS_OPTIONS and not has_tls:
            raise ValueError(f"its option {name} is for TLS, which {tls_scheme}:// stands for")
    if len(dict(pairs)) < len(pairs):
        raise ValueError("it has an option twice")
    return dict(pairs)


def _database(path: str, options: dict[str, str]) -> int:
    named = {text for text in (path, *(options.get(name, "") for name in DATABASE_OPTIONS)) if text}
    if len(named) > 1:
        raise ValueError(f"it names more than one database: {', '.join(sorted(named))}")
    text = named.pop() if named else "0"
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > HIGHEST_DATABASE:
        raise ValueError(f"it names database {text!r}; a database is a number, 0 to 15 on most servers")
    return int(text)


def read_tls(options: Mapping[str, str]) -> Tls:
    """Return how the options of an address say that certificates are verified.

    Raises:
        ValueError: a value is unknown, or a file cannot be used.
    """
    strictness = _one_of("ssl_cert_reqs", options.get("ssl_cert_reqs", "required"), STRICTNESS)
    checks_hostname = _one_of("ssl_check_hostname", options.get("ssl_check_hostname", "true").lower(), TRUTHS)
    for name in FILES:
        if name in options and not Path(options[name]).is_file():
            raise ValueError(f"its option {name} names no file: {options[name]!r}")
    tls = Tls(strictness, checks_hostname, *(options.get(name, "") for name in FILES))
    try:
        _load(tls)
    except (ssl.SSLError, OSError) as error:
        raise ValueError(f"its certificate files cannot be used: {error}") from None
    return tls


def _load(tls: Tls) -> None:
    context = ssl.create_default_context(cafile=tls.ca_file or None)
    if tls.certificate_file:
        context.load_cert_chain(tls.certificate_file, tls.key_file or None)


def _one_of(name: str, text: str, known: Mapping[str, Value]) -> Value:
    if text not in known:
        raise ValueError(f"its option {name} is {text!r}; it must be one of {', '.join(known)}")
    return known[text]
