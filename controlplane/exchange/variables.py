"""`$${name}` in text, and the variables that a folder sets, as FreeSWITCH expands them.

FreeSWITCH expands at once, line by line (switch_xml.c, expand_vars); what is taken over keeps the
`$${name}` wherever that comes to the same.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from controlplane.desired.text import wrong_text, wrong_word
from controlplane.exchange.errors import Place, Refused

LARGEST_TEXT = 128 * 1024 * 1024
"""Characters that variables may come to in one text, and all that is included."""

# FreeSWITCH puts a value into the text before it is parsed, from between quotes, and strips blanks.
_MARKUP = re.compile(r'["<&\x00-\x1f]|\$\$\{|/>|x-pre-process|^ | $', re.IGNORECASE)
_BRACE = re.compile("[{}]")


def alike(name: str, value: str) -> bool:
    """Say whether a variable means the same as a row, whose value stays as it is, and as a directive."""
    return wrong_word(name) is None and wrong_text(value) is None and _MARKUP.search(value) is None


def references(text: str) -> Iterator[tuple[int, int, str]]:
    """Give each `$${name}`: where it starts, where it ends, and the name. Braces within pair up."""
    at = text.find("$${")
    closing = _closing(text, at) if at >= 0 else {}
    while at >= 0:
        end = closing.get(at + 2)
        if end is None:
            # switch_xml.c, expand_vars: one without its end is left as it is.
            at = text.find("$${", at + 1)
            continue
        yield at, end + 1, text[at + 3 : end]
        at = text.find("$${", end + 1)


def replaced(text: str, value: Callable[[str], str | None], place: Place | None = None) -> str:
    """Put `value(name)` in place of each `$${name}` for which it is not None.

    `place`: where the text stands. Raises Refused where that comes to more than LARGEST_TEXT.
    """
    parts: list[str] = []
    done = size = 0
    for start, end, name in references(text):
        found = value(name)
        if found is not None:
            parts += (text[done:start], found)
            done, size = end, size + len(found)
            if size > LARGEST_TEXT:
                raise Refused(place, f"variables come to more than {LARGEST_TEXT} characters here")
    return "".join((*parts, text[done:])) if parts else text


class Variables:
    """What stands in `$${...}` while the files are read, in the order in which they set it.

    `given` is what the caller says of variables; it stands whatever the files say. A variable
    that neither sets, such as `local_ip_v4`, is the switch's own.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)
        self.now: dict[str, str] = dict(given)
        """What FreeSWITCH would hold: references to variables set before are expanded."""
        self._values: dict[str, set[str]] = {}

    def set(self, name: str, value: str, place: Place) -> None:
        """Take a `set` directive: `value` as it is written at `place`."""
        expanded = self.expanded(self._given.get(name, value), place)
        self.now[name] = expanded
        self._values.setdefault(name, set()).add(expanded)

    def expanded(self, text: str, place: Place) -> str:
        """Expand what is set now; what is not is left for the switch."""
        return replaced(text, self.now.get, place)

    def steady(self) -> frozenset[str]:
        """The variables whose `$${name}` may stay: of one value throughout, in which no other stands.

        A variable's value that is put in place of its name is not looked through again. One that is given
        and never set is the switch's own.
        """
        kept = {
            name for name, value in self._given.items() if name not in self._values and "$${" not in value
        }
        kept.update(
            name for name, values in self._values.items() if len(values) == 1 and alike(name, self.now[name])
        )
        return frozenset(kept)

    def final(self) -> dict[str, str]:
        """Give the steady ones that are set, and not only given."""
        steady = self.steady()
        return {name: self.now[name] for name in self._values if name in steady}


def _closing(text: str, start: int) -> dict[int, int]:
    """Say where each brace that opens is closed; one that is not is left out."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for brace in _BRACE.finditer(text, start):
        if brace[0] == "{":
            opened.append(brace.start())
        elif opened:
            found[opened.pop()] = brace.start()
    return found
