"""Whatever an extension says arrives in the switch as it was said."""

from typing import Any

from hypothesis import given
from lxml import etree

from controlplane.answers import chatplan, dialplan
from controlplane.desired import codec
from controlplane.desired.conditions import written
from controlplane.desired.values import GLOBAL, Chatplan, Context, Extension, Key, Noun
from tests.answers import switch_model
from tests.answers.switch_model import Element
from tests.desired.test_plans import CONDITIONS


def tree_of(element: Element) -> etree._Element:
    tree = etree.Element(element.name, element.attributes)
    # What stands around elements is only there to be read by eyes.
    tree.text = None if element.children else element.text or None
    tree.extend([tree_of(child) for child in element.children])
    return tree


@given(CONDITIONS.filter(lambda conditions: "$${" not in str(conditions)))
def test_conditions_arrive_as_they_were_given(conditions: list[dict[str, Any]]) -> None:
    one = codec.from_json(Key(Noun.EXTENSION, "x", "default"), {"conditions": conditions})
    assert isinstance(one, Extension)
    (section,) = switch_model.read(dialplan.context(Context("default", GLOBAL), [one])).children
    (extension,) = section.child("context", name="default").children
    assert written(tree_of(extension)) == {"conditions": conditions}
    plan = Chatplan("default", GLOBAL, f'<context name="default">{one.xml}</context>')
    (section,) = switch_model.read(chatplan.chatplans([plan])).children
    (extension,) = section.child("context", name="default").children
    assert written(tree_of(extension)) == {"conditions": conditions}
