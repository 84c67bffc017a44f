"""Suspending over HTTP: which nodes, why, by whom; and that it is written down."""

from sqlalchemy import select

from controlplane.store import tables
from tests.api.living import Operator

NODE = {"host": "127.0.0.1", "event_socket_password": "p"}


def test_nodes_and_groups_are_suspended_with_a_reason_and_resumed(operator: Operator) -> None:
    for name, groups in (("fs1", ["eu"]), ("fs2", [])):
        operator.done("PUT", f"/nodes/{name}", {**NODE, "groups": groups})
    refused = operator("POST", "/suspend", {"nodes": ["fs1"]})
    assert refused.status_code == 400
    assert "say why" in refused.json()["detail"]
    assert operator("POST", "/suspend?reason=x", {"groups": ["us"]}).status_code == 422
    told = operator.done("POST", "/suspend?reason=a%20freeze", {"groups": ["eu"], "nodes": ["fs2"]})
    assert [(each["scope"], each["by"], each["reason"], each["nodes"]) for each in told["items"]] == [
        ("groups:eu", "tester", "a freeze", ["fs1"]),
        ("node:fs2", "tester", "a freeze", ["fs2"]),
    ]
    assert operator.done("GET", "/nodes/fs1/status")["suspended"]["reason"] == "a freeze"
    lifted = operator.done("POST", "/resume", {"groups": ["eu"], "nodes": ["fs1"]})
    assert lifted["lifted"] == ["groups:eu"]
    assert [each["scope"] for each in operator.done("GET", "/suspensions")["items"]] == ["node:fs2"]
    assert operator.done("GET", "/nodes/fs1/status")["suspended"] is None
    table = tables.table(tables.AuditRow)
    with operator.daemon.store.reading() as session:
        acts = session.execute(select(table.c.action, table.c.detail)).all()
    assert [tuple(act) for act in acts if act.action in ("suspend", "resume")] == [
        ("suspend", {"reason": "a freeze", "scopes": ["node:fs2", "groups:eu"]}),
        ("resume", {"scopes": ["node:fs1", "groups:eu"]}),
    ]
