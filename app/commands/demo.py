"""The demonstration account of `serve --demo`: its file of credentials, and what is printed about it."""

import os
import re
from pathlib import Path

from app.accounts.system import DEMO_FILE, DEMO_NAME, DEMO_USER
from app.commands.terminal import echo
from app.files import whole_file
from app.settings import Settings
from app.words import reason

_URL = re.compile(r"^URL=.*$", re.MULTILINE)


def announce(settings: Settings, password: str | None) -> None:
    """Say where the service is and how to log in. It listens by now.

    `demo.env` gets its address, so that the API key in it goes nowhere else. `password` is that of an account that
    was just created.
    """
    path = settings.data_dir / DEMO_FILE
    has_account = path.exists()
    if has_account:
        _set_address(path, settings.address)
    if password:
        _print_new(settings, password)
    if settings.console:
        login = f": account {DEMO_NAME}, user {DEMO_USER}, password in {path}" if has_account else ""
        echo(f"The console is at http://{settings.address}/console{login}")


def _set_address(path: Path, address: str) -> None:
    """Write the address into the file, all at once: several services may start at the same time."""
    try:
        text = path.read_text("utf-8")
        changed = _URL.sub(f"URL=http://{address}/v2", text, count=1)
        if changed != text:
            with whole_file(path, encoding="utf-8") as file:
                file.write(changed)
    except (OSError, ValueError) as error:
        echo(f"warning: {path} still has an old address: {reason(error)}", err=True)


def _print_new(settings: Settings, password: str) -> None:
    path = settings.data_dir / DEMO_FILE
    for line in f"""
A demonstration account was created in {settings.data_dir}: {DEMO_NAME}, user {DEMO_USER}, password {password}
Its credentials are in {path}. To use them, run this in another shell, in this folder:

    . {os.path.relpath(path)}
    TOKEN=$(curl -s -X PUT $URL/api_auth -d "{{\\"data\\":{{\\"api_key\\":\\"$API_KEY\\"}}}}" |
      sed 's/.*"auth_token":"\\([^"]*\\)".*/\\1/')
    curl -H "X-Auth-Token: $TOKEN" $URL/accounts/$ACCOUNT_ID/connectivity
""".splitlines():
        echo(line)
