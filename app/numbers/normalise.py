"""Converts phone numbers to E.164 form, by Kazoo's rules (docs/kazoo/documents.md, section 7.3)."""

import re
from collections.abc import Iterable
from functools import cache

from app.store.cache import Config

BUILT_IN_CONVERTERS = (
    (r"^(\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$", "+1", ""),
    (r"^011(\d{5,})$|^00(\d{5,})$", "+", ""),
    (r"^[2-9]\d{7,}$", "+", ""),
)
BUILT_IN_RECONCILE = r"^(\+?1)?\d{10}$|^\+[2-9]\d{7,}$|^011\d*$|^00\d*$"

Converters = tuple[tuple[str, str, str], ...]


def converters(config: Config) -> Converters:
    """The rules of `number_manager` as (regex, prefix, suffix), in stored order, else Kazoo's built-in rules."""
    stored = config("number_manager", "e164_converters")
    if not isinstance(stored, dict):
        return BUILT_IN_CONVERTERS
    return tuple(
        (regex, str(rule.get("prefix", "")), str(rule.get("suffix", "")))
        for regex, rule in stored.items()
        if isinstance(rule, dict)
    )


def normalise(number: str, rules: Converters = BUILT_IN_CONVERTERS) -> str:
    """The number in E.164 form, or unchanged if no rule matches."""
    if number.startswith("+"):
        return number
    for regex, prefix, suffix in rules:
        pattern = _compiled(regex)
        match = pattern.search(number) if pattern else None
        if match:
            groups = [group for group in match.groups() if group is not None]
            return prefix + (groups[-1] if groups else match.group(0)) + suffix
    return number


def is_reconcilable(number: str, regex: str = BUILT_IN_RECONCILE) -> bool:
    """Whether a normalised number is one that Kazoo checks and marks the ownership of."""
    return matches(regex, number)


def matches(regex: str, number: str) -> bool:
    """Whether an operator's pattern matches part of a number. A pattern that Python cannot compile never matches."""
    pattern = _compiled(regex)
    return bool(pattern and pattern.search(number))


def matched(regex: str, number: str) -> str | None:
    """What the first group of an operator's pattern matches in a number; None if it matches nothing."""
    pattern = _compiled(regex)
    match = pattern.search(number) if pattern and pattern.groups else None
    return (match.group(1) or "") if match else None


def known_numbers(dids: Iterable[str], config: Config) -> dict[str, str]:
    """The reconcilable numbers among DIDs as clients write them, as {DID: normalised number}."""
    rules = converters(config)
    regex = config("number_manager", "reconcile_regex")
    regex = regex if isinstance(regex, str) else BUILT_IN_RECONCILE
    numbers = {did: normalise(did, rules) for did in dids if did}
    return {did: number for did, number in numbers.items() if is_reconcilable(number, regex)}


@cache
def _compiled(regex: str) -> re.Pattern[str] | None:
    """The compiled pattern, or None if Python cannot compile it."""
    try:
        return re.compile(regex, re.ASCII)
    except re.error:
        return None
