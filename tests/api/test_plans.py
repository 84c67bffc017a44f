"""Extensions, chatplans and languages over the API."""

import pytest

from tests.api.examples import EXAMPLES
from tests.api.living import Operator

EXTENSION = "/contexts/plans/extensions/x"


@pytest.fixture
def plans(shared: Operator) -> Operator:
    shared.done("PUT", EXAMPLES[0].path, EXAMPLES[0].body)
    shared.done("PUT", "/contexts/plans", {})
    return shared


def test_an_extension_is_read_in_both_forms(plans: Operator) -> None:
    conditions = [
        {"field": "destination_number", "expression": "^1$", "actions": [{"application": "echo", "loop": 2}]}
    ]
    told = plans.done("PUT", EXTENSION, {"conditions": conditions, "continue": False, "numbers": ["^1"]})
    assert told["xml"] == (
        '<extension name="x" continue="false"><condition field="destination_number" expression="^1$">'
        '<action application="echo" loop="2"/></condition></extension>'
    )
    read = plans.done("GET", EXTENSION)
    assert read["conditions"][0]["actions"] == [{"application": "echo", "loop": "2"}]
    assert (read["continue"], read["attributes"], read["numbers"]) == ("false", None, ["^1"])


def test_what_conditions_cannot_say_is_read_as_xml_alone(plans: Operator) -> None:
    told = plans.done("PUT", EXTENSION, {"xml": '<extension name="x"><note/></extension>'})
    assert told["conditions"] is None
    assert plans.done("PUT", EXTENSION, plans.done("GET", EXTENSION))["changed"] is False


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"xml"}),
        ({"conditions": [{"break": "x", "brake": "x"}]}, {"conditions[0].brake"}),
        ({"conditions": [{"actions": [{"data": "<!"}]}]}, {"conditions[0].actions[0].data"}),
        ({"conditions": [{"conditions": [{"hour": []}]}]}, {"conditions[0].conditions[0].hour"}),
        ({"conditions": [{"field": "a"}], "xml": '<extension name="x"/>'}, {"conditions"}),
        ({"conditions": [], "numbers": ["a b"]}, {"numbers[0]"}),
        ({"xml": '<extension name="x"><X-PRE-PROCESS/></extension>'}, {"xml"}),
    ],
)
def test_what_is_wrong_is_told_by_its_place(
    plans: Operator, body: dict[str, object], fields: set[str]
) -> None:
    refused = plans("PUT", EXTENSION, body)
    assert refused.status_code == 422
    assert {error["field"] for error in refused.json()["errors"]} == fields


def test_conditions_nested_without_end_are_refused(plans: Operator) -> None:
    conditions: list[object] = []
    for _ in range(400):
        conditions = [{"conditions": conditions}]
    assert plans("PUT", EXTENSION, {"conditions": conditions}).status_code in (400, 422)


@pytest.mark.parametrize("path", ["/languages/de", "/chatplans/public"])
def test_directives_are_refused_everywhere(plans: Operator, path: str) -> None:
    root = "language" if path.startswith("/languages") else "context"
    name = path.rpartition("/")[2]
    body = {"xml": f'<{root} name="{name}"><x-pre-process cmd="exec" data="reboot"/></{root}>'}
    refused = plans("PUT", path, body)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["xml"]


def test_explain_tells_what_a_number_reaches(plans: Operator) -> None:
    for number in ("1", "2"):
        conditions = [{"field": "destination_number", "expression": f"^{number}$"}]
        plans.done("PUT", f"/contexts/plans/extensions/n{number}", {"conditions": conditions})
    plans("DELETE", EXTENSION)
    asked = {"node": "fs1", "section": "dialplan", "context": "plans", "number": "2"}
    told = plans.done("POST", "/explain", asked)
    assert 'name="n2"' in told["xml"]
    assert 'name="n1"' not in told["xml"]
    assert [row["key"] for row in told["rows"]] == ["context/plans", "extension/plans/n2"]
