"""A node's state as files: what a switch reads of them, and what becomes of them when they are read back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from controlplane.desired.revisions import Put
from controlplane.desired.values import GLOBAL, Key, Node, NodeMode, Noun
from controlplane.exchange import read_folder
from controlplane.exchange.export import files
from tests.answers import asking, switch_model
from tests.answers.living import Ground, Living, living
from tests.answers.switch_model import Element
from tests.exchange import disk_model
from tests.exchange.alike import alike, users_of

NODE = Node("fs1", "fs1", "192.0.2.10", 8021, (), NodeMode.OBSERVING, "esl", ("lookup",))
CORE = {"local_ip_v4": "192.0.2.10"}


def put(noun: Noun, name: str, parent: str = "", **spec: Any) -> Put:
    return Put(Key(noun, name, parent, GLOBAL), spec)


def exported(ground: Ground, root: Path, *rows: Put, talk: Callable[[Living], Awaitable[None]]) -> None:
    """Write the rows, then the files of the node, and talk."""

    async def run() -> None:
        daemon = await living(ground, NODE)
        await daemon.write(rows)
        texts, _ = await daemon.answers.whole(NODE.name, files)
        for path, text in texts.items():
            (root / path).parent.mkdir(exist_ok=True)
            (root / path).write_text(text)
        await talk(daemon)

    asyncio.run(run())


async def same(daemon: Living, root: Path) -> None:
    """Read back, the files change nothing."""
    rows = [
        Put(Key(Noun(row.noun), row.name, row.parent, GLOBAL), row.spec) for row in read_folder(root).rows
    ]
    revision = await daemon.write(rows)
    assert revision is None, list(revision.changes)


def on_disk(root: Path, section: str) -> Element:
    (found,) = disk_model.section(disk_model.read(root, dict(CORE), {}), section)
    return found


async def told(daemon: Living, question: Any) -> Element:
    body = (await daemon.ask(question, NODE.name)).body
    (found,) = switch_model.read(body, dict(CORE)).child("section").children
    return found


VARIABLES = [
    put(Noun.VARIABLE, "carrier_password", value="marker-carrier"),
    put(Noun.VARIABLE, "proxy", value="sip.test"),
    put(Noun.VARIABLE, "quotient", value="%(1>2?'3')"),
]
GATEWAY: dict[str, Any] = {
    "profile": "external",
    "params": {"proxy": "$${proxy}", "password": "$${carrier_password}", "realm": "$${local_ip_v4}"},
}


def test_variables_stay_variables(ground: Ground, tmp_path: Path) -> None:
    async def talk(daemon: Living) -> None:
        sofia = (tmp_path / "autoload_configs" / "sofia.conf.xml").read_text()
        assert "marker-carrier" not in sofia
        assert 'value="$${proxy}"' in sofia
        assert 'data="proxy=sip.test"' in (tmp_path / "vars.xml").read_text()
        ours, theirs = (
            await told(daemon, asking.configuration("sofia.conf")),
            on_disk(tmp_path, "configuration"),
        )
        # With the very fingerprint: a switch that started from its files is not taken for one that is behind.
        assert alike(theirs) == alike(ours)
        assert "controlplane_fingerprint" in str(ours)
        await same(daemon, tmp_path)

    exported(
        ground,
        tmp_path,
        *VARIABLES,
        put(Noun.PROFILE, "external", params={"a": "$${quotient}"}),
        put(Noun.GATEWAY, "carrier", **GATEWAY),
        talk=talk,
    )


def test_a_value_that_a_directive_cannot_say_is_put_in(ground: Ground, tmp_path: Path) -> None:
    async def talk(daemon: Living) -> None:
        assert not (tmp_path / "vars.xml").exists()
        for part, question in (
            ("configuration", asking.configuration("x.conf")),
            ("dialplan", asking.context("c")),
        ):
            assert alike(on_disk(tmp_path, part)) == alike(await told(daemon, question))

    exported(
        ground,
        tmp_path,
        put(Noun.VARIABLE, "odd", value='a "b" & <c> $${proxy} '),
        put(Noun.DOCUMENT, "x.conf", xml='<configuration name="x.conf"><a b="$${odd}"/></configuration>'),
        put(Noun.CONTEXT, "c"),
        put(
            Noun.EXTENSION,
            "e",
            "c",
            position=10,
            xml='<extension name="e"><condition field="$${odd}"/></extension>',
        ),
        talk=talk,
    )


def test_lists_hold_what_they_were_written_with(ground: Ground, tmp_path: Path) -> None:
    async def talk(daemon: Living) -> None:
        text = (tmp_path / "autoload_configs" / "acl.conf.xml").read_text()
        assert 'cidr="$${net}"' in text
        ours = await told(daemon, asking.configuration("acl.conf"))
        assert alike(on_disk(tmp_path, "configuration")) == alike(ours)

    exported(
        ground,
        tmp_path,
        put(Noun.VARIABLE, "net", value="192.0.2.0/24"),
        put(Noun.ACL, "l", default="deny", entries=[{"type": "allow", "cidr": "$${net}"}]),
        talk=talk,
    )


def test_a_directory_with_everything(ground: Ground, tmp_path: Path) -> None:
    """What FreeSWITCH merges from disk comes to what it is told, and reading it back changes nothing."""
    hashes = [
        {"realm": "b.example", "hash": "1" * 32, "username": "alias"},
        {"realm": "a.example", "hash": "0" * 32},
        {"realm": "c.example", "hash": "2" * 32},
    ]
    held = {"profile_variables": {"p": "user"}, "variables": {"typed": "a $${proxy} b"}}

    async def talk(daemon: Living) -> None:
        for name in ("1000", "1001", "1002"):
            (ours,) = [
                user
                for _, user in users_of(await told(daemon, asking.user(name, "a.example")))
                if whole(user)
            ]
            (theirs,) = [
                user
                for _, user in users_of(on_disk(tmp_path, "directory"))
                if whole(user) and user.attributes["id"] == name
            ]
            assert alike(as_read(theirs)) == alike(ours)
        await same(daemon, tmp_path)

    exported(
        ground,
        tmp_path,
        *VARIABLES,
        put(Noun.DOMAIN, "a.example", profile_variables={"p": "domain", "d": "1"}),
        put(Noun.GROUP, "first", "a.example", profile_variables={"p": "first", "g": "1"}),
        put(Noun.GROUP, "further", "a.example", profile_variables={"p": "further", "h": "1"}),
        put(Noun.USER, "1000", "a.example", groups=["first", "further"], a1_hashes=hashes, **held),
        put(
            Noun.USER,
            "1001",
            "a.example",
            groups=["first"],
            a1_hashes=hashes[:1],
            params={"vm-password": "1"},
        ),
        put(Noun.USER, "1002", "a.example", groups=["first"], params={"password": "p$${proxy}"}),
        put(Noun.USER, "1003", "a.example"),
        put(Noun.USER, "1004", "a.example", params={"password": "p"}, a1_hashes=hashes[1:2]),
        talk=talk,
    )


def as_read(user: Element) -> Element:
    """Without our own marks."""
    user.children = [child for child in user.children if child.name != "a1-hashes"]
    for held in user.children:
        for one in held.children:
            one.attributes.pop("given-by", None)
    return user


def whole(user: Element) -> bool:
    return user.attributes.get("type") != "pointer"
