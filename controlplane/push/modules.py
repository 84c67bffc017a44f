"""Which modules a node should have loaded: those that modules.conf names, else those that read its documents.

Read from the modules of FreeSWITCH 1.11.2: which of them opens which document. What the core reads
itself, such as acl.conf or switch.conf, needs none.
"""

from collections.abc import Mapping

from lxml import etree

from controlplane.desired.catalog import NodeView
from controlplane.push.documents import NAMED, WAYS, put_in

_SOFIA = "mod_sofia"
_LISTS = ("modules.conf", "post_load_modules.conf")

_ALIKE = (
    "alsa amqp amr amrwb cdr_csv cdr_pg_csv cdr_sqlite codec2 conference console db"
    " dialplan_directory directory enum erlang_event event_multicast event_socket fail2ban fifo"
    " format_cdr graylog2 h323 hash hiredis httapi http_cache java json_cdr local_stream logfile lua"
    " mongo nibblebill odbc_cdr opal opus osp perl pocketsphinx redis rtmp shout signalwire skinny"
    " smpp sndfile syslog v8 verto voicemail voicemail_ivr xml_cdr xml_curl xml_ldap xml_rpc xml_scgi"
)
"""`X.conf` is read by `mod_X`."""


def reader_of(document: str) -> str | None:
    """The module that reads a document; None: the core does, or nobody that is known."""
    name = document.lower()
    stem, known = name.removesuffix(".conf"), WAYS.get(name)
    if known is not None:
        return known.module
    return f"mod_{stem}" if stem in _ALIKE.split() else NAMED.get(name)


def loaded_by(view: NodeView) -> Mapping[str, str] | None:
    """The modules that the node's modules.conf names, each with that document's name; None: it has none."""
    rows = {name: row.value for name, row in view.documents.items() if name.lower() in _LISTS}
    if not rows:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    return {
        str(load.get("module")): name
        for name, document in rows.items()
        for load in etree.fromstring(put_in(document, view.variables), parser).iterfind("modules/load")
        if load.get("module")
    }


def needed_by(view: NodeView) -> Mapping[str, str]:
    """The modules without which something of the node's is not read, each with what that is."""
    found = {_SOFIA: "sofia.conf"} if view.profiles else {}
    for name in sorted(view.documents):
        module = reader_of(name)
        if module is not None:
            found.setdefault(module, name)
    return found
