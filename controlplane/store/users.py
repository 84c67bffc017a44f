"""Directory users, and what is looked up about them by something else than their name."""

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from controlplane.store.types import AUTOINCREMENT, Row, Versioned, Whole, json_list


class UserRow(Versioned, table=True):
    """A user of a domain; one read of this row and one of its secrets answer a lookup."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("domain_id", "name"),
        Index(
            "ix_users_domain_id_number_alias",
            "domain_id",
            "number_alias",
            sqlite_where=text("number_alias IS NOT NULL"),
            postgresql_where=text("number_alias IS NOT NULL"),
        ),
        Index(
            "ix_users_domain_id_cidr",
            "domain_id",
            sqlite_where=text("cidr IS NOT NULL"),
            postgresql_where=text("cidr IS NOT NULL"),
        ),
        AUTOINCREMENT,
    )

    domain_id: int = Field(foreign_key="domains.id", sa_type=Whole)
    name: str
    number_alias: str | None = None
    cidr: str | None = None
    groups: list[str] = json_list()
    params: list[Any] = json_list()
    variables: list[Any] = json_list()
    profile_variables: list[Any] = json_list()
    gateways: list[Any] = json_list()
    elements: list[str] = json_list()
    a1_hashes: list[Any] = json_list()
    cacheable: int | None = None
    hash_passwords: bool | None = None


class MembershipRow(Row, table=True):
    """That a user is in a group of his domain, and the how manieth of his groups it is."""

    __tablename__ = "memberships"
    __table_args__ = (Index("ix_memberships_domain_id_group_name", "domain_id", "group_name"),)

    user_id: int = Field(primary_key=True, foreign_key="users.id", sa_type=Whole, ondelete="CASCADE")
    group_name: str = Field(primary_key=True)
    position: int
    domain_id: int = Field(sa_type=Whole)


class UserGatewayRow(Row, table=True):
    """That a user declares a gateway of this name; the gateway itself stands in his row."""

    __tablename__ = "user_gateways"
    __table_args__ = (
        Index("ix_user_gateways_domain_id_user_id", "domain_id", "user_id"),
        Index("ix_user_gateways_name", "name"),
    )

    user_id: int = Field(primary_key=True, foreign_key="users.id", sa_type=Whole, ondelete="CASCADE")
    name: str = Field(primary_key=True)
    domain_id: int = Field(sa_type=Whole)
