"""What a node is served as files that FreeSWITCH starts from without us."""

from controlplane.answers.reading import StoreReader
from controlplane.answers.routes import Routes
from controlplane.exchange.served import SECTIONS

_FOLDERS = {
    "configuration": "autoload_configs",
    "dialplan": "dialplan",
    "chatplan": "chatplan",
    "directory": "directory",
    "languages": "lang",
}


def files(routes: Routes, reader: StoreReader) -> dict[str, str]:
    """Give each file's text by its path, freeswitch.xml first; they hold passwords.

    Read back with `read_folder` they come to the rows that they were made of.
    """
    found: dict[str, str] = {"freeswitch.xml": _root()}
    for section, folder in _FOLDERS.items():
        for name, lines in SECTIONS[section](routes, reader):
            # A pattern such as *.xml passes over names that begin with a dot (glob(3)).
            file = f"_{name}" if name.startswith(".") else name
            found[f"{folder}/{file}.xml"] = f"<include>\n{lines}\n</include>\n"
    return found


def _root() -> str:
    lines = ['<document type="freeswitch/xml">']
    for section, folder in _FOLDERS.items():
        directive = f'<X-PRE-PROCESS cmd="include" data="{folder}/*.xml"/>'
        lines += [f'<section name="{section}">', directive, "</section>"]
    return "\n".join((*lines, "</document>", ""))
