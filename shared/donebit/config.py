"""Every setting, read from the environment here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from donebit import amqp_url, redis_url, wording
from donebit.addresses import address
from donebit.errors import ConfigurationError
from donebit.names import DEFAULT_KEY_PREFIX
from donebit.setting_types import (
    HOW_TO_SIGN,
    ApiToken,
    BrokerUrl,
    Callbacks,
    CollectorUrl,
    Duration,
    Hosts,
    HostsOrAny,
    KeyPrefix,
    Names,
    Networks,
    PathPrefix,
    Patience,
    Port,
    SecretFiles,
    SecretKey,
    StoreUrl,
    WebhookSecrets,
    ZoneName,
    listed_secrets,
)

# One bitmap is one Redis string of at most 512 MB, and SETBIT far out allocates all of it at once.
LARGEST_TASK = 100_000_000
MOST_PROCESSES = 128
MOST_REPLICAS = 10  # a replica more makes each change wait for the slowest of more
MOST_ENTRIES = 1_000_000_000
CELERYS_QUEUE = "celery"
# By pydantic's types of error: what a variable must do, which is a text.
BOUNDS = wording.BOUNDS | {
    "greater_than": "be more than {gt}",
    "int_parsing": "be an integer",
    "int_parsing_size": "be an integer of fewer digits",
    "bool_parsing": "be 0 or 1",
}

Read = TypeVar("Read", bound="Addresses")


class Addresses(BaseSettings):
    """Where the services are, and the token they ask for: all that who only calls them has to know."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    host: str = "127.0.0.1"
    trigger_port: Port = 8098
    done_port: Port = 8097
    distinct_port: Port = 8096
    trigger_url: str = ""  # where a caller finds trigger_app; HOST and its port when empty, as for all three
    done_url: str = ""
    distinct_url: str = ""  # also where the job `visit` reports

    api_token: ApiToken | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, and the files that it names."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, SecretFiles(settings_cls)

    @property
    def trigger_address(self) -> str:
        return self.trigger_url or address(self.host, self.trigger_port)

    @property
    def done_address(self) -> str:
        return self.done_url or address(self.host, self.done_port)

    @property
    def distinct_address(self) -> str:
        return self.distinct_url or address(self.host, self.distinct_port)


