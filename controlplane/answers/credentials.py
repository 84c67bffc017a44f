"""With what a user shows who he is: told as it is kept, or as a hash in its place."""

from collections.abc import Mapping
from dataclasses import dataclass

from controlplane.answers.params import Opened, clear, hashed, last, merged
from controlplane.answers.routes import Login
from controlplane.desired.values import A1Hash, Domain, Group, Param, Params, Text, User

_PASSWORD, _A1_HASH = "password", "a1-hash"
_REFUSE_EMPTY = "allow-empty-password"
_BY_HTTP = "http-allowed-api"
_NAMES = frozenset({_PASSWORD, _A1_HASH, _REFUSE_EMPTY, _BY_HTTP})

REFUSED = Param(_REFUSE_EMPTY, "false")
"""Without password and a1-hash the switch lets anyone in, unless told so (sofia_reg.c:3327)."""


@dataclass(frozen=True, slots=True)
class Credential:
    """`told`: all that lets the user in or keeps others out; `extra`: what of it nobody's params give him.

    `by_login`: another login would be told another hash.
    """

    told: Params
    extra: Params = ()
    by_login: bool = False

    @property
    def hashed(self) -> bool:
        """Whether an a1-hash stands in a password's place."""
        return any(param.name == _A1_HASH for param in self.extra)


def credential(
    domain: Domain, groups: Mapping[str, Group], user: User, opened: Opened, login: Login
) -> Credential:
    """Say how the user authenticates with this login: with his own, else with the password he is given.

    A hash that his domain or a group gives is nobody's but the one's whom it covers: the switch takes it
    before any password (sofia_reg.c:3338), and asks not whose it is. Nor does it take an empty one for none.
    """
    given = [groups[name].params for name in user.groups if name in groups]
    params = merged(user.params, [*((some, True) for some in given), (domain.params, True)])
    password, own_hash = _filled(params, _PASSWORD, opened), _filled(user.params, _A1_HASH, opened)
    if last(user.params, _PASSWORD) is None and (own_hash is not None or user.a1_hashes):
        password = None
    hashes = domain.hash_passwords if user.hash_passwords is None else user.hash_passwords
    if password is not None and hashes:
        text = hashed(*login, clear(password.value, opened))
        return _extra(Param(_A1_HASH, text), by_login=True)
    if password is not None or own_hash is not None:
        # By HTTP anybody is let in as who has no password (mod_xml_rpc.c, http_directory_auth).
        beside = [last(params, name) for name in (_REFUSE_EMPTY, _BY_HTTP) if password is not None]
        return Credential(tuple(one for one in (password, own_hash, *beside) if one is not None))
    kept = _kept(user, login)
    by_login = len(user.a1_hashes) > 1
    return _extra(REFUSED if kept is None else Param(_A1_HASH, kept), by_login=by_login)


def with_credential(params: Params, secret: Credential) -> Params:
    """The params with what `secret` tells, each in its place, and nothing else that lets anybody in."""
    kept = tuple(one for one in params if one.name.lower() not in _NAMES or one in secret.told)
    return (*kept, *(one for one in secret.told if one not in kept))


def without_password(params: Params) -> Params:
    """The params without all that lets anybody in: what a domain or group gives is told with each user."""
    return tuple(param for param in params if param.name.lower() not in _NAMES)


def overridden(params: Params, secret: Credential) -> Params:
    """What must follow these params where nothing can be left out of them, as in files: the last counts.

    Beside a password that is told nothing else lets anybody in.
    """
    told = {param.name.lower() for param in secret.told}
    names = () if _PASSWORD in told else (_PASSWORD, _REFUSE_EMPTY, _BY_HTTP)
    return tuple(Param(name, "") for name in names if name not in told and last(params, name) is not None)


def _extra(param: Param, *, by_login: bool) -> Credential:
    return Credential((param,), (param,), by_login)


def _filled(params: Params, name: str, opened: Opened) -> Param | None:
    param = last(params, name)
    return param if param is not None and clear(param.value, opened) else None


def _kept(user: User, login: Login) -> Text | None:
    """The hash for that login; a single one serves any, for it fits its own alone."""
    if len(user.a1_hashes) == 1:
        return user.a1_hashes[0].hash

    def fits(one: A1Hash) -> bool:
        return Login(one.username or user.name, one.realm) == login

    return next((one.hash for one in user.a1_hashes if fits(one)), None)
