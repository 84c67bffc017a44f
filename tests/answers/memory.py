"""Rows in memory, for tests that need no database."""

from collections.abc import Collection, Iterable, Sequence

from controlplane.answers.dialect import Escape, literal
from controlplane.answers.fingerprint import fingerprint
from controlplane.answers.params import Opened
from controlplane.answers.question import Question
from controlplane.answers.render import LONGEST_CACHE_MS, Rendered, render, render_user
from controlplane.answers.routes import DomainKey, ProbeKey, Routes, UserKey, login_of
from controlplane.desired.catalog import Catalog, catalog_of
from controlplane.desired.reach import Reach, reach
from controlplane.desired.values import (
    Domain,
    Extension,
    Gateway,
    Key,
    Noun,
    SecretRef,
    Stored,
    User,
    UserGateway,
    Value,
)

FINGERPRINT_KEY = b"k" * 32


class Rows:
    """A whole desired state, and a reader of it. Every row is version 1 of revision 1."""

    def __init__(self, values: Iterable[Value], secrets: dict[SecretRef, str] | None = None) -> None:
        self.stored = [Stored(number, 1, 1, value) for number, value in enumerate(values, 1)]
        self.catalog: Catalog = catalog_of(1, self.stored)
        self.secrets = secrets or {}
        self.queries = 0

    def routes(self, node: str) -> Routes:
        return Routes(node, self.catalog.view(node))

    def made(self, node: str, question: Question, *, may_cache: bool = False) -> Rendered | None:
        """What the node is told; None for "not found"."""
        routes = self.routes(node)
        key = routes.key(question, lambda _: may_cache)
        if key is None:
            return None
        assert not isinstance(key, ProbeKey)
        if isinstance(key, UserKey):
            return render_user(routes, key, login_of(question)[0], LONGEST_CACHE_MS, self) or render(
                routes, DomainKey(key.domain), self
            )
        return render(routes, key, self)

    def _users(self, domain: int) -> list[Stored[User]]:
        self.queries += 1
        (of,) = (row.value for row in self.stored if row.id == domain)
        assert isinstance(of, Domain)
        return [
            Stored(row.id, 1, 1, row.value)
            for row in self.stored
            if isinstance(row.value, User) and (row.value.domain, row.value.scope) == (of.name, of.scope)
        ]

    def user(self, domain: int, name: str, by: str) -> Stored[User] | None:
        if by == "cidr":
            return next((row for row in self._users(domain) if row.value.cidr == name), None)
        found = [row for row in self._users(domain) if name in (row.value.name, row.value.number_alias)]
        return min(found, key=lambda row: (row.value.name == name) == (by == "number-alias"), default=None)

    def users(self, domain: int, group: str | None) -> Collection[Stored[User]]:
        return [row for row in self._users(domain) if group is None or group in row.value.groups]

    def users_with_cidr(self, domain: int) -> Collection[Stored[User]]:
        return [row for row in self._users(domain) if row.value.cidr is not None]

    def users_with_gateways(self, domains: Collection[int]) -> Collection[Stored[User]]:
        return [row for domain in domains for row in self._users(domain) if row.value.gateways]

    def extensions(self, context: int) -> Collection[Stored[Extension]]:
        self.queries += 1
        (of,) = (row.value.key for row in self.stored if row.id == context)
        return [
            Stored(row.id, 1, 1, row.value)
            for row in self.stored
            if isinstance(row.value, Extension) and Key(Noun.CONTEXT, row.value.context, scope=of.scope) == of
        ]

    def extensions_of_ids(self, extensions: Sequence[int]) -> Collection[Stored[Extension]]:
        self.queries += 1
        return [
            Stored(row.id, 1, 1, row.value)
            for row in self.stored
            if isinstance(row.value, Extension) and row.id in extensions
        ]

    def reaches(self, context: int) -> Collection[tuple[int, str, Reach]]:
        return [
            (row.id, row.value.name, reach(row.value.xml, row.value.numbers))
            for row in self.extensions(context)
        ]

    def opened(self, secrets: Collection[SecretRef]) -> Opened:
        self.queries += bool(secrets)
        return {ref: self.secrets[ref] for ref in secrets}

    def mark(self, gateway: Gateway | UserGateway, opened: Opened, text: Escape = literal) -> str:
        return fingerprint(gateway, opened, FINGERPRINT_KEY, text)
