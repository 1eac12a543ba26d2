"""The HTTP routes that make, list and revoke tokens."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from flask import current_app
from flask_openapi3 import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from donebit import clock
from donebit.access import tokens
from donebit.access.roles import Role
from donebit.access.tokens import NamedToken
from donebit.errors import Conflict
from donebit.store import Store
from donebit.web import audit
from donebit.web.access import access_of
from donebit.web.answers import Reply, answer
from donebit.web.models import Name, Request
from donebit.web.problems import EVERYWHERE, documented

TAG = Tag(name="tokens", description="Tokens with roles")
EXAMPLE_NAME = "reporter"
NAMED = Field(
    description="what the token is listed and revoked by", json_schema_extra={"example": EXAMPLE_NAME}
)
ROLE = Field(
    description="what it may do: `read`; `report` also reports steps and visits; `trigger` also starts and "
    "changes tasks and flags; `admin` also deletes, and makes tokens",
    json_schema_extra={"example": "report"},
)


class TokenBody(Request):
    """A token to make."""

    # `examples`, which JSON Schema has instead, is dropped by flask-openapi3.
    model_config = ConfigDict(json_schema_extra={"example": {"name": EXAMPLE_NAME, "role": "report"}})

    name: Annotated[Name, NAMED]
    role: Annotated[Role, ROLE]


class TokenPath(Request):
    name: Annotated[Name, NAMED]


class TokenAnswer(BaseModel):
    name: Annotated[str, NAMED]
    role: Annotated[Role, ROLE]
    created_at: str = Field(json_schema_extra={"example": "2026-11-21T03:04:05.678Z"})

    @classmethod
    def of(cls, token: NamedToken) -> TokenAnswer:
        return cls(name=token.name, role=token.role, created_at=clock.iso(token.created_at))


class NewTokenAnswer(TokenAnswer):
    token: str = Field(description="sent as `Authorization: Bearer`; it is shown only here")


class TokensAnswer(BaseModel):
    tokens: list[TokenAnswer] = Field(description="by name; API_TOKEN, an admin's, is not among them")


def blueprint(store: Store) -> APIBlueprint:
    """Make the routes over this store."""
    routes = APIBlueprint("tokens", __name__, abp_tags=[TAG], abp_responses=EVERYWHERE)

    @routes.get("/tokens", responses={200: TokensAnswer})
    def list_tokens() -> Reply:
        """List the names and roles of all tokens."""
        return answer(TokensAnswer(tokens=[TokenAnswer.of(one) for one in tokens.list_tokens(store)]))

    @routes.post("/tokens", responses={201: NewTokenAnswer, **documented(HTTPStatus.CONFLICT)})
    def create_token(body: TokenBody) -> Reply:
        """Make a token with a role; the answer is the only place where it is shown.

        409 where no token is asked for, as API_TOKEN is not set, or where the name is taken.
        """
        if not access_of(current_app).enabled:
            raise Conflict("this service asks for no token: set API_TOKEN first, the first admin's")
        made, token = tokens.create(store, body.name, body.role)
        audit.name(f"token {made.name}", f"role {made.role}")
        access_of(current_app).tokens.forget()
        kept = TokenAnswer.of(made).model_dump()
        return answer(NewTokenAnswer(**kept, token=token), HTTPStatus.CREATED)

    @routes.delete("/tokens/<name>", responses={204: None, **documented(HTTPStatus.NOT_FOUND)})
    def revoke_token(path: TokenPath) -> Reply:
        """Revoke a token: every service refuses it within 5 seconds, and its sessions are over."""
        tokens.revoke(store, path.name)
        access_of(current_app).tokens.forget()
        return "", HTTPStatus.NO_CONTENT

    return routes
