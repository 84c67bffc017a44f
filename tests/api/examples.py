"""One example of every noun, in an order in which each can be put after those before it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """Where it stands, what makes it, and another body that changes it."""

    path: str
    body: dict[str, Any]
    other: dict[str, Any]

    @property
    def collection(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def _extension(number: str) -> str:
    return (
        f'<extension name="echo"><condition field="destination_number" expression="^{number}$">'
        '<action application="echo"/></condition></extension>'
    )


def _document(value: str) -> str:
    return (
        '<configuration name="conference.conf"><profiles><profile name="default">'
        f'<param name="rate" value="{value}"/></profile></profiles></configuration>'
    )


def _language(macro: str) -> str:
    return (
        '<language name="en" say-module="en"><phrases><macros>'
        f'<macro name="{macro}"><input pattern="(.*)"/></macro></macros></phrases></language>'
    )


EXAMPLES = (
    Example(
        "/nodes/fs1",
        {"host": "127.0.0.1", "port": 1, "groups": ["eu"], "event_socket_password": "marker-esl"},
        {"host": "127.0.0.1", "port": 1, "groups": ["us"]},
    ),
    Example(
        "/domains/acme.example",
        {"params": {"dial-string": "user"}, "variables": {"a": "b"}},
        {"params": {"dial-string": "other"}, "cacheable": 60000},
    ),
    Example("/domains/acme.example/groups/sales", {"variables": {"team": "a"}}, {"variables": {"team": "b"}}),
    Example(
        "/domains/acme.example/users/1000",
        {"number_alias": "5551000", "params": {"password": "marker-user"}, "groups": ["sales"]},
        {
            "number_alias": "5551001",
            "params": {"password": "marker-changed"},
            "cidr": "192.0.2.0/24",
            "elements": ['<skinny><buttons><button position="1" type="Line"/></buttons></skinny>'],
        },
    ),
    Example(
        "/profiles/external",
        {"params": {"sip-port": "5080", "context": "public"}},
        {"params": {"sip-port": "5082", "context": "public"}, "aliases": ["outside"]},
    ),
    Example(
        "/gateways/carrier",
        {"profile": "external", "params": {"username": "u", "password": "marker-gw", "proxy": "sip.test"}},
        {
            "profile": "external",
            "params": {"username": "u", "password": "marker-new", "proxy": "sip.example"},
        },
    ),
    Example(
        "/acls/trusted",
        {"default": "deny", "entries": [{"type": "allow", "cidr": "192.0.2.0/24"}]},
        {"default": "deny", "entries": [{"type": "allow", "domain": "acme.example"}]},
    ),
    Example("/contexts/public", {}, {}),
    Example(
        "/contexts/public/extensions/echo",
        {"position": 1, "xml": _extension("9196")},
        {"position": 2, "xml": _extension("9197")},
    ),
    Example(
        "/contexts/public/extensions/hours",
        {
            "conditions": [
                {
                    "wday": "2-6",
                    "time_of_day": "08:00-18:00",
                    "break": "never",
                    "actions": [{"application": "set", "data": "open=true", "inline": True}],
                    "anti_actions": [{"application": "set", "data": "open=false", "inline": True}],
                },
                {
                    "regex": "any",
                    "require_nested": False,
                    "regexes": [
                        {"field": "destination_number", "expression": "^1$"},
                        {"field": "caller_id_number", "expression_text": "^2<$"},
                    ],
                    "conditions": [
                        {
                            "field": "${open}",
                            "expression": "^true$",
                            "attributes": {"comment": "x"},
                            "actions": [{"application": "bridge", "text": "user/1000", "loop": 2}],
                        }
                    ],
                },
            ],
            "continue": "yes",
        },
        {"numbers": ["15550100", "^1556"], "conditions": []},
    ),
    Example("/variables/outbound_password", {"value": "marker-variable"}, {"value": "marker-varied"}),
    Example("/documents/conference.conf", {"xml": _document("8000")}, {"xml": _document("16000")}),
    Example("/languages/en", {"xml": _language("hello")}, {"xml": _language("goodbye")}),
    Example(
        "/chatplans/default",
        {"xml": f'<context name="default">{_extension("9196")}</context>'},
        {
            "extensions": [
                {
                    "name": "all",
                    "continue": "true",
                    "conditions": [
                        {"field": "to", "expression": "^(.*)$", "actions": [{"application": "send"}]}
                    ],
                }
            ]
        },
    ),
)
MARKERS = (
    "marker-esl",
    "marker-user",
    "marker-changed",
    "marker-gw",
    "marker-new",
    "marker-variable",
    "marker-varied",
)
