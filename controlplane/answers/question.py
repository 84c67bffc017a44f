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
from urllib.parse import unquote_to_bytes

from controlplane.answers.errors import BadLookup

_FRONT = (b"hostname=", b"section=", b"tag_name=", b"key_name=", b"key_value=")

_PHRASES = re.compile(rb"&(lang|macro_name|hostname|section)=([^&]*)")
_DOUBLED = re.compile(rb"&(hostname|section)=([^&]*)")
_WANTED = {
    b"directory": re.compile(rb"&(action|purpose|key|user|domain|group_name|group|hostname|section)=([^&]*)"),
    b"configuration": re.compile(rb"&(profile|gateway|hostname|section)=([^&]*)"),
    # Hunt-*: the profile that is hunted with; Caller-*: the channel's own, which a transfer leaves behind
    # (mod_dialplan_xml.c, dialplan_xml_locate). So only the hunted number tells what can match.
    b"dialplan": re.compile(
        rb"&(Hunt-Context|Caller-Context|Hunt-Destination-Number|hostname|section)=([^&]*)"
    ),
    b"chatplan": re.compile(rb"&(context|hostname|section)=([^&]*)"),
    b"languages": _PHRASES,
    b"phrases": _PHRASES,
}


class Question(NamedTuple):
    """One lookup. Missing and empty parameters are both empty.

    Texts that are not UTF-8 hold surrogates (PEP 383) and so equal no stored name.
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


def read(form: bytes) -> Question:
    """Read a form body or a query string; raises BadLookup."""
    fields = form.split(b"&", 5)
    if len(fields) < 5 or not all(map(bytes.startswith, fields, _FRONT)):
        raise BadLookup("a lookup begins with hostname, section, tag_name, key_name and key_value")
    section = fields[1][8:]
    front = (
        fields[0][9:].decode("utf-8", "surrogateescape"),
        section.decode("utf-8", "surrogateescape"),
        fields[2][9:].decode("utf-8", "surrogateescape"),
        fields[3][9:].decode("utf-8", "surrogateescape"),
        fields[4][10:].decode("utf-8", "surrogateescape"),
    )
    pattern = _WANTED.get(section, _DOUBLED)
    if len(fields) == 5 or not (pairs := pattern.findall(b"&" + fields[5])):
        return Question(*front)
    found = dict(pairs)  # the last of a name stands
    if b"hostname" in found or b"section" in found:
        _agree(pairs, {b"hostname": fields[0][9:], b"section": section})
    if section == b"directory":
        return Question(
            *front,
            _text(found.get(b"action", b"")),
            _text(found.get(b"purpose", b"")),
            _text(found.get(b"key", b"")),
            _text(found.get(b"user", b"")),
            _text(found.get(b"domain", b"")),
            _text(found.get(b"group_name", b"") or found.get(b"group", b"")),
        )
    return Question(
        *front,
        profile=_text(found.get(b"profile", b"")),
        gateway=_text(found.get(b"gateway", b"")),
        context=_text(
            found.get(b"Hunt-Context", b"") or found.get(b"Caller-Context", b"") or found.get(b"context", b"")
        ),
        number=_text(found.get(b"Hunt-Destination-Number", b"")),
        lang=_text(found.get(b"lang", b"")),
        macro=_text(found.get(b"macro_name", b"")),
    )


def _agree(pairs: list[tuple[bytes, bytes]], front: dict[bytes, bytes]) -> None:
    """Refuse a second `hostname` or `section` that says something else than the first."""
    for name, value in pairs:
        first = front.get(name)
        if first is not None and value != first and unquote_to_bytes(value) != first:
            raise BadLookup(f"{name.decode()} is given twice and does not agree")


def _text(value: bytes) -> str:
    """A percent-encoded value. A plus is a plus (switch_url_encode)."""
    if b"%" in value:
        value = unquote_to_bytes(value)
    return value.decode("utf-8", "surrogateescape")
