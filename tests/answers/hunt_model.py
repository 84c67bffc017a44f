"""A model of how FreeSWITCH hunts a context, with PCRE2 itself.

Written from reading mod_dialplan_xml.c and switch_regex.c, not copied from them. Everything that a hunt
does is noted in order, so that two hunts can be compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pcre2
from lxml import etree

TIMES = {"wday", "hour", "time-of-day"}
TRUE = {"yes", "on", "true", "t", "enabled", "active", "allow"}


def searched(text: str, expression: str) -> bool:
    """switch_regex_perform, for expressions of neither Asterisk's nor the `/.../` notation."""
    assert expression[:1] not in ("_", "/")
    try:
        compiled = pcre2.compile(expression.encode())
    except pcre2.PatternError:
        return False
    return compiled.search(text.encode("utf-8", "surrogateescape")) is not None


@dataclass
class Hunt:
    """One hunt: the number, what the channel holds, and which time attributes hold now."""

    number: str
    variables: Mapping[str, str]
    now: frozenset[str]
    done: list[tuple[str, ...]] = field(default_factory=list)

    def over(self, context: etree._Element) -> "Hunt":
        """The extensions in order, until one is done."""
        for extension in context.iterchildren("extension"):
            proceeds = self._within(extension, extension, 0)
            if proceeds and extension.get("continue", "").lower() not in TRUE:
                break
        return self

    def _within(self, extension: etree._Element, above: etree._Element, level: int) -> bool:
        proceeds = False
        for condition in above.iterchildren("condition"):
            timed = self._timed(condition)
            anti = timed is not True
            proceeds = timed if timed is not None else proceeds
            if "regex" in condition.attrib:
                self.done.append(("DP_REGEX_MATCH", ""))
                proceeds = anti = False
                found = [self._regex(one) for one in condition.iterchildren("regex")]
                rule = condition.get("regex", "").lower()
                passed = all(found) if rule == "all" else sum(found) == 1 if rule == "xor" else any(found)
                anti, proceeds = not passed, passed
            else:
                expression = self._expression(condition)
                name = condition.get("field")
                if name is not None:
                    proceeds = searched(self._value(name), expression)
                    anti = anti and not proceeds
                    if not anti and "(" in expression:
                        self.done.append(("DP_MATCH", self._value(name)))
                elif timed is None:
                    anti, proceeds = False, True
            for action in condition.iterchildren("anti-action" if anti else "action"):
                self._act(extension, action)
                proceeds = proceeds or anti
            rest = condition.get("break", "").lower()
            rest = rest if rest in ("on-true", "always", "never") else "on-false"
            if rest == "always" or rest == ("on-false" if anti else "on-true"):
                break
            if proceeds and condition.find("condition") is not None:
                proceeds = self._within(extension, condition, level + 1)
                if not proceeds and rest != "never":
                    break
        required = above.get("require-nested", "true").lower() in TRUE
        return proceeds or (level > 0 and not required)

    def _timed(self, element: etree._Element) -> bool | None:
        asked = TIMES & {str(name) for name in element.attrib}
        return asked <= self.now if asked else None

    def _regex(self, regex: etree._Element) -> bool:
        timed, name = self._timed(regex), regex.get("field")
        if name is not None:
            return searched(self._value(name), self._expression(regex))
        return timed is not False

    def _expression(self, element: etree._Element) -> str:
        inner = element.find("expression")
        text = element.get("expression", "") if inner is None else inner.text or ""
        for name, value in self.variables.items():
            text = text.replace(f"${{{name}}}", value)
        return text

    def _value(self, name: str) -> str:
        if name.lower() == "destination_number":
            return self.number
        if name == "${destination_number}":
            return self.number
        return self.variables.get(name.strip("${}"), "")

    def _act(self, extension: etree._Element, action: etree._Element) -> None:
        application, data = str(action.get("application", "")), str(action.text or action.get("data", ""))
        inline = action.get("inline", "").lower() in TRUE
        if inline and application == "set_profile_var" and data.startswith("destination_number="):
            self.number = data.partition("=")[2]
        self.done.append((str(extension.get("name")), application, data, str(inline)))
