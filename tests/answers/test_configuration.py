"""What a node is told of sofia.conf, acl.conf, documents and the dialplan."""

from dataclasses import replace

import pytest

from controlplane.answers.question import Question
from controlplane.desired.values import (
    GLOBAL,
    Acl,
    AclEntry,
    Chatplan,
    Context,
    Document,
    Extension,
    Gateway,
    Param,
    Params,
    Profile,
    ProfileDomain,
    Scope,
    SecretRef,
    Value,
)
from tests.answers import asking, switch_model
from tests.answers.memory import Rows
from tests.answers.switch_model import Element
from tests.answers.test_directory import NODE, params


def told(question: Question, *values: Value, secrets: dict[SecretRef, str] | None = None) -> Element | None:
    made = Rows([NODE, *values], secrets).made("fs1", question)
    return (
        switch_model.read(made.body, {"local_ip_v4": "192.0.2.1"}).child("section").children[0]
        if made
        else None
    )


def configuration(question: Question, *values: Value, secrets: dict[SecretRef, str] | None = None) -> Element:
    found = told(question, *values, secrets=secrets)
    assert found is not None
    assert found.name == "configuration"
    return found


INTERNAL = Profile(
    "internal", GLOBAL, params(sip_ip="$${local_ip_v4}"), ("alias1",), (ProfileDomain("all", True),)
)
EXTERNAL = Profile("external", GLOBAL)
ONE = Gateway("one", GLOBAL, "external", params=params(username="u", proxy="$${local_ip_v4}"))
TWO = Gateway("two", GLOBAL, "external", params=(Param("password", SecretRef(1, 1)),))
SETTINGS = Document(
    "sofia.conf",
    GLOBAL,
    '<configuration name="sofia.conf">'
    '<global_settings><param name="log-level" value="0"/></global_settings></configuration>',
)
SECRETS = {SecretRef(1, 1): "first", SecretRef(1, 2): "second"}


def shape(found: Element) -> dict[str, list[str]]:
    """Profiles and their gateways by name."""
    return {
        profile.attributes["name"]: [
            gateway.attributes["name"] for gateway in profile.child("gateways").children
        ]
        for profile in found.child("profiles").children
    }


@pytest.mark.parametrize(
    ("profile", "gateway", "expected"),
    [
        ("", "", {"internal": [], "external": ["one", "two"]}),
        ("external", "", {"external": ["one", "two"]}),
        ("EXTERNAL", "", {"external": ["one", "two"]}),
        ("external", "two", {"external": ["two"]}),
        ("external", "_all_", {"external": ["one", "two"]}),
        ("external", "nosuch", {"external": []}),
        ("internal", "two", {"internal": []}),
        ("nosuch", "", {}),
    ],
)
def test_sofia_conf_is_cut_to_what_is_asked(
    profile: str, gateway: str, expected: dict[str, list[str]]
) -> None:
    found = configuration(
        asking.configuration("sofia.conf", profile, gateway),
        INTERNAL,
        EXTERNAL,
        ONE,
        TWO,
        SETTINGS,
        secrets=SECRETS,
    )
    assert shape(found) == expected
    assert found.attributes == {"name": "sofia.conf"}
    assert found.child("global_settings").child("param").attributes == {"name": "log-level", "value": "0"}


def test_a_profile_with_everything_in_it() -> None:
    found = configuration(asking.configuration("sofia.conf"), INTERNAL, EXTERNAL)
    internal, external = found.child("profiles").children
    assert internal.child("aliases").child("alias").attributes == {"name": "alias1"}
    assert internal.child("domains").child("domain").attributes == {
        "name": "all",
        "alias": "true",
        "parse": "false",
    }
    # A profile's params are operators' words: FreeSWITCH expands its own variables in them.
    assert internal.child("settings").child("param").attributes == {"name": "sip-ip", "value": "192.0.2.1"}
    assert external.child("settings").children == []


def gateway(*values: Value, name: str = "one") -> Element:
    found = configuration(asking.configuration("sofia.conf"), EXTERNAL, *values, secrets=SECRETS)
    return (
        found.child("profiles")
        .child("profile", name="external")
        .child("gateways")
        .child("gateway", name=name)
    )


def fingerprint(element: Element) -> str:
    return element.child("variables").child("variable", name="controlplane_fingerprint").attributes["value"]


def test_a_gateway_stands_as_written_with_its_fingerprint() -> None:
    found = gateway(ONE)
    assert [(param.attributes["name"], param.attributes["value"]) for param in found.all("param")] == [
        ("username", "u"),
        ("proxy", "192.0.2.1"),
    ]
    assert found.child("variables").children[0].attributes["direction"] == "inbound"
    assert len(fingerprint(found)) == 32


def test_a_fingerprint_tells_every_change_even_of_the_password_alone() -> None:
    variables: Params = (Param("x", "y"),)
    seen = {
        fingerprint(gateway(changed, name=changed.name))
        for changed in (
            TWO,
            replace(TWO, name="three"),
            replace(TWO, params=(Param("password", SecretRef(1, 2)),)),
            replace(TWO, params=(Param("password", SecretRef(1, 1)), Param("x", "y"))),
            replace(TWO, variables=variables),
            replace(TWO, variables=(Param("x", "y", "inbound"),)),
        )
    }
    assert len(seen) == 6
    assert fingerprint(gateway(TWO, name="two")) == fingerprint(gateway(ONE, TWO, name="two"))


