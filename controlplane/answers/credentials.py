"""With what a user shows who he is: told as it is kept, or as a hash in its place."""

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.answers.params import Opened, clear, hashed, last, merged
from controlplane.answers.routes import Login
from controlplane.desired.values import A1Hash, Domain, Group, Param, Params, Text, User

_PASSWORD, _A1_HASH = "password", "a1-hash"
_REFUSE_EMPTY = "allow-empty-password"


@dataclass(frozen=True, slots=True)
class Credential:
    """`extra`: params that the user gets. `hides`: no password is told, whoever gives it.

    `by_login`: another login would be told another hash.
    """

    extra: Params = ()
    hides: bool = False
    by_login: bool = False

    @property
    def hashed(self) -> bool:
        """Whether an a1-hash stands in a password's place."""
        return any(param.name == _A1_HASH for param in self.extra)


def credential(
    domain: Domain, groups: Mapping[str, Group], user: User, opened: Opened, login: Login
) -> Credential:
    """Say how the user authenticates with this login.

    Without password and a1-hash the switch lets anyone in, unless told not to (sofia_reg.c:3327).
    """
    given = [groups[name].params for name in user.groups if name in groups]
    params = merged(user.params, [*((some, True) for some in given), (domain.params, True)])
    password = _text(params, _PASSWORD, opened)
    hashes = domain.hash_passwords if user.hash_passwords is None else user.hash_passwords
    if password and hashes:
        return Credential((Param(_A1_HASH, hashed(*login, password)),), hides=True, by_login=True)
    if password or _text(params, _A1_HASH, opened):
        return Credential()
    kept = _kept(user, login)
    by_login = len(user.a1_hashes) > 1
    if kept is None:
        return Credential((Param(_REFUSE_EMPTY, "false"),), hides=True, by_login=by_login)
    return Credential((Param(_A1_HASH, kept),), hides=True, by_login=by_login)


def without_password(params: Params) -> Params:
    """The params without password, a1-hash, and what says how to do without them."""
    return tuple(param for param in params if param.name.lower() not in (_PASSWORD, _A1_HASH, _REFUSE_EMPTY))


def _text(params: Params, name: str, opened: Opened) -> str:
    param = last(params, name)
    return "" if param is None else clear(param.value, opened)


def _kept(user: User, login: Login) -> Text | None:
    """The hash for that login; a single one serves any, for it fits its own alone."""
    if len(user.a1_hashes) == 1:
        return user.a1_hashes[0].hash

    def fits(one: A1Hash) -> bool:
        return Login(one.username or user.name, one.realm) == login

    return next((one.hash for one in user.a1_hashes if fits(one)), None)
