"""`history`: the versions of a trunk, and putting one back."""

import json
import time
from typing import Any

import click

from app.auth import AuthDoc, hierarchy
from app.commands.accounts import database_of
from app.commands.patches import line_of
from app.commands.writing import warn_untold
from app.crossbar.context import Context, Stop
from app.documents.clock import GREGORIAN_EPOCH
from app.documents.names import new_id
from app.documents.secrets import masked
from app.pipeline.execute import execute
from app.pipeline.validate import validate
from app.resources import NOUNS
from app.resources.connectivity_history import SEGMENT
from app.services import Services, make_services
from app.settings import Settings

NOUN = "connectivity"


@click.command()
@click.argument("account_id")
@click.argument("connectivity_id")
@click.option("--restore", metavar="REVISION", help="Put this version back, as a new revision.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Show so many versions.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each version, with passwords.")
def history(account_id: str, connectivity_id: str, restore: str | None, limit: int, as_json: bool) -> None:
    """Show who changed a trunk and how, newest first, or put a version back.

    The exit status is 2 if there is no such trunk or version, or the version cannot be saved any more.
    """
    settings = Settings.from_environment().for_commands()
    if not settings.history:
        raise click.UsageError("HISTORY is not true, so no versions are kept")
    if restore:
        warn_untold(settings)
    services = make_services(settings)
    try:
        database_of(services.store, account_id)
        if restore:
            answer = _run(services, account_id, "POST", [connectivity_id, SEGMENT, restore])
            click.echo(f"{restore} is put back as {answer.revision}")
            return
        answer = _run(services, account_id, "GET", [connectivity_id, SEGMENT], page_size=limit)
        for entry in answer.resp_data:
            click.echo(json.dumps(entry, ensure_ascii=False) if as_json else _told(entry))
    except click.ClickException as error:
        error.show()
        raise SystemExit(2) from None
    except Stop as stop:
        click.echo(f"error: {_reason(stop)}", err=True)
        raise SystemExit(2) from None
    finally:
        services.close()


def _run(services: Services, account_id: str, verb: str, params: list[str], **query: int) -> Context:
    """Let the resource do what it does for a request of the account itself. Stops with its errors."""
    context = Context(services, new_id(), method=verb, target="/".join(params), peer="command")
    context.query = [(name, str(value)) for name, value in query.items()]
    context.verb, context.nouns, context.resource = verb, [(NOUN, params)], NOUNS[NOUN]
    context.account = hierarchy.account(services.cache, account_id) or {"_id": account_id}
    context.auth = AuthDoc(account_id)
    validate(context)
    execute(context)
    return context


def _reason(stop: Stop) -> str:
    body = stop.body or {}
    return f"{stop.status} {body.get('message', '')} {json.dumps(masked(body.get('data', {})), ensure_ascii=False)}"


def _told(entry: dict[str, Any]) -> str:
    when, who = entry["when"], entry["who"]
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when - GREGORIAN_EPOCH)) if when else "unknown time"
    by = " ".join(f"{name} {value}" for name, value in who.items() if value)
    verb = "deleted" if entry["deleted"] else entry["verb"] or "written elsewhere"
    restored = f" (puts back {entry['restored']})" if entry["restored"] else ""
    lines = [f"{click.style(entry['revision'], fg='yellow')} {at} {verb}{restored}", f"    by {by or 'unknown'}"]
    return "\n".join(lines + [f"    {line_of(operation)}" for operation in entry["patch"] or ()])
