"""Contexts of the chatplan, which mod_sms hunts for messages."""

from typing import Any

from starlette.requests import Request

from api.resources.kit import Resource
from api.resources.plans import PlanExtensionIn
from api.resources.shapes import LongText, ScopedIn
from controlplane.desired.plans import chatplan_form
from controlplane.desired.values import Noun, Stored


class ChatplanIn(ScopedIn):
    """A context: either `xml`, one `<context>` element of the same name, or its `extensions`, in order.

    A read gives both; `extensions` is null where the XML says what they cannot. Sent back they must agree.
    """

    xml: LongText | None = None
    extensions: list[PlanExtensionIn] | None = None


def _form(_request: Request, stored: Stored[Any]) -> dict[str, Any]:
    return chatplan_form(stored.value.xml)


CHATPLANS = Resource(Noun.CHATPLAN, "chatplans", ChatplanIn, show=_form)
