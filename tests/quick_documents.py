"""The schemas in the documents of the services, made once for all applications of a process and its forks.

Nothing changes a schema once it is made. To make them all takes most of the time until a service answers.
"""

from __future__ import annotations

from functools import cache

from flask_openapi3 import openapi, utils

make_schema = cache(utils.get_model_schema)


def remember_schemas() -> None:
    """Have flask-openapi3 make each schema only once."""
    for module in (utils, openapi):
        vars(module)["get_model_schema"] = make_schema
