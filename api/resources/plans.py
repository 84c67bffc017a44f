"""Extensions in structured form: the shapes of `controlplane.desired.conditions`.

Values are texts, as FreeSWITCH reads them; true, false and whole numbers are taken for their texts.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from api.resources.shapes import Name, Shape


def _worded(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


Word = Annotated[str, BeforeValidator(_worded), Field(max_length=65_536)]
Attributes = Annotated[dict[Name, Word], Field(description="Attributes that FreeSWITCH does not read")]


class Part(Shape):
    """A part of an extension, written as it was sent."""

    # `continue` and `break` are words of Python, too.
    model_config = ConfigDict(serialize_by_alias=True)

    attributes: Attributes | None = None


class Timed(Part):
    """What may hold at some times only (switch_xml_std_datetime_check)."""

    year: Word | None = None
    yday: Word | None = None
    mon: Word | None = None
    mday: Word | None = None
    week: Word | None = None
    mweek: Word | None = None
    wday: Word | None = None
    hour: Word | None = None
    minute: Word | None = None
    minute_of_day: Word | None = None
    time_of_day: Word | None = None
    date_time: Word | None = None
    tz_offset: Word | None = None
    dst: Word | None = None


class RegexIn(Timed):
    """A `<regex>`; `expression_text` is an `<expression>` in it, which counts before the attribute."""

    field: Word | None = None
    expression: Word | None = None
    expression_text: Word | None = None


class ActionIn(Part):
    """An `<action>` or `<anti-action>`; `text` is the element's text, which counts before `data`."""

    application: Word | None = None
    data: Word | None = None
    inline: Word | None = None
    loop: Word | None = None
    text: Word | None = None


class ConditionIn(RegexIn):
    """A `<condition>` with what is in it, by kind."""

    break_: Annotated[Word | None, Field(alias="break")] = None
    regex: Word | None = None
    require_nested: Word | None = None
    regexes: list[RegexIn] | None = None
    actions: list[ActionIn] | None = None
    anti_actions: list[ActionIn] | None = None
    conditions: "list[ConditionIn] | None" = None


class PlanExtensionIn(Part):
    """An `<extension>` of a chatplan."""

    name: Name
    continue_: Annotated[Word | None, Field(alias="continue")] = None
    conditions: list[ConditionIn] | None = None
