"""The rows behind answers: read through the store, sealed values opened, or masked."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from controlplane.answers.dialect import Escape, literal
from controlplane.answers.errors import Unanswerable
from controlplane.answers.fingerprint import fingerprint
from controlplane.answers.params import Masked, Opened
from controlplane.desired import reader as rows
from controlplane.desired.reach import Reach
from controlplane.desired.values import Extension, Gateway, SecretRef, Stored, User, UserGateway
from controlplane.store.errors import StoreError
from controlplane.store.vault import Vault

T = TypeVar("T")

MASK = Masked("********")


class StoreReader:
    """Reads within one session, so that rows and secrets are of one moment."""

    def __init__(self, session: Session, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    def user(self, domain: int, name: str, by: str) -> Stored[User] | None:
        """The user of that id, else of that number-alias (the other way round by `number-alias`), or cidr."""
        if by == "cidr":
            return rows.user_with_cidr(self._session, domain, name)
        return rows.user(self._session, domain, name, alias_first=by == "number-alias")

    def users(self, domain: int, group: str | None) -> Collection[Stored[User]]:
        """The users of a group, by name; of the whole domain without."""
        return rows.users_of(self._session, domain, group)

    def everybody(self, domain: int) -> Collection[Stored[User]]:
        """Every user of a domain, by name."""
        return rows.users_of(self._session, domain)

    def users_with_cidr(self, domain: int) -> Collection[Stored[User]]:
        """The users that have a cidr."""
        return rows.users_with_cidr(self._session, domain)

    def users_with_gateways(self, domains: Collection[int]) -> Collection[Stored[User]]:
        """The users that hold gateways."""
        return rows.users_with_gateways(self._session, domains)

    def extensions(self, context: int) -> Collection[Stored[Extension]]:
        """Every extension of the context."""
        return rows.extensions(self._session, context)

    def extensions_of_ids(self, extensions: Sequence[int]) -> Collection[Stored[Extension]]:
        """Those of these extensions that exist."""
        return rows.extensions_of_ids(self._session, extensions)

    def reaches(self, context: int) -> Collection[tuple[int, str, Reach]]:
        """Id, name and reach of every extension of the context, in order."""
        return rows.reaches(self._session, context)

    def opened(self, secrets: Collection[SecretRef]) -> Opened:
        """The texts of sealed values; no query when there are none."""
        return rows.secrets(self._session, self._vault, secrets) if secrets else {}

    def mark(self, gateway: Gateway | UserGateway, opened: Opened, text: Escape = literal) -> str:
        """The gateway's fingerprint, its values as `text` writes them."""
        return fingerprint(gateway, opened, self._vault.fingerprint_key(), text)

    def marking(self, text: Escape) -> "StoreReader":
        """The same, but profiles' gateways get the fingerprints of what `text` makes of their values."""
        return _Marking(self._session, self._vault, text)


class _Marking(StoreReader):
    def __init__(self, session: Session, vault: Vault, text: Escape) -> None:
        super().__init__(session, vault)
        self._text = text

    def mark(self, gateway: Gateway | UserGateway, opened: Opened, text: Escape = literal) -> str:
        return super().mark(gateway, opened, self._text if isinstance(gateway, Gateway) else text)


class MaskedReader(StoreReader):
    """The same, but opens nothing: for eyes."""

    def opened(self, secrets: Collection[SecretRef]) -> Opened:
        """A mask in place of every sealed value."""
        return dict.fromkeys(secrets, MASK)

    def mark(self, gateway: Gateway | UserGateway, opened: Opened, text: Escape = literal) -> str:
        """A mask: the true one cannot be told without the secrets."""
        return MASK


class Readable(Protocol):
    """A store that runs reads in worker threads."""

    async def read(self, work: Callable[[Session], T]) -> T:
        """`work`'s result; raises StoreError."""


class Source:
    """Runs what needs rows in a worker thread of the store."""

    def __init__(self, store: Readable, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def run(self, work: Callable[[StoreReader], T], *, masked: bool = False) -> T:
        """`work`'s result; raises Unanswerable when the database does not answer."""
        kind = MaskedReader if masked else StoreReader
        try:
            return await self._store.read(lambda session: work(kind(session, self._vault)))
        except (StoreError, SQLAlchemyError) as error:
            raise Unanswerable("the database does not answer") from error
