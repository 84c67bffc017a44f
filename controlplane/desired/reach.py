"""Which numbers an extension can match: declared, or derived from its conditions.

An extension may be left out of an answer only if FreeSWITCH would do nothing with it for the number
(mod_dialplan_xml.c, parse_exten). So a condition decides only if nothing happens when it fails: it has no
anti-action, no time attribute (whose match overrides the expression's), and ends the extension
(`break="on-false"`, the default). The conditions before it must do nothing either: no actions, no
captures, no call of an API in what is expanded. `$${name}` may be anything by the time it is read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from controlplane.desired.patterns import LONGEST, matches

PREFIX = "^"
"""What a declared number begins with that stands for every number that begins so; it can be in no number."""

TIMES = (
    "year", "yday", "mon", "mday", "week", "mweek", "wday", "hour", "minute", "minute-of-day",
    "time-of-day", "date-time", "tz-offset", "dst",
)  # fmt: skip
"""The attributes of a condition that switch_xml_std_datetime_check reads."""

# Inline applications that can give the call another number while it is hunted (mod_dptools.c,
# set_profile_var_function; a script may run it).
_REWRITING = frozenset({"set_profile_var", "lua"})

_HARMLESS_FIELD = re.compile(r"[\w.\-]+|\$\{[\w.\-]+\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of the numbers that an extension can match.

    `decided`: no others than `exact`, and those that begin with one of `prefixes` and that `pattern`
    (in Python's syntax, for bytes; None: any) is found in. `rewrites`: it may change the number for what
    comes after it.
    """

    decided: bool = False
    exact: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    pattern: str | None = None
    rewrites: bool = False


def reach(xml: str, numbers: tuple[str, ...]) -> Reach:
    """Say what a checked extension can match: what is declared in `numbers`, else what can be derived."""
    tree = etree.fromstring(xml)
    rewrites = any(map(_rewrites, tree.iter("action", "anti-action")))
    if numbers:
        prefixes = tuple(one.removeprefix(PREFIX) for one in numbers if one.startswith(PREFIX))
        exact = tuple(one for one in numbers if not one.startswith(PREFIX))
        return Reach(True, exact, prefixes, None, rewrites)
    expression = _deciding(tree)
    found = matches(expression) if expression is not None else None
    if found is None:
        return Reach(rewrites=rewrites)
    return Reach(True, found.exact, found.prefixes, found.pattern, rewrites)


def wrong_number(number: str) -> str | None:
    """Say why a number cannot be declared, or None."""
    bare = number.removeprefix(PREFIX)
    if not bare:
        return "is empty"
    if len(bare) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if not (bare.isascii() and bare.isprintable()) or " " in bare or PREFIX in bare:
        return f"may hold only visible ASCII characters, and {PREFIX} only at its start (for a prefix)"
    return None


def _deciding(tree: etree._Element) -> str | None:
    """The expression without which nothing happens, or None."""
    if tree.get("continue", "false").lower() != "false":
        return None
    for condition in tree.iterchildren("condition"):
        if not _plain(condition):
            return None
        texts = [child.text or "" for child in condition.iterchildren("expression")]
        expression = texts[0] if texts else condition.get("expression", "")
        if condition.get("field", "").lower() == "destination_number":
            return expression
        if any(child.tag != "expression" for child in condition) or "(" in expression or "${" in expression:
            return None
        if _HARMLESS_FIELD.fullmatch(condition.get("field", "")) is None:
            return None
    return None


def _plain(condition: etree._Element) -> bool:
    """Whether it ends the extension when its expression does not match, and does nothing then."""
    return (
        "regex" not in condition.attrib
        and not any(time in condition.attrib for time in TIMES)
        and condition.find("anti-action") is None
        and condition.get("break", "on-false").lower() == "on-false"
    )


def _rewrites(action: etree._Element) -> bool:
    application = action.get("application", "").lower()
    return (application in _REWRITING or "$" in application) and _true(action.get("inline", ""))


def _true(word: str) -> bool:
    """Whether FreeSWITCH takes the word for true, or might (switch_utils.h, switch_true)."""
    return word.lower() not in ("", "false", "no", "off", "disabled", "inactive", "disallow", "0")


def reach_to_json(value: Reach) -> dict[str, Any]:
    """Write the column; what is as in `Reach()` is left away."""
    written = {
        "decided": value.decided,
        "exact": list(value.exact),
        "prefixes": list(value.prefixes),
        "pattern": value.pattern,
        "rewrites": value.rewrites,
    }
    return {name: said for name, said in written.items() if said not in (False, None, [])}


def reach_from_json(given: Mapping[str, Any]) -> Reach:
    """Read the column."""
    return Reach(
        given.get("decided", False),
        tuple(given.get("exact", ())),
        tuple(given.get("prefixes", ())),
        given.get("pattern"),
        given.get("rewrites", False),
    )
