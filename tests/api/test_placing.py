"""Moving a gateway over HTTP: a revision with its reason, and an act that is written down."""

from sqlalchemy import select

from controlplane.store import tables
from tests.api.living import Operator

NODE = {"host": "127.0.0.1", "event_socket_password": "p", "groups": ["eu"]}


def test_a_gateway_of_one_node_is_moved_to_another(operator: Operator) -> None:
    for name in ("fs1", "fs2"):
        operator.done("PUT", f"/nodes/{name}", NODE)
    operator.done("PUT", "/profiles/external", {})
    operator.done(
        "PUT", "/gateways/gw", {"profile": "external", "placed_on": "fs1", "params": {"proxy": "p"}}
    )
    operator.done("PUT", "/gateways/both", {"profile": "external", "params": {"proxy": "p"}})
    told = operator.done("POST", "/gateways/gw/move?reason=back%20home", {"to": "fs2"})
    assert (told["placed_on"], told["params"]) == ("fs2", [{"name": "proxy", "value": "p"}])
    revision = operator.done("GET", f"/revisions/{told['revision']}")
    assert (revision["actor"], revision["reason"]) == ("tester", "back home")
    table = tables.table(tables.AuditRow)
    with operator.daemon.store.reading() as session:
        acts = session.execute(select(table.c.target, table.c.detail).where(table.c.action == "gateway.move"))
        assert [tuple(act) for act in acts] == [
            ("gateway/gw", {"reason": "back home", "from": "fs1", "to": "fs2"})
        ]
    assert operator.done("POST", "/gateways/gw/move", {"to": "fs2"})["changed"] is False
    assert operator("POST", "/gateways/gw/move", {"to": "fs3"}).status_code == 422
    assert operator("POST", "/gateways/none/move", {"to": "fs2"}).status_code == 404
    refused = operator("POST", "/gateways/both/move", {"to": "fs2"})
    assert refused.status_code == 422
    assert refused.json()["detail"] == "name: gateway both is not placed on one node"
