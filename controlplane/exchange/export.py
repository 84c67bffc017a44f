"""What a node is served as files that FreeSWITCH starts from without us."""

from dataclasses import replace

from controlplane.answers.expansion import Expansion
from controlplane.answers.params import clear
from controlplane.answers.reading import StoreReader
from controlplane.answers.routes import Routes
from controlplane.desired.values import SecretRef
from controlplane.desired.variables import acl_with
from controlplane.exchange.served import SECTIONS
from controlplane.exchange.variables import alike

_VARIABLES = "vars.xml"

_FOLDERS = {
    "configuration": "autoload_configs",
    "dialplan": "dialplan",
    "chatplan": "chatplan",
    "directory": "directory",
    "languages": "lang",
}


def files(routes: Routes, reader: StoreReader) -> dict[str, str]:
    """Give each file's text by its path, freeswitch.xml first; they hold passwords.

    Read back with `read_folder` they come to the rows that they were made of. `$${name}` stands as it was
    written, and vars.xml says what it is, but for a value that FreeSWITCH would read otherwise from there.
    """
    view = routes.view
    opened = reader.opened(
        {row.value.value for row in view.variables.values() if isinstance(row.value.value, SecretRef)}
    )
    values = {name: clear(row.value.value, opened) for name, row in view.variables.items()}
    said = {name: value for name, value in sorted(values.items()) if alike(name, value)}
    put_in = {name: row for name, row in view.variables.items() if name not in said}
    acls = {name: replace(row, value=acl_with(row.value, put_in)) for name, row in view.written_acls.items()}
    written = Routes(routes.node, replace(view, acls=acls, variables=put_in))
    reader = reader.marking(Expansion(view.variables, opened))
    found: dict[str, str] = {"freeswitch.xml": _root([_VARIABLES] if said else [])}
    if said:
        sets = [f'<X-PRE-PROCESS cmd="set" data="{name}={value}"/>' for name, value in said.items()]
        found[_VARIABLES] = "\n".join(("<include>", *sets, "</include>", ""))
    for section, folder in _FOLDERS.items():
        for name, lines in SECTIONS[section](written, reader):
            # A pattern such as *.xml passes over names that begin with a dot (glob(3)).
            file = f"_{name}" if name.startswith(".") else name
            found[f"{folder}/{file}.xml"] = f"<include>\n{lines}\n</include>\n"
    return found


def _root(first: list[str]) -> str:
    lines = ['<document type="freeswitch/xml">']
    lines += [f'<X-PRE-PROCESS cmd="include" data="{file}"/>' for file in first]
    for section, folder in _FOLDERS.items():
        directive = f'<X-PRE-PROCESS cmd="include" data="{folder}/*.xml"/>'
        lines += [f'<section name="{section}">', directive, "</section>"]
    return "\n".join((*lines, "</document>", ""))