def test_a_gateway_placed_on_another_node_is_not_told() -> None:
    found = configuration(asking.configuration("sofia.conf"), EXTERNAL, ONE, replace(TWO, placed_on="fs2"))
    assert shape(found) == {"external": ["one"]}


def test_sofia_conf_is_ours_from_the_first_profile_on() -> None:
    assert told(asking.configuration("sofia.conf")) is None
    assert told(asking.configuration("sofia.conf"), Profile("p", Scope(groups=("us",)))) is None
    assert shape(configuration(asking.configuration("sofia.conf"), SETTINGS)) == {}


def test_acl_conf_holds_every_list() -> None:
    lists = (
        Acl(
            "lan", GLOBAL, False, (AclEntry(True, cidr="192.0.2.0/24"), AclEntry(False, domain="example.com"))
        ),
        Acl("empty", GLOBAL, True),
    )
    lan, empty = configuration(asking.configuration("acl.conf"), *lists).child("network-lists").children
    assert lan.attributes == {"name": "lan", "default": "deny"}
    assert [node.attributes for node in lan.children] == [
        {"type": "allow", "cidr": "192.0.2.0/24"},
        {"type": "deny", "domain": "example.com"},
    ]
    assert (empty.attributes, empty.children) == ({"name": "empty", "default": "allow"}, [])
    assert told(asking.configuration("acl.conf")) is None


def conf(name: str, inside: str = "<settings/>", scope: Scope = GLOBAL) -> Document:
    return Document(name, scope, f'<configuration name="{name}">{inside}</configuration>')


def test_a_document_is_told_under_its_name() -> None:
    found = configuration(asking.configuration("ivr.conf"), conf("ivr.conf", '<menu a="$${local_ip_v4}"/>'))
    assert found.attributes == {"name": "ivr.conf"}
    assert found.child("menu").attributes == {"a": "192.0.2.1"}
    assert told(asking.configuration("other.conf"), conf("ivr.conf")) is None


@pytest.mark.parametrize("plain", ["modules.conf", "switch.conf"])
def test_one_document_serves_its_post_load_name_too(plain: str) -> None:
    asked = asking.configuration(f"post_load_{plain}")
    assert configuration(asked, conf(plain)).attributes == {"name": f"post_load_{plain}"}
    own = conf(f"post_load_{plain}", "<own/>")
    assert [child.name for child in configuration(asked, conf(plain), own).children] == ["own"]
    assert configuration(asking.configuration(plain), conf(plain), own).all("own") == []


def test_sealed_values_in_documents_are_opened() -> None:
    ref = SecretRef(1, 1)
    document = replace(conf("db.conf", '<param name="odbc-dsn" value="sealed:1@1"/>'), secrets=(ref,))
    found = configuration(asking.configuration("db.conf"), document, secrets={ref: "a$${b}"})
    assert found.child("param").attributes["value"] == "a$${b}"


def extension(name: str, position: int, context: str = "public") -> Extension:
    return Extension(
        name,
        context,
        GLOBAL,
        position,
        f'<extension name="{name}"><condition field="a" expression="^$${{local_ip_v4}}$"/></extension>',
    )


def test_a_context_is_told_whole_and_in_order() -> None:
    values: list[Value] = [
        Context("public", GLOBAL),
        extension("c", 1),
        extension("b", 2),
        extension("a", 2),
        extension("d", 0),
        Context("other", GLOBAL),
        extension("x", 0, "other"),
    ]
    found = told(asking.context("public"), *values)
    assert found is not None
    assert found.attributes == {"name": "public"}
    assert [child.attributes["name"] for child in found.children] == ["d", "c", "a", "b"]
    assert found.children[0].child("condition").attributes["expression"] == "^192.0.2.1$"


def test_an_empty_context_of_ours_is_told_empty_and_others_are_not_found() -> None:
    found = told(asking.context("Public"), Context("public", GLOBAL))
    assert found is not None
    assert (found.name, found.attributes, found.children) == ("context", {"name": "public"}, [])
    assert told(asking.context("nosuch"), Context("public", GLOBAL)) is None


@pytest.mark.parametrize("section", ["dialplan", "chatplan"])
def test_what_is_located_by_its_name_alone(section: str) -> None:
    """mod_commands.c, xml_locate_function: there is no channel that could name it."""
    values: list[Value] = [
        Context("public", GLOBAL),
        Chatplan("public", GLOBAL, '<context name="public"/>'),
        Context("other", GLOBAL),
        Chatplan("other", GLOBAL, '<context name="other"/>'),
    ]
    found = told(Question("fs1", section, "context", "name", "other"), *values)
    assert found is not None
    assert (found.name, found.attributes) == ("context", {"name": "other"})
    assert told(Question("fs1", section, "context", "name", "nosuch"), *values) is None


def test_a_lookup_that_names_no_context_is_told_every_one() -> None:
    values: list[Value] = [
        Context("public", GLOBAL),
        extension("a", 0),
        Context("other", GLOBAL),
        extension("b", 0, "other"),
    ]
    rows = Rows([NODE, *values])
    made = rows.made("fs1", asking.context(""))
    assert made is not None
    contexts = switch_model.read(made.body).child("section").children
    assert {
        one.attributes["name"]: [each.attributes["name"] for each in one.children] for one in contexts
    } == {
        "public": ["a"],
        "other": ["b"],
    }
    assert told(asking.context("")) is None
