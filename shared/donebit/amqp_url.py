"""The reading of a BROKER_URL that is RabbitMQ; its TLS options are those of a Redis server's address."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from donebit.addresses import host_in_url
from donebit.redis_url import Tls, read_options, read_tls, split_url

PLAIN, TLS = ("amqp", "pyamqp"), "amqps"
SCHEMES = (*PLAIN, TLS)
DEFAULT_PORTS = {"amqp": 5672, "pyamqp": 5672, TLS: 5671}
ANOTHER_ADDRESS = re.compile(r"[;,](amqps?|pyamqp)://")  # as Celery has several
SEVERAL = "it names several servers; Celery's broker is one"
LONGEST_PREFIX = (
    150  # characters of KEY_PREFIX as it is written into routing keys, which have 255 with a delay
)


@dataclass(frozen=True, slots=True)
class AmqpUrl:
    """Where RabbitMQ is and how it is spoken to."""

    host: str
    port: int
    virtual_host: str = "/"
    username: str = "guest"
    password: str = field(default="guest", repr=False)
    tls: Tls | None = None

    @property
    def for_celery(self) -> str:
        """The address without its options, which Celery would read in its own way."""
        host = host_in_url(self.host)
        user, password = quote(self.username, safe=""), quote(self.password, safe="")
        return f"amqp://{user}:{password}@{host}:{self.port}/{quote(self.virtual_host, safe='')}"


def is_rabbitmq(url: str) -> bool:
    """Whether an address is one of RabbitMQ, well formed or not."""
    return url.partition("://")[0] in SCHEMES


def read(url: str) -> AmqpUrl:
    """Read the address of RabbitMQ.

    Raises:
        ValueError: it is none, in one sentence that does not repeat a password.
    """
    if ANOTHER_ADDRESS.search(url):
        raise ValueError(SEVERAL)
    parts, port = split_url(url, SCHEMES)
    if "," in (parts.hostname or ""):
        raise ValueError(SEVERAL)
    options = read_options(parts, has_tls=parts.scheme == TLS, tls_scheme=TLS, others=())
    return AmqpUrl(
        host=unquote(parts.hostname or "localhost"),
        port=DEFAULT_PORTS[parts.scheme] if port is None else port,
        virtual_host=unquote(parts.path.removeprefix("/")) or "/",
        username=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        tls=read_tls(options) if parts.scheme == TLS else None,
    )


def routing_key(name: str) -> str:
    """What a message to a queue is routed by: a single word, which has no dot.

    Delayed messages of all installations on one virtual host pass one exchange, which compares the last words
    of each key: without this, one prefix may end as another whole one is.
    """
    return quote(name, safe=":").replace(".", "%2E")


def refuse_prefix(prefix: str) -> None:
    """Refuse a prefix that makes names too long for RabbitMQ.

    Raises:
        ValueError: saying so.
    """
    if (length := len(routing_key(prefix))) > LONGEST_PREFIX:
        raise ValueError(
            f"KEY_PREFIX is too long for RabbitMQ: {length} characters, where all but A-Z a-z 0-9 _ - ~ : "
            f"count three times; at most {LONGEST_PREFIX}"
        )
