"""FreeSWITCH's own samples as rows: what becomes of them, and the ways back."""

import asyncio
from collections.abc import Awaitable, Callable
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
from tests.answers.living import AUTHOR, Ground, Living, living
from tests.answers.switch_model import Element
from tests.exchange import disk_model
from tests.exchange.alike import alike, users_of
from tests.exchange.folders import CORE, GIVEN, sample

_OF_THE_SWITCH = {"sound_prefix", "video_mute_png", "video_no_avatar_png"}

NODE = Node("fs1", "fs1", "192.0.2.10", 8021, (), NodeMode.OBSERVING, "esl", ("lookup",))


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
        assert [note.place.file for note in found.notes] == ["vars.xml"]
        revision = await at.daemon.write(puts(found))
        assert revision is None, [str(change.key) for change in revision.changes]

    with_sample(ground, name, talk)


@pytest.mark.parametrize("name", ["vanilla", "minimal"])
def test_a_switch_reads_of_the_exported_files_what_it_read_of_the_sample(
    ground: Ground, tmp_path: Path, name: str
) -> None:
    async def talk(at: Served) -> None:
        texts, _ = await at.daemon.answers.whole(NODE.name, files)
        for path, text in texts.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        variables = dict(CORE) | GIVEN
        tree = disk_model.read(tmp_path, variables, {})
        # But for those that hold what the switch finds out: they are put in where they stood.
        same = {name for name, value in at.variables.items() if value == variables.get(name)}
        assert {name for name in at.variables if name not in same} <= _OF_THE_SWITCH
        for section_on_disk in at.disk.all("section"):
            part = section_on_disk.attributes["name"]
            read = {one.attributes["name"]: one for one in disk_model.section(tree, part)}
            for one in section_on_disk.children:
                if one.name == "X-NO-PRE-PROCESS":
                    continue
                if part != "directory":
                    assert alike(read[one.attributes["name"]]) == alike(one), one.attributes
                    continue
                found = {user.attributes["id"] for _, user in users_of(read[one.attributes["name"]])}
                assert found == {user.attributes["id"] for _, user in users_of(one)}

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
    assert dict(became["vars.xml"]) == {"variable": 72}
    assert any(note.place.file == "vars.xml" and "global variables" in note.reason for note in found.notes)
    assert dict(became["lang/en/en.xml"]) == {"language": 1}
    assert sum(sum(count.values()) for count in became.values()) == len(found.rows)
    assert dict(became["directory/default/skinny-example.xml"]) == {"user": 1}
    assert not found.lost
