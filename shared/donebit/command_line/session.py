"""What every command gets: the terminal, and clients of the services, made when first needed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any

import urllib3

from donebit import calls, config
from donebit.addresses import checked_url, url_setting
from donebit.calls import Call, Pause, Value, Wanted
from donebit.command_line.exit_codes import RequestRefused, UsageError
from donebit.command_line.service import NO_RETRIES, ServiceClient
from donebit.command_line.terminal import Terminal
from donebit.config import Addresses
from donebit.errors import ApiError, ConfigurationError, InvalidInput
from donebit.transport import TRIGGER_APP


class Session:
    """One run of a command."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    @cached_property
    def addresses(self) -> Addresses:
        try:
            return config.load_addresses()
        except ConfigurationError as error:
            raise UsageError(error.detail) from None

    @cached_property
    def urls(self) -> dict[str, str]:
        """Where each service is; all are checked before one is asked, since a command may ask several."""
        given = self.addresses
        addresses = {
            "trigger_app": given.trigger_address,
            "done_app": given.done_address,
            "distinct_app": given.distinct_address,
        }
        try:
            return {name: checked_url(url_setting(name), address) for name, address in addresses.items()}
        except InvalidInput as error:
            raise UsageError(error.detail) from None

    @cached_property
    def trigger(self) -> ServiceClient:
        return self._service("trigger_app")

    @cached_property
    def done(self) -> ServiceClient:
        return self._service("done_app")

    @cached_property
    def distinct(self) -> ServiceClient:
        return self.retrying_distinct(NO_RETRIES)

    def run(self, call: Call[Value], ask: Callable[[Wanted], Any] | None = None) -> Value:
        """Make the requests of a client's call, and return what it comes to.

        Args:
            call: Which it is.
            ask: What makes each of them. None: `ask` of this session.

        Raises:
            UsageError: What was given is not valid.
            RequestRefused: A service, or the call itself, refused it.
            ServiceUnavailable: A service does not answer.
        """
        try:
            return calls.go_through(call, ask or self.ask)
        except InvalidInput as error:
            raise UsageError(error.detail) from None
        except ApiError as error:
            raise RequestRefused(error.detail, error.status) from None

    def ask(self, wanted: Wanted) -> Any:
        """Send a request of a call; if its answer is lost it is sent again, and done once."""
        if isinstance(wanted, Pause):
            time.sleep(wanted.seconds)
            return None
        service = self.trigger if wanted.service == TRIGGER_APP else self.done
        return service.ask(wanted.method, wanted.path, wanted.body, key=uuid.uuid4().hex)

    def retrying_distinct(self, retries: urllib3.Retry) -> ServiceClient:
        """Return a client of distinct_app that retries."""
        return self._service("distinct_app", retries)

    def _service(self, name: str, retries: urllib3.Retry = NO_RETRIES) -> ServiceClient:
        token = self.addresses.api_token
        return ServiceClient(
            name, self.urls[name], token.get_secret_value() if token else None, retries=retries
        )
