"""What a text and a name may hold, so that it reaches the switch as it was typed."""

import re

# XML 1.0, production 2 [Char]: what no document can hold, not even as an entity.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*", re.ASCII)
_UNFIT = re.compile(r"[\s\x00-\x1f\x7f-\x9f\"'`<>&@/\\|;,$%{}()?!=^~]")
_LONGEST_NAME = 255
_LONGEST_TEXT = 65_536


def wrong_text(text: str) -> str | None:
    """Say what keeps a text from reaching the switch as it is, or None."""
    found = _NO_XML.search(text)
    if found is not None:
        return f"holds the character U+{ord(found[0]):04X}, which XML cannot"
    if "<!" in text:
        # switch_xml.c, switch_xml_ampencode: after `<!` nothing is escaped any more.
        return "holds <!, after which FreeSWITCH stops escaping when it copies a value"
    if len(text) > _LONGEST_TEXT:
        return f"is longer than {_LONGEST_TEXT} characters"
    return None


def wrong_word(name: str) -> str | None:
    """Say why a name cannot be that of a node, node group or profile, or None.

    sofia.c:3770 takes only `^[\\w.\\-_]+$` for a gateway; all of these are words in commands.
    """
    if not name:
        return "is empty"
    if len(name) > _LONGEST_NAME:
        return f"is longer than {_LONGEST_NAME} characters"
    if _WORD.fullmatch(name) is None:
        return "may hold only letters, digits, and . _ - (not - or . at its start)"
    return None


def wrong_gateway(name: str) -> str | None:
    """Say why a name cannot be that of a gateway, or None."""
    if name.lower() in ("all", "_all_"):
        return "means every gateway in FreeSWITCH's commands"
    return wrong_word(name)


def wrong_name(name: str) -> str | None:
    """Say why a name cannot be that of a domain, group, user, ACL list or context, or None.

    They stand in commands, in SIP addresses and in lookups that FreeSWITCH does not encode.
    """
    if not name:
        return "is empty"
    if len(name) > _LONGEST_NAME:
        return f"is longer than {_LONGEST_NAME} characters"
    found = _UNFIT.search(name)
    if found is not None:
        return f"may not hold {'white space' if found[0].isspace() else repr(found[0])}"
    return wrong_text(name)


def wrong_label(name: str) -> str | None:
    """Say why a name cannot be that of an extension or a param, or None."""
    if not name:
        return "is empty"
    if len(name) > _LONGEST_NAME:
        return f"is longer than {_LONGEST_NAME} characters"
    if not name.isprintable():
        return "holds a character that cannot be seen"
    return wrong_text(name)
