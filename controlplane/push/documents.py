"""How a changed configuration document reaches a running node.

Read from the modules of FreeSWITCH 1.11.2: which call fetches the document, and whether anything
makes the module fetch it again without dropping calls or losing records. What does so only while no
call stands there is held till then, and what is not known to be safe at all waits for the node's restart.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape

from lxml import etree

from controlplane.desired.values import Document
from controlplane.desired.variables import Variables, replaced
from controlplane.observed.values import WantedDocument


class How(StrEnum):
    """What brings a document to a running node."""

    NOTHING = "fetched for each use"
    RESCAN = "rescan of a profile"
    RELOAD_XML = "reloadxml"
    RELOAD_MODULE = "reload of its module"
    RELOAD_DROPPING = "reload of its module, once no call stands there"
    RELOAD_QUEUES = "reload of each queue"
    RESTART = "restart of the node"


@dataclass(frozen=True, slots=True)
class Way:
    """`module`: without it on the node nobody reads the document; None: the core does."""

    how: How
    module: str | None = None


_CALLCENTER = "callcenter.conf"

WAYS: Mapping[str, Way] = {
    # open_cfg stands in the function that answers each call
    "ivr.conf": Way(How.NOTHING, "mod_dptools"),
    "conference.conf": Way(How.NOTHING, "mod_conference"),
    "conference_layouts.conf": Way(How.NOTHING, "mod_conference"),
    # global_settings: read by every rescan (sofia.c, config_sofia)
    "sofia.conf": Way(How.RESCAN, "mod_sofia"),
    # modules that listen to RELOADXML and read their document again
    "timezones.conf": Way(How.RELOAD_XML),
    "loopback.conf": Way(How.RELOAD_XML, "mod_loopback"),
    "avmd.conf": Way(How.RELOAD_XML, "mod_avmd"),
    "cidlookup.conf": Way(How.RELOAD_XML, "mod_cidlookup"),
    "curl.conf": Way(How.RELOAD_XML, "mod_curl"),
    "memcache.conf": Way(How.RELOAD_XML, "mod_memcache"),
    "spandsp.conf": Way(How.RELOAD_XML, "mod_spandsp"),
    "translate.conf": Way(How.RELOAD_XML, "mod_translate"),
    "tts_commandline.conf": Way(How.RELOAD_XML, "mod_tts_commandline"),
    # only short look-ups run in these: none is cut off
    "distributor.conf": Way(How.RELOAD_MODULE, "mod_distributor"),
    "easyroute.conf": Way(How.RELOAD_MODULE, "mod_easyroute"),
    "lcr.conf": Way(How.RELOAD_MODULE, "mod_lcr"),
    "mod_blacklist.conf": Way(How.RELOAD_MODULE, "mod_blacklist"),
    "prefix.conf": Way(How.RELOAD_MODULE, "mod_prefix"),
    # their applications, codecs and records are in the hands of calls
    "cdr_csv.conf": Way(How.RELOAD_DROPPING, "mod_cdr_csv"),
    "format_cdr.conf": Way(How.RELOAD_DROPPING, "mod_format_cdr"),
    "httapi.conf": Way(How.RELOAD_DROPPING, "mod_httapi"),
    "http_cache.conf": Way(How.RELOAD_DROPPING, "mod_http_cache"),
    "json_cdr.conf": Way(How.RELOAD_DROPPING, "mod_json_cdr"),
    "local_stream.conf": Way(How.RELOAD_DROPPING, "mod_local_stream"),
    "nibblebill.conf": Way(How.RELOAD_DROPPING, "mod_nibblebill"),
    "opus.conf": Way(How.RELOAD_DROPPING, "mod_opus"),
    "shout.conf": Way(How.RELOAD_DROPPING, "mod_shout"),
    "sndfile.conf": Way(How.RELOAD_DROPPING, "mod_sndfile"),
    "voicemail.conf": Way(How.RELOAD_DROPPING, "mod_voicemail"),
    "xml_cdr.conf": Way(How.RELOAD_DROPPING, "mod_xml_cdr"),
    # queues alone; for agents, tiers and settings the module is reloaded, once no call stands there
    _CALLCENTER: Way(How.RELOAD_QUEUES, "mod_callcenter"),
}
"""Every document that has a way; all others wait for a restart."""

_CORE = frozenset(
    {
        # read by the core while it starts (switch_core.c, switch_loadable_module.c, switch_msrp.c, ...)
        "acl.conf",
        "modules.conf",
        "msrp.conf",
        "post_load_modules.conf",
        "post_load_switch.conf",
        "pre_load_modules.conf",
        "speex.conf",
        "switch.conf",
        "vpx.conf",
    }
)
NAMED: Mapping[str, str] = {
    "avcodec.conf": "mod_av",
    "avformat.conf": "mod_av",
    "extensions.conf": "mod_dialplan_asterisk",
    "fax.conf": "mod_spandsp",
    "python.conf": "mod_python3",
}
"""Documents whose module has another name."""
_BY_NAME = re.compile(r"(?:mod_)?([\w\-]+)\.conf", re.ASCII)

REST = "/rest"
"""Of callcenter.conf, what is no queue is known apart, under its name with this behind it."""


def way(name: str) -> Way:
    """How a document of that name reaches a running node."""
    name = name.lower()
    return WAYS.get(name) or Way(How.RESTART, _reader(name))


def _reader(name: str) -> str | None:
    """The module that reads a document: by custom mod_foo reads foo.conf; None: the core does."""
    if name in _CORE:
        return None
    named = _BY_NAME.fullmatch(name)
    return NAMED.get(name) or (f"mod_{named[1]}" if named is not None else None)


def wanted(document: Document) -> WantedDocument:
    """The document's digests, and its queues when it is callcenter.conf."""
    digest = _digest(document.xml)
    if document.name.lower() != _CALLCENTER:
        return WantedDocument(document.name, digest)
    root = _parse(document.xml)
    queues = tuple(
        dict.fromkeys(
            name for each in root.iterfind("queues/queue") if (name := str(each.get("name", "")).strip())
        )
    )
    for each in root.findall("queues"):
        root.remove(each)
    rest = _digest(etree.tostring(root, method="c14n").decode())
    return WantedDocument(document.name, digest, queues=queues, rest=rest)


def digests(document: WantedDocument) -> dict[str, str]:
    """What is kept of a document that is in force, by name."""
    found = {document.name: document.digest}
    if way(document.name).how is How.RELOAD_QUEUES:
        found[f"{document.name}{REST}"] = document.rest
    return found


def put_in(document: Document, variables: Variables) -> str:
    """The document's XML with a node's variables in it; of sealed ones the references."""
    return replaced(document.xml, variables, lambda text: escape(text, {'"': "&quot;"}))


def guards(document: Document, variables: Variables) -> tuple[str, ...]:
    """The ACL lists that an event_socket.conf names; without any, FreeSWITCH takes loopback.auto."""
    named = [
        str(param.get("value"))
        for param in _parse(put_in(document, variables)).iterfind("settings/param")
        if str(param.get("name", "")).lower() == "apply-inbound-acl" and param.get("value")
    ]
    return tuple(named) or ("loopback.auto",)


def _parse(xml: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    return etree.fromstring(xml, parser)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
