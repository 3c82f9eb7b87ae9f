"""`compare`: whether two servers give the same answers."""

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import TextIO

import click

from app.commands.progress import progress
from app.compare import access_log, walk, writes
from app.compare.reads import Comparison, Differing, Interrupted
from app.compare.servers import Login, Server, Unreachable, key_login, token_login, user_login
from app.documents.names import is_account_id

SAME, DIFFERS, COULD_NOT_LOOK = 0, 1, 2


@click.command()
@click.argument("old_url")
@click.argument("new_url")
@click.option("--user", help="Log in with this user's name and password, and the account's --name or --realm.")
@click.option("--name", help="The name of the user's account.")
@click.option("--realm", help="The realm of the user's account.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--api-key", envvar="COMPARE_API_KEY", help="Log in with this API key. Better: COMPARE_API_KEY.")
@click.option("--token", envvar="COMPARE_TOKEN", help="Use this token on both servers. Better: COMPARE_TOKEN.")
@click.option("--account", "account_ids", multiple=True, help="Compare this account only. May be repeated.")
@click.option("--log", "log_file", type=click.File("r", errors="replace"), help="Replay the GETs of this access log.")
@click.option("--writes", "scratch", metavar="ACCOUNT_ID", help="Write to this account, which must have no trunks.")
@click.option("--connections", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option("--rate", type=click.FloatRange(0.1), help="Requests a second to each server, at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each request that differs, and the total.")
def compare(
    old_url: str,
    new_url: str,
    user: str | None,
    name: str | None,
    realm: str | None,
    password_stdin: bool,
    api_key: str | None,
    token: str | None,
    account_ids: tuple[str, ...],
    log_file: TextIO | None,
    scratch: str | None,
    connections: int,
    rate: float | None,
    as_json: bool,
) -> None:
    """Ask OLD_URL and NEW_URL the same, and show where the answers differ.

    Without --log and --writes, it asks for the trunks and what UIs need, of the account that logs in and of those
    below it. Only --writes changes anything, and it deletes what it created.

    The exit status is 0 if all answers are the same, 1 if some differ, and 2 if a server could not be asked, or the
    command was interrupted.
    """
    if bool(account_ids) + bool(log_file) + bool(scratch) > 1:
        raise click.UsageError("choose one of --account, --log and --writes")
    if not all(map(is_account_id, [*account_ids, *filter(None, [scratch])])):
        raise click.UsageError("an account's id has 32 characters")
    login = _login(user, name, realm, password_stdin, api_key, token)
    try:
        old, new = Server("old", old_url, login, rate), Server("new", new_url, login, rate)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    comparison = Comparison(old, new, _tell_json if as_json else _tell)
    try:
        with _signals(comparison.stopped):
            comparison.log_in()
            if scratch:
                _compare_writes(comparison, scratch)
            else:
                comparison.run(_jobs(comparison, account_ids, log_file), connections)
    except (Unreachable, writes.NotScratch, RecursionError) as error:
        comparison.trouble.append(error)
    except Interrupted:
        comparison.stopped.set()
    raise SystemExit(_total(comparison, as_json))


def _login(
    user: str | None,
    name: str | None,
    realm: str | None,
    password_stdin: bool,
    api_key: str | None,
    token: str | None,
) -> Login:
    if user:
        if bool(name) == bool(realm):
            raise click.UsageError("--user needs one of --name and --realm")
        prompt = partial(click.prompt, "Password", hide_input=True, err=True)
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else prompt()
        return user_login(user, password, realm or name or "", is_realm=bool(realm))
    if api_key:
        return key_login(api_key)
    if token:
        return token_login(token)
    raise click.UsageError("log in with --user, --api-key or --token")


def _jobs(
    comparison: Comparison, account_ids: tuple[str, ...], log_file: TextIO | None
) -> Iterator[Callable[[], object]]:
    ask = comparison.ask
    if log_file:
        with progress(access_log.targets(log_file), "requests") as targets:
            yield from (partial(ask, target) for target in targets)
        return
    yield partial(walk.system, ask)
    chosen = account_ids or list(walk.accounts(comparison.old.account_id, ask))
    with progress(chosen, "accounts") as accounts:
        yield from (partial(walk.account, account_id, ask) for account_id in accounts)


def _compare_writes(comparison: Comparison, account_id: str) -> None:
    """The conversation with the old server, then with the new one. They may have the same store."""
    answers = []
    with progress(None, "requests", 2 * len(writes.conversation())) as bar:
        for server in (comparison.old, comparison.new):
            scratch = writes.Scratch(server, account_id)
            scratch.check()
            answers.append(scratch.converse(writes.new_run(), comparison.stopped, lambda: bar.update(1)))
    comparison.shown += len(answers[0])
    for step, found in writes.compared(*answers):
        comparison.count(step["request"]["method"], step["request"]["path"], found, step["name"])


@contextlib.contextmanager
def _signals(stopped: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the comparison after the requests that have begun."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(differing: Differing) -> None:
    condition = f" ({differing.condition})" if differing.condition else ""
    click.echo(f"{differing.method} {differing.target}{condition}".strip())
    for difference in differing.differences:
        click.echo(f"    {difference.told('old', 'new')}")


def _tell_json(differing: Differing) -> None:
    lines = [difference.told("old", "new") for difference in differing.differences]
    members = {"method": differing.method, "target": differing.target, "condition": differing.condition}
    click.echo(json.dumps({**members, "differences": lines}, ensure_ascii=False))


def _total(comparison: Comparison, as_json: bool) -> int:
    trouble = [str(error) for error in comparison.trouble]
    if comparison.stopped.is_set() and not trouble:
        trouble = ["interrupted: not everything was asked"]
    if not trouble and not comparison.shown:
        trouble = ["the old server showed nothing: may this caller read it?"]
    for line in trouble[:1]:
        click.echo(f"error: {line}", err=True)
    asked, differing = comparison.asked, comparison.differing
    if as_json:
        click.echo(json.dumps({"compared": asked, "differing": differing, "error": trouble[0] if trouble else None}))
    else:
        click.echo(
            f"{asked} requests asked, {differing} answers differ" + ("" if differing or trouble else ": the same")
        )
    if trouble or not asked:
        return COULD_NOT_LOOK
    return DIFFERS if differing else SAME
