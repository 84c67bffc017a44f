"""Who is registered with a real switch is told as it is, and dropped when that is asked for."""

import contextlib
from typing import Any

from tests.real_switch.conftest import Fleet
from tests.real_switch.node import DOMAIN
from tests.real_switch.sip import Phone
from tests.real_switch.state import user


def registered(fleet: Fleet, who: str) -> list[dict[str, Any]]:
    """What the only node tells; with one node the answer is one line."""
    found: list[dict[str, Any]] = fleet.send("GET", f"/registrations?user={who}@{DOMAIN}")["registrations"]
    return found


def test_a_phone_is_told_of_and_dropped(one: Fleet) -> None:
    for name in ("2100", "2101"):
        one.send("PUT", f"/domains/{DOMAIN}/users/{name}", user("right"))
    node = one.nodes["fs1"]
    with contextlib.ExitStack() as phones:
        for name in ("2100", "2101"):
            phone = phones.enter_context(contextlib.closing(Phone(node.internal, name, DOMAIN, "right")))
            assert phone.register() == 200
        [told] = registered(one, "2100")
        assert (told["user"], told["domain"], told["profile"]) == ("2100", DOMAIN, "internal")
        assert (told["ip"], told["auth_user"]) == ("127.0.0.1", "2100")
        drop = {"user": f"2100@{DOMAIN}", "all": True}
        dropped = {"node": "fs1", "ok": True, "dropped": 1, "left": 0}
        assert one.send("POST", "/registrations/drop", drop) == dropped
        assert registered(one, "2100") == []
        assert len(registered(one, "2101")) == 1
