"""Requests and answers about expressions, which describe sets of users."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from distinct_app.models.flags import After, FlagAnswer, Members, MembersLimit
from donebit.activity.query.as_json import EXAMPLE, SCHEMA
from donebit.activity.query.text import LONGEST
from donebit.activity.users.ids import UserKind
from donebit.web.models import Request

LONGEST_IN_URL = 2000  # characters, of up to twelve bytes; servers and proxies take no URL of any length

TEXT = "active@2026-11-20 & active@2026-11-21 - flag:staff"

AsJson = Annotated[Any, WithJsonSchema(SCHEMA | {"examples": [EXAMPLE]})]
AsText = Annotated[str, Field(max_length=LONGEST, description="the expression as a text")]


class ExpressionBody(Request):
    """A set of users, as JSON or as text."""

    model_config = ConfigDict(json_schema_extra={"example": {"query": EXAMPLE}})

    query: AsJson | None = Field(default=None, description="the expression as JSON")
    text: AsText | None = Field(default=None, examples=[TEXT])


class ExpressionQuery(Request):
    text: Annotated[
        str,
        Field(
            max_length=LONGEST_IN_URL,
            description="the expression as a text",
            json_schema_extra={"example": TEXT},
        ),
    ]


class PageQuery(Request):
    after: After = -1
    limit: MembersLimit = 100


class MembersOfQuery(PageQuery, ExpressionQuery):
    pass


class QueryExpression(BaseModel):
    """The expression of an answer, in both forms."""

    kind: UserKind | None = Field(description="the kind of users; null if nothing named has users")
    text: str = Field(description="the expression in its canonical form", examples=[TEXT])
    query: Any = Field(
        description="the expression as JSON", json_schema_extra={"type": "object"}, examples=[EXAMPLE]
    )


class QueryCount(BaseModel):
    count: int = Field(description="distinct users", examples=[42])


class QueryAnswer(QueryExpression, QueryCount):
    pass


class QueryMembers(QueryExpression, Members):
    pass


class SavedAnswer(QueryAnswer, FlagAnswer):
    pass
