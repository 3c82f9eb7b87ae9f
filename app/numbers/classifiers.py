"""The classes of phone numbers (docs/kazoo/documents.md, section 7.6)."""

from typing import Any

from app.numbers.normalise import matches
from app.store.cache import Config

Classifiers = dict[str, dict[str, Any]]

_US_FORMAT = "SS(###) ### - ####"
_CARIBBEAN = "684|264|268|242|246|441|284|345|767|809|829|849|473|671|876|664|670|787|939|869|758|784|721|868|649|340"
BUILT_IN: Classifiers = {
    "tollfree_us": {
        "regex": r"^\+1((?:800|88\d|877|866|855|844|833|822)\d{7})$",
        "friendly_name": "US TollFree",
        "pretty_print": _US_FORMAT,
    },
    "toll_us": {"regex": r"^\+1(900\d{7})$", "friendly_name": "US Toll", "pretty_print": _US_FORMAT},
    "emergency": {
        "regex": "^(911|922|933|988|833|811|711|999)$",
        "emergency": True,
        "friendly_name": "Emergency Dispatcher",
    },
    "caribbean": {
        "regex": rf"^\+?1((?:{_CARIBBEAN})\d{{7}})$",
        "friendly_name": "Caribbean",
        "pretty_print": _US_FORMAT,
    },
    "did_us": {
        "regex": "^(\\+?1)?([2-9][0-9]{2}[2-9][0-9]{6})$",
        "friendly_name": "US DID",
        "pretty_print": _US_FORMAT,
    },
    "international": {"regex": r"^\+([2-9]\d{7,})$", "friendly_name": "International"},
    "unknown": {"regex": "^(.*)$", "friendly_name": "Unknown"},
}


def classifiers(config: Config) -> Classifiers:
    """The classes of `number_manager`, or Kazoo's built-in ones if it has none. Each has a `friendly_name`."""
    stored = config("number_manager", "classifiers")
    rules: dict[str, Any] = stored if isinstance(stored, dict) else BUILT_IN
    return {
        name: {"friendly_name": name, **(rule if isinstance(rule, dict) else {"regex": rule})}
        for name, rule in rules.items()
        if isinstance(rule, (dict, str))
    }


def classify(number: str, classes: Classifiers) -> str | None:
    """The name of the first class that matches a number in E.164 form, or None."""
    return next((name for name, rule in classes.items() if matches(rule.get("regex", "^$"), number)), None)


def pretty(number: str, classes: Classifiers) -> str:
    """Format a number in E.164 form for people, by the format of its class.

    If the class has no format, +1 numbers get the US format, and others are unchanged. In a format, `S` skips a
    character of the number, `#` inserts the next one, and `*` inserts the rest. A backslash makes the next character
    literal.
    """
    name = classify(number, classes)
    template = classes[name].get("pretty_print") if name else None
    if not isinstance(template, str):
        template = _US_FORMAT if number.startswith("+1") else None
    return _format(template, number) if template else number


def _format(template: str, number: str) -> str:
    text, rest, characters = "", number, iter(template)
    for character in characters:
        if character == "\\":
            text += next(characters, "")
        elif character == "S":
            rest = rest[1:]
        elif character == "#":
            text, rest = text + rest[:1], rest[1:]
        elif character == "*":
            text, rest = text + rest, ""
        else:
            text += character
    return text
