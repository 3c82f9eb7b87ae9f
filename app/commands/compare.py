"""`compare`: whether two servers give the same answers."""

import contextlib
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import TextIO

import click

from app.commands.progress import progress
from app.commands.terminal import echo, echo_json
from app.compare import access_log, walk, writes
from app.compare.reads import Comparison, Differing, Interrupted
from app.compare.servers import Login, Server, Unreachable, key_login, token_login, user_login
from app.documents.names import is_account_id
from app.words import counted, differ

SAME, DIFFERS, FAILED = 0, 1, 2


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
@click.option(
    "--writes", "scratch_id", metavar="ACCOUNT_ID", help="Compare writes to this account, which must have no trunks."
)
@click.option("--connections", type=click.IntRange(1, 64), default=4, show_default=True)
@click.option("--rate", type=click.FloatRange(0.1), help="The most requests per second to each server.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON object for each request that differs, and a total."
)
@click.option("--all-differences", is_flag=True, help="Also show the differences that docs/deviations.md lists.")
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
    scratch_id: str | None,
    connections: int,
    rate: float | None,
    as_json: bool,
    all_differences: bool,
) -> None:
    """Send the same requests to OLD_URL and NEW_URL, and show where the answers differ.

    By default it reads the trunks, and what UIs need, of the account that logs in and of all accounts below it. Only
    --writes changes anything, and it deletes what it creates. One log-in on each server has a wrong secret, which the
    server may record as a failed attempt.

    Differences that docs/deviations.md lists are counted at the end, and do not affect the exit status.

    The exit status is 0 if all answers are the same, 1 if some differ, and 2 if a server did not answer or the
    command was interrupted.
    """
    if bool(account_ids) + bool(log_file) + bool(scratch_id) > 1:
        raise click.UsageError("--account, --log and --writes cannot be combined")
    if not all(map(is_account_id, [*account_ids, *filter(None, [scratch_id])])):
        raise click.UsageError("an account id has 32 characters")
    login = _login(user, name, realm, password_stdin, api_key, token)
    try:
        old, new = Server("old", old_url, login, rate), Server("new", new_url, login, rate)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    comparison = Comparison(old, new, _print_json if as_json else _print)
    try:
        with _signals(comparison.stopped):
            comparison.log_in()
            comparison.try_other_log_ins()
            if scratch_id:
                _compare_writes(comparison, scratch_id)
            else:
                comparison.run(_jobs(comparison, account_ids, log_file), connections)
    except (Unreachable, writes.NotScratch, RecursionError) as error:
        comparison.errors.append(error)
    except Interrupted:
        comparison.stopped.set()
    if all_differences:
        for differing in comparison.known:
            (_print_json if as_json else _print)(differing)
    raise SystemExit(_print_total(comparison, as_json))


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
            raise click.UsageError("--user needs either --name or --realm")
        if not password_stdin and not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to type a password at: use --password-stdin")
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
    account_ids = account_ids or tuple(walk.accounts(comparison.old.account_id, ask))
    with progress(account_ids, "accounts") as accounts:
        yield from (partial(walk.account, account_id, ask) for account_id in accounts)


def _compare_writes(comparison: Comparison, account_id: str) -> None:
    """Talk to the old server, then to the new one. They may share a store."""
    answers = []
    with progress(None, "requests", 2 * len(writes.conversation())) as bar:
        for server in (comparison.old, comparison.new):
            scratch = writes.Scratch(server, account_id)
            scratch.check()
            answers.append(scratch.converse(writes.new_run(), comparison.stopped, lambda: bar.update(1)))
    comparison.shown += len(answers[0])
    for step, differences in writes.compared(*answers):
        comparison.count(step["request"]["method"], step["request"]["path"], differences, step["name"])


@contextlib.contextmanager
def _signals(stopped: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the comparison after the current requests."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _print(differing: Differing) -> None:
    condition = f" ({differing.condition})" if differing.condition else ""
    known = f": known, {differing.known_as}" if differing.known_as else ""
    echo(f"{differing.method} {differing.target}{condition}{known}".strip())
    for difference in differing.differences:
        echo(f"    {difference.line('old', 'new')}")


def _print_json(differing: Differing) -> None:
    lines = [difference.line("old", "new") for difference in differing.differences]
    members = {"method": differing.method, "target": differing.target, "condition": differing.condition}
    known = {"known_as": differing.known_as} if differing.known_as else {}
    echo_json({**members, **known, "differences": lines})


def _print_total(comparison: Comparison, as_json: bool) -> int:
    """Print the result. Returns the exit status."""
    error = _error(comparison)
    if error:
        echo(f"error: {error}", err=True)
    asked, differing = comparison.asked, comparison.differing
    if as_json:
        echo_json({"compared": asked, "differing": differing, "known": len(comparison.known), "error": error})
    else:
        for row, count in Counter(known.known_as for known in comparison.known).items():
            echo(f"{differ(count, 'answer')} as docs/deviations.md says: {row} (--all-differences shows them)")
        echo(f"{counted(asked, 'request')} compared, {differ(differing, 'answer')}")
    if error or not asked:
        return FAILED
    return DIFFERS if differing else SAME


def _error(comparison: Comparison) -> str | None:
    if comparison.errors:
        return str(comparison.errors[0]) or type(comparison.errors[0]).__name__
    if comparison.stopped.is_set():
        return "interrupted: not everything was compared"
    return None if comparison.shown else "the old server showed nothing: may this caller read it?"
