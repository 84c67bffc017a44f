"""Which names a gateway may have: every command that names one must mean it alone."""

import pytest

from controlplane.desired.errors import Invalid
from controlplane.desired.values import Noun
from esl.commands import KillGateway
from esl.errors import CommandRejected
from tests.desired.house import House, put


@pytest.mark.parametrize("name", ["all", "ALL", "_all_", "_All_"])
def test_a_name_that_means_every_gateway_is_refused(house: House, name: str) -> None:
    with pytest.raises(CommandRejected):
        KillGateway("external", name)
    house.commit(put(Noun.PROFILE, "external"), put(Noun.DOMAIN, "acme.example"))
    with pytest.raises(Invalid, match="means every gateway"):
        house.commit(put(Noun.GATEWAY, name, profile="external", params={"proxy": "192.0.2.1"}))
    gateways = [{"name": name, "params": {"proxy": "192.0.2.1"}}]
    with pytest.raises(Invalid, match="means every gateway"):
        house.commit(put(Noun.USER, "1000", parent="acme.example", gateways=gateways))
