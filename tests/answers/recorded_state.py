"""The desired state that answers what was answered while a real switch was recorded.

One state holds what the recorded answers (`tests/data/canned`) agree on; `VARIANTS` gives, by the name of
an answer that disagrees, the rows that stand instead.
"""

from dataclasses import replace
from pathlib import Path

from lxml import etree

from controlplane.desired.values import (
    GLOBAL,
    Acl,
    AclEntry,
    Chatplan,
    Context,
    Document,
    Domain,
    Extension,
    Gateway,
    Group,
    Key,
    Language,
    Node,
    NodeMode,
    Param,
    Params,
    Profile,
    ProfileDomain,
    User,
    UserGateway,
    Value,
)

CANNED = Path(__file__).parents[1] / "data" / "canned"

NODE = "fsuser"
"""Named as the recorded credential is; its switchname is what the switch called itself."""

DOMAIN = "example.com"
DOCUMENTS = ("callcenter.conf", "conference.conf", "ivr.conf", "voicemail.conf")


def _params(**values: str) -> Params:
    return tuple(Param(name.replace("_", "-"), value) for name, value in values.items())


def _variables(**values: str) -> Params:
    return tuple(Param(name, value) for name, value in values.items())


def _user(name: str, *groups: str) -> User:
    return User(
        name,
        DOMAIN,
        GLOBAL,
        groups=groups,
        params=_params(password="1234", vm_password=name, vm_mailto=f"u{name}@example.com"),
        variables=_variables(user_context="default", toll_allow="domestic,local"),
    )


def _configuration(name: str) -> etree._Element:
    (found,) = etree.parse(CANNED / f"{name}.xml").iter("configuration")
    return found


def _name(element: etree._Element, attribute: str = "name") -> str:
    return str(element.attrib[attribute])


def _text(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _given(container: etree._Element | None) -> Params:
    if container is None:
        return ()
    return tuple(Param(_name(param), _name(param, "value")) for param in container.findall("param"))


def _sofia(file: str) -> list[Value]:
    """Profiles, gateways and the global settings of a recorded sofia.conf."""
    root = _configuration(file)
    rows: list[Value] = []
    settings = root.find("global_settings")
    if settings is not None:
        xml = f'<configuration name="sofia.conf">{_text(settings)}</configuration>'
        rows.append(Document("sofia.conf", GLOBAL, xml))
    for profile in root.iter("profile"):
        name = _name(profile)
        rows.append(
            Profile(
                name,
                GLOBAL,
                _given(profile.find("settings")),
                tuple(_name(alias) for alias in profile.iter("alias")),
                tuple(
                    ProfileDomain(
                        _name(domain),
                        _name(domain, "alias") == "true",
                        _name(domain, "parse") == "true",
                    )
                    for domain in profile.iter("domain")
                ),
            )
        )
        rows.extend(
            Gateway(_name(gateway), GLOBAL, name, params=_given(gateway))
            for gateway in profile.iter("gateway")
        )
    return rows


def _dialplan() -> list[Value]:
    root = etree.parse(CANNED / "dialplan-default.xml")
    rows: list[Value] = [Context("default", GLOBAL)]
    rows.extend(
        Extension(_name(extension), "default", GLOBAL, position, _text(extension))
        for position, extension in enumerate(root.iter("extension"))
    )
    return rows


def _language() -> Language:
    (language,) = etree.parse(CANNED / "languages-en.xml").iter("language")
    return Language(_name(language), GLOBAL, _text(language))


USER = _user("1000", "default", "sales")

SOFIA = {
    path.name: _sofia(path.name.removesuffix(".xml")) for path in sorted(CANNED.glob("sofia-*.conf.xml"))
}

VARIANTS: dict[str, list[Value]] = {
    "dir-acl.xml": [replace(USER, cidr="192.0.2.0/24")],
    "dir-1000-cacheable-3000.xml": [replace(USER, cacheable=3000)],
    "dir-1000-cacheable-60000.xml": [replace(USER, cacheable=60000)],
    "dir-1000-cacheable-true.xml": [replace(USER, cacheable=2147483)],
    "dir-reverse.xml": [
        replace(USER, params=_params(reverse_auth_user="rev", reverse_auth_pass="revpass") + USER.params)
    ],
}

BASE: list[Value] = [
    Node(NODE, "fs1", "127.0.0.1", 8021, (), NodeMode.OBSERVING, "ClueCon", ("fspass",)),
    Domain(
        DOMAIN,
        GLOBAL,
        _params(
            dial_string="{^^:sip_invite_domain=${dialed_domain}:presence_id=${dialed_user}@${dialed_domain}}"
            "${sofia_contact(*/${dialed_user}@${dialed_domain})}"
        ),
    ),
    Group("default", DOMAIN, GLOBAL),
    Group("sales", DOMAIN, GLOBAL),
    USER,
    _user("1001", "sales"),
    User(
        "2000",
        DOMAIN,
        GLOBAL,
        groups=("default",),
        gateways=(
            UserGateway(
                "gw-dir",
                _params(username="ok", password="gwpass", proxy="127.0.0.1:15070", register="true"),
            ),
        ),
    ),
    Acl("lan", GLOBAL, False, (AclEntry(True, cidr="192.0.2.0/24"),)),
    Acl("domains", GLOBAL, False, (AclEntry(True, domain=DOMAIN),)),
    *(Document(name, GLOBAL, _text(_configuration(name))) for name in DOCUMENTS),
    *_dialplan(),
    _language(),
    Chatplan("default", GLOBAL, '<context name="default"><extension name="all"/></context>'),
]


def state(answer: str = "sofia-gw1.conf.xml") -> list[Value]:
    """Every row of the state in which the switch was given `answer`."""
    rows: dict[Key, Value] = {row.key: row for row in BASE}
    rows |= {row.key: row for row in SOFIA.get(answer, SOFIA["sofia-gw1.conf.xml"])}
    rows |= {row.key: row for row in VARIANTS.get(answer, [])}
    return list(rows.values())
