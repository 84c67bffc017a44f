"""The configuration section: sofia.conf and acl.conf from typed rows, all else from documents."""

from collections.abc import Iterable

from lxml import etree

from controlplane.answers.cutting import Cut, cut_down
from controlplane.answers.dialect import Escape, document, expanding, literal, rewritten
from controlplane.answers.fingerprint import Mark, marked
from controlplane.answers.params import Opened, written
from controlplane.desired.values import Acl, Document, Gateway, Profile

SOFIA = "sofia.conf"
ACL = "acl.conf"
PROBE = "controlplane_probe.conf"
"""What a node is asked to locate so that it shows that it can fetch from us."""

_POST_LOAD = "post_load_"


def names_serving(asked: str) -> tuple[str, ...]:
    """The documents that can answer a name, the best first.

    FreeSWITCH asks twice for modules.conf and switch.conf: the plain names are read before
    mod_xml_curl is there, `post_load_modules.conf` and `post_load_switch.conf` after.
    """
    return (asked, asked.removeprefix(_POST_LOAD)) if asked.startswith(_POST_LOAD) else (asked,)


def sofia(
    profiles: Iterable[tuple[Profile, Iterable[Gateway]]],
    settings: Document | None,
    opened: Opened,
    mark: Mark,
    text: Escape = expanding,
) -> bytes:
    """sofia.conf with these profiles, each with these gateways, which get their `mark`.

    `settings` is the document that holds the global settings. Every profile has `<settings>`, be it
    empty: without, the switch fails to start it.
    """
    lines = rewritten(settings.xml, opened, inner=True, text=text) if settings is not None else []
    lines.append("<profiles>")
    for profile, gateways in profiles:
        lines += [f'<profile name="{literal(profile.name)}">', "<aliases>"]
        lines += [f'<alias name="{literal(alias)}"/>' for alias in profile.aliases]
        lines += ["</aliases>", "<gateways>"]
        for gateway in gateways:
            lines += marked(gateway, opened, mark, text)
        lines += ["</gateways>", "<domains>"]
        lines += [
            f'<domain name="{literal(domain.name)}"'
            f' alias="{_truth(domain.alias)}" parse="{_truth(domain.parse)}"/>'
            for domain in profile.domains
        ]
        lines += ["</domains>", "<settings>"]
        lines += written("param", profile.params, opened, text)
        lines += ["</settings>", "</profile>"]
    return configuration(SOFIA, [*lines, "</profiles>"])


def acl(lists: Iterable[Acl]) -> bytes:
    """acl.conf. FreeSWITCH empties all its lists before it reads this: it holds every one of them."""
    lines = ["<network-lists>"]
    for value in lists:
        lines.append(f'<list name="{literal(value.name)}" default="{_verdict(value.default_allow)}">')
        for entry in value.entries:
            kind, what = ("cidr", entry.cidr) if entry.cidr is not None else ("domain", entry.domain or "")
            lines.append(f'<node type="{_verdict(entry.allow)}" {kind}="{expanding(what)}"/>')
        lines.append("</list>")
    return configuration(ACL, [*lines, "</network-lists>"])


def stored(
    value: Document, asked: str, opened: Opened, text: Escape = expanding, cut: Cut | None = None
) -> tuple[bytes, bool]:
    """A document under the name that was asked for, and whether it holds what it is cut down to."""
    held = True

    def cutting(root: etree._Element) -> None:
        nonlocal held
        if cut is not None:
            held = cut_down(root, cut)

    lines = rewritten(value.xml, opened, name=asked, text=text, cut=cutting)
    return document("configuration", lines), held


def probe(nonce: str | None) -> bytes:
    """The probe document; its nonce shows that this very answer went through the switch."""
    lines = [f'<param name="nonce" value="{literal(nonce)}"/>'] if nonce is not None else []
    return configuration(PROBE, ["<settings>", *lines, "</settings>"])


def configuration(name: str, lines: list[str]) -> bytes:
    """A configuration of that name with these lines in it."""
    return document("configuration", [f'<configuration name="{literal(name)}">', *lines, "</configuration>"])


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _verdict(allow: bool) -> str:
    return "allow" if allow else "deny"
