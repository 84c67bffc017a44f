"""What a lookup asks, picked out of the form's bytes.

mod_xml_curl sends `hostname`, `section`, `tag_name`, `key_name` and `key_value` first, in this
order, *not* percent-encoded and cut at 511 bytes together (mod_xml_curl.c:179). Whoever chooses a domain's
name can thus add fields after them, but FreeSWITCH's own parameters, which are encoded, come later:
of every later parameter the last counts, and a second `hostname` or `section` must agree.

Only the few values that matter are cut out and decoded; a dialplan lookup brings 6 to 10 kB of
channel variables in whatever encoding the caller chose, and none of it is looked at.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from controlplane.answers.errors import BadLookup

_FRONT = re.compile("hostname=([^&]*)&section=([^&]*)&tag_name=([^&]*)&key_name=([^&]*)&key_value=([^&]*)")

_PHRASES = re.compile("&(lang|macro_name|hostname|section)=([^&]*)")
_DOUBLED = re.compile("&(hostname|section)=([^&]*)")
_WANTED = {
    "directory": re.compile(
        "&(action|purpose|key|user|domain|group_name|group|sip_auth_username|sip_auth_realm"
        "|Event-Calling-Function|hostname|section)=([^&]*)"
    ),
    "configuration": re.compile(
        "&(profile|gateway|Menu-Name|CC-Queue|profile_name|conference_name|presence|Controls"
        "|hostname|section)=([^&]*)"
    ),
    # Hunt-*: the profile that is hunted with; Caller-*: the channel's own, which a transfer leaves behind
    # (mod_dialplan_xml.c, dialplan_xml_locate). So only the hunted number tells what can match.
    "dialplan": re.compile("&(Hunt-Context|Caller-Context|Hunt-Destination-Number|hostname|section)=([^&]*)"),
    "chatplan": re.compile("&(context|hostname|section)=([^&]*)"),
    "languages": _PHRASES,
    "phrases": _PHRASES,
}


class Question(NamedTuple):
    """One lookup. Missing and empty parameters are both empty.

    Texts that are not UTF-8 hold surrogates (PEP 383) and so equal no stored name. `auth_user` and `realm`
    are those of the digest that the switch checks, `function` the one of its functions that asks.
    """

    hostname: str
    section: str
    tag_name: str = ""
    key_name: str = ""
    key_value: str = ""
    action: str = ""
    purpose: str = ""
    key: str = ""
    user: str = ""
    domain: str = ""
    group: str = ""
    profile: str = ""
    gateway: str = ""
    context: str = ""
    number: str = ""
    lang: str = ""
    macro: str = ""
    auth_user: str = ""
    realm: str = ""
    function: str = ""
    menu: str = ""
    queue: str = ""
    conference_profile: str = ""
    controls: str = ""
    presence: str = ""


def read(form: bytes) -> Question:
    """Read a form body or a query string; raises BadLookup."""
    text = form.decode("utf-8", "surrogateescape")
    begin = _FRONT.match(text)
    if begin is None:
        raise BadLookup("a lookup begins with hostname, section, tag_name, key_name and key_value")
    hostname, section, tag_name, key_name, key_value = begin.groups()
    front: tuple[str, str, str, str, str] = (hostname, section, tag_name, key_name, key_value)
    pairs = _WANTED.get(section, _DOUBLED).findall(text, begin.end())
    if not pairs:
        return Question(*front)
    # The last of a name stands.
    found = {name: value if "%" not in value else _decoded(value) for name, value in pairs}
    if "hostname" in found or "section" in found:
        _agree(pairs, {"hostname": hostname, "section": section})
    get = found.get
    if section == "directory":
        return Question(
            *front,
            get("action", ""),
            get("purpose", ""),
            get("key", ""),
            get("user", ""),
            get("domain", ""),
            get("group_name", "") or get("group", ""),
            auth_user=get("sip_auth_username", ""),
            realm=get("sip_auth_realm", ""),
            function=get("Event-Calling-Function", ""),
        )
    if section == "configuration":
        return Question(
            *front,
            profile=get("profile", ""),
            gateway=get("gateway", ""),
            menu=get("Menu-Name", ""),
            queue=get("CC-Queue", ""),
            # Without the conference's name it is another profile that is meant.
            conference_profile=get("profile_name", "") if "conference_name" in found else "",
            controls=get("Controls", ""),
            presence=get("presence", ""),
        )
    return Question(
        *front,
        context=get("Hunt-Context", "") or get("Caller-Context", "") or get("context", ""),
        number=get("Hunt-Destination-Number", ""),
        lang=get("lang", ""),
        macro=get("macro_name", ""),
    )


def _agree(pairs: list[tuple[str, str]], front: dict[str, str]) -> None:
    """Refuse a second `hostname` or `section` that says something else than the first."""
    for name, value in pairs:
        first = front.get(name)
        if first is not None and value != first and _decoded(value) != first:
            raise BadLookup(f"{name} is given twice and does not agree")


def _decoded(value: str) -> str:
    """A percent-encoded value. A plus is a plus (switch_url_encode)."""
    return unquote(value, errors="surrogateescape")
