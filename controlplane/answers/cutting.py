"""Documents cut down to what a request will read of them.

Each rule holds only because the module reads nothing else from that very answer (read in FreeSWITCH
1.11.2); who asks in another way is told everything. A name that the document does not hold leaves
its list empty, in which the module finds nothing, as it would in the whole.
"""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from lxml import etree

from controlplane.answers.question import Question
from controlplane.desired.variables import refers


class Cut(NamedTuple):
    """To what a document is cut: `kind` is one of `_CUTS`."""

    kind: str
    name: str = ""


def cut_for(document: str, question: Question) -> Cut | None:
    """Say how a document is cut for this request; None: not at all. `document`: in lower case."""
    if document == "ivr.conf" and question.menu:
        return Cut("menu", question.menu)
    if document == "callcenter.conf" and question.queue:
        return Cut("queue", question.queue)
    if document == "conference.conf":
        if question.controls:
            return Cut("controls", question.controls)
        if question.conference_profile:
            return Cut("profile", question.conference_profile)
        if question.presence:
            return Cut("advertise")
    return None


def cut_down(root: etree._Element, cut: Cut) -> bool:
    """Take out all that will not be read; gives whether what was asked for is there.

    Where variables make up names, which is which cannot be told: then all stays.
    """
    return not _made_up(root) and _CUTS[cut.kind](root, cut.name)


def _made_up(root: etree._Element) -> bool:
    names = (element.get("name", "") for element in root.iter())
    return any(map(refers, chain(names, *map(_submenus, root.iterfind("menus/menu")))))


def _menu(root: etree._Element, name: str) -> bool:
    """The menu, and all that it leads to (mod_dptools.c, ivr_application_function; switch_ivr_menu.c)."""
    _only(root, "menus")
    menus: dict[str, etree._Element] = {}
    for menu in root.iterfind("menus/menu"):
        menus.setdefault(menu.get("name", "").lower(), menu)
    wanted: set[str] = set()
    following = [name.lower()]
    while following:
        found = following.pop()
        if found in menus and found not in wanted:
            wanted.add(found)
            following += _submenus(menus[found])
    return _keep_in(root, "menus", "menu", wanted)


def _submenus(menu: etree._Element) -> Iterator[str]:
    return (
        entry.get("param", "").lower()
        for entry in menu.iterfind("entry")
        if entry.get("action", "").lower() == "menu-sub"
    )


def _queue(root: etree._Element, name: str) -> bool:
    """The queue; agents and tiers are loaded whole with it (mod_callcenter.c, load_queue)."""
    _only(root, "queues", "agents", "tiers")
    return _keep_in(root, "queues", "queue", {name.lower()})


def _profile(root: etree._Element, name: str) -> bool:
    """The profile that a conference is made with (mod_conference.c, conference_function)."""
    _only(root, "profiles")
    return _keep_in(root, "profiles", "profile", {name.lower()})


def _controls(root: etree._Element, name: str) -> bool:
    """One group of controls (conference_member.c, conference_member_bind_controls)."""
    _only(root, "caller-controls")
    return _keep_in(root, "caller-controls", "group", {name.lower()})


def _advertise(root: etree._Element, _: str) -> bool:
    """The advertised rooms (mod_conference.c, send_presence)."""
    _only(root, "advertise")
    return True


_CUTS = {
    "menu": _menu,
    "queue": _queue,
    "profile": _profile,
    "controls": _controls,
    "advertise": _advertise,
}


def _only(root: etree._Element, *tags: str) -> None:
    for child in list(root):
        if child.tag not in tags:
            root.remove(child)


def _keep_in(root: etree._Element, container: str, tag: str, names: set[str]) -> bool:
    """Of the elements of that tag keep those named, in lower case (switch_xml_find_child has no case)."""
    kept = False
    for holder in root.iterfind(container):
        for child in list(holder):
            if child.tag == tag and child.get("name", "").lower() not in names:
                holder.remove(child)
            elif child.tag == tag:
                kept = True
    return kept