class Settings(Addresses):
    """The settings, each an environment variable of the same name in capitals; durations in seconds."""

    redis_url: StoreUrl = "redis://127.0.0.1:6379/0"
    broker_url: BrokerUrl = ""  # Celery's broker; the same server when empty
    wait_replicas: Annotated[int, Field(ge=0, le=MOST_REPLICAS)] = 0  # that must have each change
    # What every key on both begins with: two installations on one server take two.
    key_prefix: KeyPrefix = DEFAULT_KEY_PREFIX

    # The path under which a proxy has a service: what all addresses that it gives out begin with.
    trigger_prefix: PathPrefix = ""
    done_prefix: PathPrefix = ""
    distinct_prefix: PathPrefix = ""

    zone: ZoneName = "UTC"  # where a day of activity begins, as IANA names it; fixed at the first visit
    web_processes: Annotated[int, Field(ge=1, le=MOST_PROCESSES)] = 1  # of a service, on one port
    web_threads: PositiveInt = 256  # of a service, for requests that are wholly here
    max_streams: PositiveInt = 1000  # event streams of a service; they hold no thread
    max_connections: PositiveInt = 8192  # of a service, silent ones included
    header_timeout: Patience = timedelta(seconds=10)  # for a request's head, and of a connection's silence
    body_timeout: Patience = timedelta(seconds=30)  # and a second for each 64 KiB
    question_timeout: Patience = timedelta(seconds=30)  # for a question about activity
    trusted_proxies: Networks = ()  # whose X-Forwarded-For is believed

    # What sessions and tasks' report tokens are derived from; API_TOKEN when it is left out.
    secret_key: SecretKey | None = None
    session_idle: Duration = timedelta(hours=12)  # after which a browser signs in again
    cookie_secure: bool = False  # whether a session's cookie is sent over TLS alone in any case
    example_gets: bool = True  # whether GET may change what the example project changes by it
    allow_anonymous: bool = False
    allowed_hosts: HostsOrAny = ()
    audit_entries: Annotated[int, Field(ge=1, le=MOST_ENTRIES)] = 10_000  # about so many are kept

    jobs: Names = ()  # modules with the user's own step functions
    webhook_hosts: Hosts = ()  # that a webhook may be sent to; a private address only if listed itself
    # That webhooks are signed with, as Standard Webhooks writes it: several, while one replaces another.
    webhook_secret: WebhookSecrets | None = None
    callbacks: Callbacks = ()  # Celery functions that may be called at an end, as name or name@queue
    worker_processes: PositiveInt = 8

    # What there may be in all, and how fast it may be asked for; 0 is no limit.
    max_open_tasks: NonNegativeInt = 0
    max_open_tasks_of_token: NonNegativeInt = 0
    max_events: NonNegativeInt = 0
    max_events_of_token: NonNegativeInt = 0
    max_flags: NonNegativeInt = 0
    max_flags_of_token: NonNegativeInt = 0
    max_text_ids: NonNegativeInt = 0
    max_text_ids_of_token: NonNegativeInt = 0
    requests_per_second: NonNegativeInt = 0
    requests_per_second_of_token: NonNegativeInt = 0

    max_steps: Annotated[int, Field(ge=1, le=LARGEST_TASK)] = 10_000_000
    max_segments: PositiveInt = 1024
    max_body_bytes: PositiveInt = 32 * 1024 * 1024
    max_step_result_bytes: Annotated[int, Field(ge=1, le=1024 * 1024)] = 64 * 1024  # of one step
    max_items_bytes: PositiveInt = 256 * 1024 * 1024  # of all steps of a task, as JSON
    max_result_bytes: PositiveInt = 256 * 1024 * 1024  # of all steps of a task

    task_ttl: Duration = timedelta(days=7)
    ended_ttl: Duration = timedelta(days=1)
    history_ttl: Duration = timedelta(days=30)  # of the past runs of each job
    stall_after: Duration = timedelta(seconds=60)

    # Some of OpenTelemetry's own variables; its library reads the others.
    otel_exporter_otlp_endpoint: CollectorUrl = ""
    otel_exporter_otlp_traces_endpoint: CollectorUrl = ""
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = "http/protobuf"
    otel_exporter_otlp_traces_protocol: Literal["http/protobuf"] = "http/protobuf"
    otel_traces_exporter: Literal["otlp", "none"] = "otlp"
    otel_sdk_disabled: bool = False

    sample: bool = True  # whether `make demo` shows made-up tasks and visitors

    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    no_color: str = ""  # anything turns colours off, as no-color.org has it

    @model_validator(mode="after")
    def webhooks_are_signed(self) -> Self:
        if self.webhook_hosts and self.webhook_secret is None:
            raise ValueError(
                f"WEBHOOK_HOSTS is set, but nothing to sign webhooks with; WEBHOOK_SECRET {HOW_TO_SIGN}"
            )
        return self

    @model_validator(mode="after")
    def names_fit_the_broker(self) -> Self:
        if amqp_url.is_rabbitmq(self.broker_url):
            amqp_url.refuse_prefix(self.key_prefix)
        return self

    @property
    def signing_secret(self) -> str | None:
        """What sessions and report tokens are derived from; None where no token is asked for."""
        secret = self.secret_key or self.api_token
        return secret.get_secret_value() if secret and self.api_token else None

    @cached_property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that a webhook is signed with, each of them; none when none is set."""
        return () if self.webhook_secret is None else listed_secrets(self.webhook_secret)

    @cached_property
    def callback_queues(self) -> Mapping[str, str]:
        """Which queue each of the Celery functions is called through."""
        pairs = (listed.partition("@") for listed in self.callbacks)
        return {name: queue or CELERYS_QUEUE for name, _, queue in pairs}

    @property
    def traces_wanted(self) -> bool:
        """Whether it is set where OpenTelemetry's spans are sent, and not that none are."""
        endpoint = self.otel_exporter_otlp_traces_endpoint or self.otel_exporter_otlp_endpoint
        return bool(endpoint) and self.otel_traces_exporter == "otlp" and not self.otel_sdk_disabled

    @cached_property
    def broker(self) -> str:
        return self.broker_url or self.redis_url

    @cached_property
    def broker_is_the_store(self) -> bool:
        """Whether Celery's queues are in the database that holds the tasks, and can be counted there."""
        if not redis_url.is_redis(self.broker):
            return False
        return redis_url.read(self.broker).is_beside(redis_url.read(self.redis_url))


def load() -> Settings:
    """The settings of this process.

    Raises:
        ConfigurationError: naming each variable at fault and what is wrong with it.
    """
    return _read(Settings)


def load_addresses() -> Addresses:
    """The settings of one who only calls the services. Raises ConfigurationError as `load` does."""
    return _read(Addresses)


def _read(kind: type[Read]) -> Read:
    try:
        return kind()
    except ValidationError as error:
        raise ConfigurationError(f"settings: {'; '.join(map(_fault, error.errors()))}") from None
    except ValueError as error:  # of a file that a variable names
        raise ConfigurationError(f"settings: {error}") from None


def _fault(fault: ErrorDetails) -> str:
    """Which variable is wrong, and why; more than one may be, together."""
    why = fault["msg"].removeprefix("Value error, ")
    if bound := BOUNDS.get(fault["type"]):
        why = f"must {bound.format_map(fault.get('ctx', {}))}; it is {wording.quoted(fault['input'])}"
    return ": ".join([*(str(name).upper() for name in fault["loc"][:1]), why])
