"""FreeSWITCH's own samples: imported over the API, asked back over HTTP with libcurl, as mod_xml_curl asks.

What a node reads of us, with `$${name}` put in, is what it would read from disk with `$${name}` put in.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.answers import switch_model
from tests.answers.switch_model import Element
from tests.api.asking import curl
from tests.cli.program import Control, serving
from tests.exchange import disk_model
from tests.exchange.alike import alike, users_of
from tests.exchange.folders import CORE, GIVEN, sample
from tests.postgres import PostgresServer

DOMAIN = GIVEN["domain"]
ADD = ("node", "add", "fs1", "--host", "127.0.0.1", "--port", "1")
SETS = [word for name, value in GIVEN.items() for word in ("--set", f"{name}={value}")]


@dataclass(frozen=True)
class Served:
    """A sample as it is on disk, and a daemon that has imported it."""

    control: Control
    folder: Path
    disk: Element
    variables: dict[str, str]
    login: str

    def imported(self) -> Any:
        """What the API says to the folder."""
        return self.control.json("import", str(self.folder), *SETS)

    def section(self, name: str) -> list[Element]:
        """What stands in a section on disk."""
        return disk_model.section(self.disk, name)

    def told(self, section: str, tag: str = "", value: str = "", **more: str) -> Element:
        """What stands in the section that a lookup is answered with."""
        front = f"hostname=fs1&section={section}&tag_name={tag}&key_name={'name' if tag else ''}"
        form = f"{front}&key_value={value}&Event-Name=REQUEST_PARAMS&{urlencode(more)}"
        said = curl(f"{self.control.lookups}/xml_curl", login=self.login, form=form.encode())
        assert said.status == 200
        answer = switch_model.read(said.body, self.variables).child("section")
        assert answer.attributes == {"name": section}
        (found,) = answer.children
        return found

    def asked_for(self, user: str) -> Element:
        """The domain in the answer about a user."""
        asking = {"action": "sip_auth", "key": "id", "user": user, "domain": DOMAIN}
        return self.told("directory", "domain", DOMAIN, **asking)


@contextlib.contextmanager
def served(folder: Path, name: str, **sections: str) -> Iterator[Served]:
    root = sample(name)
    variables = dict(CORE)
    disk = disk_model.read(root, variables, GIVEN)
    with serving(folder, **sections) as control:
        control.done(*ADD, CONTROLPLANE_NODE_PASSWORD="esl")
        password = control.json("node", "config", "fs1")["lookup_password"]
        at = Served(control, root, disk, variables, f"fs1:{password}")
        at.imported()
        yield at


LARGE = [
    pytest.param(("vanilla", "sqlite"), id="vanilla-sqlite"),
    pytest.param(("vanilla", "postgresql"), id="vanilla-postgresql", marks=pytest.mark.postgresql),
]
EVERY = [*LARGE, pytest.param(("minimal", "sqlite"), id="minimal")]

every = pytest.mark.parametrize("at", EVERY, indirect=True)
large = pytest.mark.parametrize("at", LARGE, indirect=True)


@pytest.fixture(scope="module")
def at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A sample, served over a database."""
    name, database = request.param
    with contextlib.ExitStack() as stack:
        sections = {}
        if database == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            sections["database"] = f'url = "{stack.enter_context(server.database())}"'
        yield stack.enter_context(served(tmp_path_factory.mktemp(name), name, **sections))


@every
def test_every_document_is_the_one_on_disk(at: Served) -> None:
    documents = at.section("configuration")
    assert len(documents) > 10
    for document in documents:
        name = document.attributes["name"]
        assert alike(at.told("configuration", "configuration", name)) == alike(document), name


@every
def test_every_context_is_the_one_on_disk(at: Served) -> None:
    contexts = at.section("dialplan")
    assert len(contexts) > 1
    for context in contexts:
        name = context.attributes["name"]
        assert alike(at.told("dialplan", **{"Hunt-Context": name})) == alike(context), name


@large
def test_every_language_is_the_one_on_disk(at: Served) -> None:
    languages = [one for one in at.section("languages") if one.name == "language"]
    assert len(languages) == 7
    for language in languages:
        name = language.attributes["name"]
        assert alike(at.told("languages", lang=name)) == alike(language), name


@large
def test_every_chatplan_is_the_one_on_disk(at: Served) -> None:
    (chatplan,) = at.section("chatplan")
    told = at.told("chatplan", context=chatplan.attributes["name"])
    assert alike(told) == alike(chatplan)


@large
def test_every_user_is_the_one_on_disk(at: Served) -> None:
    (disk,) = at.section("directory")
    found = [(group, user) for group, user in users_of(disk) if user.attributes.get("type") != "pointer"]
    assert len(found) == 24
    assert any(user.all("skinny") for _, user in found)
    for group, user in found:
        name = user.attributes["id"]
        told = at.asked_for(name)
        whole = [each for each in users_of(told) if each[1].attributes.get("type") != "pointer"]
        ((told_group, one),) = whole
        # Gateways are asked for apart; an empty vcard says nothing.
        kept = [child for child in user.children if child.name not in ("gateways", "vcard")]
        wanted = Element(user.name, user.attributes, kept, user.text)
        assert alike(one) == alike(wanted), name
        assert told_group == group
        for part in ("params", "variables"):
            assert alike(told.child(part)) == alike(disk.child(part))


@large
def test_every_group_holds_whom_it_holds_on_disk(at: Served) -> None:
    (disk,) = at.section("directory")
    for group in disk.child("groups").children:
        name = group.attributes["name"]
        told = at.told("directory", "domain", DOMAIN, action="group_call", group=name, domain=DOMAIN)
        there = {user.attributes["id"] for of, user in users_of(disk) if of == name}
        assert {user.attributes["id"] for _, user in users_of(told)} == there


@large
def test_users_gateways_and_networks_are_those_on_disk(at: Served) -> None:
    (disk,) = at.section("directory")
    told = at.told("directory", "domain", DOMAIN, purpose="gateways", profile="internal")
    for _, user in users_of(told):
        (same,) = [one for _, one in users_of(disk) if one.attributes["id"] == user.attributes["id"]]
        assert alike(user.child("gateways")) == alike(same.child("gateways"))
    assert [user.attributes["id"] for _, user in users_of(told)] == ["example.com"]
    told = at.told("directory", "domain", DOMAIN, purpose="network-list", domain=DOMAIN)
    assert [user.attributes for _, user in users_of(told)] == [{"id": "brian", "cidr": "192.0.2.0/24"}]


@every
def test_importing_again_makes_no_revision(at: Served) -> None:
    before = at.control.json("revisions")
    again = at.imported()
    assert (again["changed"], again["changes"]) == (False, [])
    assert at.control.json("revisions") == before
