"""FreeSWITCH's own samples, imported and served: what a node reads of us is what it would read from disk."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from controlplane.answers.question import Question
from controlplane.desired.plans import chatplan_form, extension_form
from controlplane.desired.revisions import ChangeSet, Put
from controlplane.desired.values import GLOBAL, Key, Node, NodeMode, Noun
from controlplane.exchange import Imported, read_folder
from controlplane.exchange.export import files
from controlplane.exchange.served import SECTIONS, section
from tests.answers import asking, switch_model
from tests.answers.equivalence import masked
from tests.answers.living import AUTHOR, Ground, Living, living
from tests.answers.switch_model import Element
from tests.exchange import disk_model
from tests.exchange.folders import GIVEN, sample

NODE = Node("fs1", "fs1", "192.0.2.10", 8021, (), NodeMode.OBSERVING, "esl", ("lookup",))
CORE = {"local_ip_v4": "192.0.2.10", "sounds_dir": "/sounds", "images_dir": "/images", "conf_dir": "/conf"}
"""What the switch knows by itself, of what the samples use."""

DOMAIN = GIVEN["domain"]


def puts(found: Imported) -> list[Put]:
    return [Put(Key(Noun(row.noun), row.name, row.parent, GLOBAL), row.spec) for row in found.rows]


class Served:
    """A sample as it is on disk, and imported."""

    def __init__(self, root: Path, daemon: Living) -> None:
        self.variables = dict(CORE)
        self.disk = disk_model.read(root, self.variables, GIVEN)
        self.daemon = daemon

    async def told(self, question: Question) -> Element:
        body = (await self.daemon.ask(question, NODE.name)).body
        (first,) = switch_model.read(body, self.variables).child("section").children
        return first


def with_sample(ground: Ground, name: str, talk: Callable[[Served], Awaitable[None]]) -> None:
    root = sample(name)

    async def run() -> None:
        daemon = await living(ground, NODE)
        await daemon.write(puts(read_folder(root, GIVEN)))
        await talk(Served(root, daemon))

    asyncio.run(run())


def alike(element: Element) -> Element:
    """Without what makes no difference to the switch: see `equivalence`, and defaults that we write."""
    element = masked(element)
    _normal(element)
    return element


def _normal(element: Element) -> None:
    element.children = [child for child in element.children if child.name != "X-NO-PRE-PROCESS"]
    if element.name == "domain":
        for name in ("alias", "parse"):
            if element.attributes.get(name) == "false":
                del element.attributes[name]
    if element.name in ("profile", "user"):
        element.children.sort(key=lambda child: child.name)
    for child in element.children:
        _normal(child)


@pytest.mark.parametrize("name", ["vanilla", "minimal"])
def test_every_document_equals_the_one_on_disk(ground: Ground, name: str) -> None:
    async def talk(at: Served) -> None:
        documents = disk_model.section(at.disk, "configuration")
        assert len(documents) > 10
        for document in documents:
            told = await at.told(asking.configuration(document.attributes["name"]))
            assert alike(told) == alike(document), document.attributes["name"]

    with_sample(ground, name, talk)


@pytest.mark.parametrize("name", ["vanilla", "minimal"])
def test_every_context_equals_the_one_on_disk(ground: Ground, name: str) -> None:
    async def talk(at: Served) -> None:
        contexts = disk_model.section(at.disk, "dialplan")
        assert len(contexts) > 1
        for context in contexts:
            told = await at.told(asking.context(context.attributes["name"]))
            assert alike(told) == alike(context), context.attributes["name"]

    with_sample(ground, name, talk)


def test_every_language_and_chatplan_equals_the_one_on_disk(ground: Ground) -> None:
    async def talk(at: Served) -> None:
        languages = [one for one in disk_model.section(at.disk, "languages") if one.name == "language"]
        assert len(languages) == 7
        for language in languages:
            told = await at.told(Question("fs1", "languages", lang=language.attributes["name"]))
            assert alike(told) == alike(language), language.attributes["name"]
        (chatplan,) = disk_model.section(at.disk, "chatplan")
        told = await at.told(Question("fs1", "chatplan", context=chatplan.attributes["name"]))
        assert alike(told) == alike(chatplan)

    with_sample(ground, "vanilla", talk)


def by_kind(element: Element) -> Element:
    """FreeSWITCH reads a condition's actions, anti-actions, ... each kind by itself (mod_dialplan_xml.c).

    What is given in structured form bears its row's name, which is one of its own where several share one.
    """
    if element.name == "condition":
        element.children.sort(key=lambda child: child.name)
    if element.name == "extension":
        element.attributes["name"] = element.attributes["name"].partition("#")[0]
    for child in element.children:
        by_kind(child)
    return element


def test_all_that_is_hunted_has_a_structured_form_that_says_the_same(ground: Ground) -> None:
    async def talk(at: Served) -> None:
        found = puts(read_folder(sample("vanilla"), GIVEN))
        spoken = [put for put in found if put.key.noun in (Noun.EXTENSION, Noun.CHATPLAN)]
        assert len(spoken) == 95
        again = []
        for put in spoken:
            xml = put.spec["xml"]
            said = extension_form(xml) if put.key.noun is Noun.EXTENSION else chatplan_form(xml)
            given = {name: value for name, value in said.items() if value is not None}
            rest = {name: value for name, value in put.spec.items() if name != "xml"}
            again.append(replace(put, spec=given | rest))
        await at.daemon.write(again)
        for context in disk_model.section(at.disk, "dialplan"):
            told = await at.told(asking.context(context.attributes["name"]))
            assert by_kind(alike(told)) == by_kind(alike(context)), context.attributes["name"]
        for context in disk_model.section(at.disk, "chatplan"):
            told = await at.told(Question("fs1", "chatplan", context=context.attributes["name"]))
            assert by_kind(alike(told)) == by_kind(alike(context))

    with_sample(ground, "vanilla", talk)


def users_of(domain: Element) -> Iterator[tuple[str, Element]]:
    for group in domain.child("groups").children:
        for user in group.child("users").children:
            yield group.attributes["name"], user


def test_every_user_equals_the_one_on_disk(ground: Ground) -> None:
    async def talk(at: Served) -> None:
        (disk,) = disk_model.section(at.disk, "directory")
        found = [(group, user) for group, user in users_of(disk) if user.attributes.get("type") != "pointer"]
        assert len(found) == 24
        for group, user in found:
            name = user.attributes["id"]
            told = await at.told(asking.user(name, DOMAIN))
            ((told_group, one),) = [
                each for each in users_of(told) if each[1].attributes.get("type") != "pointer"
            ]
            # Gateways are asked for apart; an empty vcard says nothing.
            user.children = [child for child in user.children if child.name not in ("gateways", "vcard")]
            assert alike(one) == alike(user), name
            assert told_group == group
            for part in ("params", "variables"):
                assert alike(told.child(part)) == alike(disk.child(part))

    with_sample(ground, "vanilla", talk)


def test_every_group_holds_whom_it_holds_on_disk(ground: Ground) -> None:
    async def talk(at: Served) -> None:
        (disk,) = disk_model.section(at.disk, "directory")
        for group in disk.child("groups").children:
            name = group.attributes["name"]
            told = await at.told(asking.domain(DOMAIN, group=name))
            there = {user.attributes["id"] for of, user in users_of(disk) if of == name}
            assert {user.attributes["id"] for _, user in users_of(told)} == there

    with_sample(ground, "vanilla", talk)


def test_users_gateways_and_networks_equal_those_on_disk(ground: Ground) -> None:
    async def talk(at: Served) -> None:
        (disk,) = disk_model.section(at.disk, "directory")
        told = await at.told(asking.domain(DOMAIN, purpose="gateways"))
        for _, user in users_of(told):
            (same,) = [one for _, one in users_of(disk) if one.attributes["id"] == user.attributes["id"]]
            assert alike(user.child("gateways")) == alike(same.child("gateways"))
        assert [user.attributes["id"] for _, user in users_of(told)] == ["example.com"]
        told = await at.told(asking.domain(DOMAIN, purpose="network-list"))
        assert [user.attributes for _, user in users_of(told)] == [{"id": "brian", "cidr": "192.0.2.0/24"}]

    with_sample(ground, "vanilla", talk)


@pytest.mark.parametrize("name", ["vanilla", "minimal"])
def test_importing_twice_changes_nothing(ground: Ground, name: str) -> None:
    async def talk(at: Served) -> None:
        again = puts(read_folder(sample(name), GIVEN))
        assert await at.daemon.desired.preview(ChangeSet(tuple(again)), AUTHOR) is None
        assert await at.daemon.write(again) is None

    with_sample(ground, name, talk)


@pytest.mark.parametrize("name", ["vanilla", "minimal"])
def test_exporting_and_importing_changes_nothing(ground: Ground, tmp_path: Path, name: str) -> None:
    async def talk(at: Served) -> None:
        texts, _ = await at.daemon.answers.whole(NODE.name, files)
        for path, text in texts.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        found = read_folder(tmp_path)
        assert not found.notes
        revision = await at.daemon.write(puts(found))
        assert revision is None, [str(change.key) for change in revision.changes]

    with_sample(ground, name, talk)


def test_a_section_fetched_whole_is_what_stands_on_disk(ground: Ground) -> None:
    async def talk(at: Served) -> None:
        for name in SECTIONS:
            body, _ = await at.daemon.answers.whole(NODE.name, partial(section, name))
            whole = switch_model.read(body, at.variables)
            assert whole.attributes == {"name": name}
            disk = disk_model.section(at.disk, name)
            assert {child.attributes["name"] for child in whole.children} == {
                child.attributes["name"] for child in disk if child.name != "X-NO-PRE-PROCESS"
            }

    with_sample(ground, "vanilla", talk)


def test_the_report_names_every_file_and_what_became_of_it() -> None:
    found = read_folder(sample("vanilla"), GIVEN)
    became = found.by_file()
    assert dict(became["directory/default/1000.xml"]) == {"user": 1}
    assert dict(became["directory/default.xml"]) == {"domain": 1, "group": 4}
    assert dict(became["sip_profiles/internal.xml"]) == {"profile": 1}
    assert not became["vars.xml"]
    assert any(note.place.file == "vars.xml" and "global variables" in note.reason for note in found.notes)
    assert dict(became["lang/en/en.xml"]) == {"language": 1}
    assert sum(sum(count.values()) for count in became.values()) == len(found.rows)
    assert dict(became["directory/default/skinny-example.xml"]) == {"user": 1}
    assert not found.lost
