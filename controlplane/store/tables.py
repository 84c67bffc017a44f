"""Every table in one place: importing this completes the metadata."""

from sqlalchemy import Table

from controlplane.store.acls import AclRow
from controlplane.store.audit import AuditRow
from controlplane.store.chatplans import ChatplanRow
from controlplane.store.contexts import ContextRow
from controlplane.store.documents import DocumentRow
from controlplane.store.domains import DomainRow
from controlplane.store.extensions import ExtensionRow
from controlplane.store.findings import FindingRow
from controlplane.store.gateways import GatewayRow
from controlplane.store.groups import GroupRow
from controlplane.store.languages import LanguageRow
from controlplane.store.node_states import NodeStateRow
from controlplane.store.nodes import NodeRow
from controlplane.store.paused_jobs import PausedJobRow
from controlplane.store.profiles import ProfileRow
from controlplane.store.pushes import PushRow
from controlplane.store.repairs import RepairRow
from controlplane.store.revisions import ChangeRow, RevisionRow
from controlplane.store.rollouts import RolloutRow, TurnRow
from controlplane.store.runs import RunRow
from controlplane.store.secrets import CounterRow, SecretRow
from controlplane.store.suspensions import SuspensionRow
from controlplane.store.tokens import TokenRow
from controlplane.store.types import Row
from controlplane.store.users import MembershipRow, UserGatewayRow, UserRow
from controlplane.store.variables import VariableRow

__all__ = [
    "METADATA",
    "AclRow",
    "AuditRow",
    "ChangeRow",
    "ChatplanRow",
    "ContextRow",
    "CounterRow",
    "DocumentRow",
    "DomainRow",
    "ExtensionRow",
    "FindingRow",
    "GatewayRow",
    "GroupRow",
    "LanguageRow",
    "MembershipRow",
    "NodeRow",
    "NodeStateRow",
    "PausedJobRow",
    "ProfileRow",
    "PushRow",
    "RepairRow",
    "RevisionRow",
    "RolloutRow",
    "RunRow",
    "SecretRow",
    "SuspensionRow",
    "TokenRow",
    "TurnRow",
    "UserGatewayRow",
    "UserRow",
    "VariableRow",
    "table",
]

METADATA = Row.metadata


def table(row: type[Row]) -> Table:
    """Give the table of a row class, for statements that need no objects."""
    return METADATA.tables[str(row.__tablename__)]
