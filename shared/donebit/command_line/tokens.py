"""`tokens`: makes, lists and revokes the tokens that the services ask for."""

from __future__ import annotations

import click

from donebit.command_line.options import as_json, examples, in_session
from donebit.command_line.service import Answer, segment
from donebit.command_line.session import Session
from donebit.command_line.tasks import ago
from donebit.utf8 import one_line

COLUMNS = ("token", "role", "created")
ROLES = ("read", "report", "trigger", "admin")
ROLE_HELP = """\b
read      ask for everything
report    also report steps and record visits
trigger   also start and change tasks, and set flags
admin     also delete and erase, and make tokens
"""


@click.group(
    epilog=examples(
        "donebit tokens create nightly --role report",
        "donebit tokens list --json",
        "donebit tokens revoke nightly",
    )
)
def tokens() -> None:
    """Make, list and revoke tokens with roles. It takes an admin's token in API_TOKEN."""


@tokens.command(epilog=f"\b\nRoles, each with all that those before it may do:\n{ROLE_HELP}")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may do.")
@as_json
@in_session
def create(session: Session, *, name: str, role: str, as_json: bool) -> None:
    """Make a token and print it. It is shown only once."""
    made = session.trigger.ask("POST", "/tokens", {"name": name, "role": role})
    # The token alone on stdout, for `API_TOKEN=$(donebit tokens create ...)`.
    session.terminal.answer(made, lambda it: one_line(it["token"]), as_json=as_json)
    if not as_json:
        session.terminal.note(f"token {name} may {role}; it is shown only this once")


@tokens.command("list")
@as_json
@in_session
def list_tokens(session: Session, *, as_json: bool) -> None:
    """List the names and roles of all tokens but API_TOKEN's. With --json: one token per line."""
    found = session.trigger.get("/tokens")["tokens"]
    nothing = "no tokens: donebit tokens create NAME --role read makes one"
    session.terminal.answers(found, COLUMNS, row, nothing=nothing, as_json=as_json)


@tokens.command()
@click.argument("name")
@as_json
@in_session
def revoke(session: Session, *, name: str, as_json: bool) -> None:
    """Revoke a token. Every service refuses it within 5 seconds."""
    session.trigger.ask("DELETE", f"/tokens/{segment(name)}")
    revoked = {"name": name, "revoked": True}
    session.terminal.answer(revoked, lambda it: f"token {it['name']} is revoked", as_json=as_json)


def row(token: Answer) -> list[str]:
    return [one_line(token["name"]), one_line(token["role"]), ago(token["created_at"])]
