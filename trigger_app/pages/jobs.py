"""The place of the jobs' pages in the navigation; job_history draws them, and nothing of them moves."""

from __future__ import annotations

from flask import Blueprint

from donebit.web.listener import Table
from trigger_app.pages.view import PageContext, View


def add_routes(_: Blueprint, __: PageContext) -> None:
    """Add nothing: the addresses are the API's."""


def read_nothing(_: PageContext, __: str, ___: Table) -> Table:
    return {}


VIEW = View("jobs", "/jobs", "Jobs", add_routes, read_nothing)
