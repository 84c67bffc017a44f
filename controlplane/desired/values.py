"""What FreeSWITCH should be, as frozen values: one dataclass for each noun.

These cross every room; table rows never leave `store`. A value says nothing of when it
was written: that is `Stored`'s part.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar


class Noun(StrEnum):
    """Every kind of thing that a revision can change."""

    NODE = "node"
    DOMAIN = "domain"
    GROUP = "group"
    USER = "user"
    PROFILE = "profile"
    GATEWAY = "gateway"
    ACL = "acl"
    CONTEXT = "context"
    EXTENSION = "extension"
    DOCUMENT = "document"
    LANGUAGE = "language"
    CHATPLAN = "chatplan"
    VARIABLE = "variable"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """For whom a row stands: every node, the nodes of some groups, or one node.

    Written `global`, `groups:eu,us` (sorted, unique) or `node:fs1`. Of several rows with
    one name the most specific wins on a node: node, then groups (in the order in which
    the node names its groups), then global.
    """

    groups: tuple[str, ...] = ()
    node: str | None = None

    def __str__(self) -> str:
        if self.node is not None:
            return f"node:{self.node}"
        return f"groups:{','.join(self.groups)}" if self.groups else "global"

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read the written form; raises ValueError with the reason."""
        kind, _, names = text.partition(":")
        if text == "global":
            return GLOBAL
        if kind == "node" and names:
            return cls(node=names)
        groups = tuple(sorted({name for name in names.split(",") if name}))
        if kind == "groups" and groups:
            return cls(groups=groups)
        raise ValueError(f"{text!r} is no scope: write global, groups:NAME[,NAME...] or node:NAME")


GLOBAL = Scope()


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which row: its noun, its name, for whom it stands, and under what.

    `parent` is the domain's name for groups and users, the context's for extensions, else
    empty; their scope is that of the domain's or context's row. Nodes are always global.
    """

    noun: Noun
    name: str
    parent: str = ""
    scope: Scope = GLOBAL

    def __str__(self) -> str:
        path = f"{self.parent}/{self.name}" if self.parent else self.name
        return f"{self.noun}/{path}" + ("" if self.scope == GLOBAL else f"@{self.scope}")


@dataclass(frozen=True, slots=True, order=True)
class SecretRef:
    """One version of one sealed secret; written `ID@VERSION`."""

    id: int
    version: int

    def __str__(self) -> str:
        return f"{self.id}@{self.version}"


Text: TypeAlias = str | SecretRef
"""A value in clear, or the reference to a sealed one."""


@dataclass(frozen=True, slots=True)
class Param:
    """A `<param>` or `<variable>`; order and repetition are kept, as FreeSWITCH reads them.

    `direction` (`inbound`, `outbound`) stands only on gateway variables.
    """

    name: str
    value: Text
    direction: str | None = None


Params: TypeAlias = tuple[Param, ...]


class NodeMode(StrEnum):
    """How far we go with a node."""

    OBSERVING = "observing"
    """Answered and compared, sent nothing."""
    MANAGED = "managed"
    """Adopted: changes are pushed, drift is repaired or reported as set."""


class Scheme(StrEnum):
    """How a node may show its lookup password."""

    BASIC = "basic"
    DIGEST_SHA256 = "digest-sha-256"
    DIGEST_MD5 = "digest-md5"


RESPONSE_MAX_BYTES = 1 << 20
"""How large an answer mod_xml_curl takes when its `response-max-bytes` says nothing else."""


@dataclass(frozen=True, slots=True)
class Node:
    """A FreeSWITCH node. `groups` is in the order of precedence.

    `lookup_passwords` holds one or two (for rotation), newest first; the user name of the
    lookup credential is the node's name. A lookup must meet all that is set: its password by one
    of `lookup_schemes`, a source in one of `lookup_networks` (CIDRs; empty: any), and a client
    certificate of the subject `lookup_certificate` (RFC 4514; None: needs none). Without schemes
    the certificate alone is enough. `response_max_bytes`: what the node's mod_xml_curl is set to.
    `change_windows`: when changes go out to it (see `windows`); empty: as for all nodes.
    `event_socket_user` (`user@domain`): of the directory, as whom we log in there (`userauth`); None: by
    the password of its event_socket.conf.
    """

    name: str
    switchname: str
    host: str
    port: int
    groups: tuple[str, ...]
    mode: NodeMode
    event_socket_password: Text
    lookup_passwords: tuple[Text, ...]
    lookup_schemes: tuple[Scheme, ...] = tuple(Scheme)
    lookup_networks: tuple[str, ...] = ()
    lookup_certificate: str | None = None
    response_max_bytes: int = RESPONSE_MAX_BYTES
    change_windows: tuple[str, ...] = ()
    event_socket_user: str | None = None

    @property
    def key(self) -> Key:
        return Key(Noun.NODE, self.name)


@dataclass(frozen=True, slots=True)
class Domain:
    """A directory domain. `cacheable`: how long (ms) a node may cache its users; None, 0: never.

    `hash_passwords`: its users' passwords are told as a1-hashes alone.
    """

    name: str
    scope: Scope
    params: Params = ()
    variables: Params = ()
    profile_variables: Params = ()
    cacheable: int | None = None
    hash_passwords: bool = False

    @property
    def key(self) -> Key:
        return Key(Noun.DOMAIN, self.name, scope=self.scope)


@dataclass(frozen=True, slots=True)
class Group:
    """A directory group of a domain; its params and variables are merged into its users."""

    name: str
    domain: str
    scope: Scope
    params: Params = ()
    variables: Params = ()
    profile_variables: Params = ()

    @property
    def key(self) -> Key:
        return Key(Noun.GROUP, self.name, self.domain, self.scope)


@dataclass(frozen=True, slots=True)
class UserGateway:
    """A gateway declared by a user in the directory (profiles with `parse="true"` make it)."""

    name: str
    params: Params
    variables: Params = ()


@dataclass(frozen=True, slots=True)
class A1Hash:
    """MD5(username:realm:password) as 32 hex digits, kept so that the password need not be (RFC 7616, 3.4.2).

    `username` None: the user's own name.
    """

    realm: str
    hash: Text
    username: str | None = None


@dataclass(frozen=True, slots=True)
class User:
    """A directory user. The first of `groups` is the one he is answered in.

    `elements`: what else modules read in him, such as `<skinny>`: checked elements, in their order.
    `a1_hashes` stand for the password of a user who has none. `cacheable` (ms) and `hash_passwords`
    override the domain's; `cacheable` 0: never.
    """

    name: str
    domain: str
    scope: Scope
    number_alias: str | None = None
    cidr: str | None = None
    groups: tuple[str, ...] = ()
    params: Params = ()
    variables: Params = ()
    profile_variables: Params = ()
    gateways: tuple[UserGateway, ...] = ()
    elements: tuple[str, ...] = ()
    a1_hashes: tuple[A1Hash, ...] = ()
    cacheable: int | None = None
    hash_passwords: bool | None = None

    @property
    def key(self) -> Key:
        return Key(Noun.USER, self.name, self.domain, self.scope)


@dataclass(frozen=True, slots=True)
class ProfileDomain:
    """A `<domain>` of a SIP profile."""

    name: str
    alias: bool = False
    parse: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """A SIP profile: its settings, aliases and domains. Its gateways are rows of their own."""

    name: str
    scope: Scope
    params: Params = ()
    aliases: tuple[str, ...] = ()
    domains: tuple[ProfileDomain, ...] = ()

    @property
    def key(self) -> Key:
        return Key(Noun.PROFILE, self.name, scope=self.scope)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A SIP gateway of a profile. `placed_on`: the one node it stands on; None: all of its scope."""

    name: str
    scope: Scope
    profile: str
    placed_on: str | None = None
    params: Params = ()
    variables: Params = ()

    @property
    def key(self) -> Key:
        return Key(Noun.GATEWAY, self.name, scope=self.scope)


@dataclass(frozen=True, slots=True)
class AclEntry:
    """A `<node>` of an ACL list: `allow` or `deny` by exactly one of `cidr` and `domain`."""

    allow: bool
    cidr: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class Acl:
    """An ACL list of acl.conf."""

    name: str
    scope: Scope
    default_allow: bool
    entries: tuple[AclEntry, ...] = ()

    @property
    def key(self) -> Key:
        return Key(Noun.ACL, self.name, scope=self.scope)


@dataclass(frozen=True, slots=True)
class Context:
    """A dialplan context; an owned one is always answered, be it empty."""

    name: str
    scope: Scope

    @property
    def key(self) -> Key:
        return Key(Noun.CONTEXT, self.name, scope=self.scope)


@dataclass(frozen=True, slots=True)
class Extension:
    """A dialplan extension: `xml` is one checked `<extension>` element; ordered by (position, name).

    `numbers` declares what it can match: exact numbers, and prefixes written `^PREFIX`; none: what its
    conditions tell (`reach`).
    """

    name: str
    context: str
    scope: Scope
    position: int
    xml: str
    numbers: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return Key(Noun.EXTENSION, self.name, self.context, self.scope)


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration document such as `conference.conf`: `xml` is one checked `<configuration>` element.

    Values of attributes that hold passwords are sealed: in `xml` their place is taken by
    `sealed:ID@VERSION`, and `secrets` lists them.
    """

    name: str
    scope: Scope
    xml: str
    secrets: tuple[SecretRef, ...] = ()

    @property
    def key(self) -> Key:
        return Key(Noun.DOCUMENT, self.name, scope=self.scope)


@dataclass(frozen=True, slots=True)
class Language:
    """A language's phrase macros: `xml` is one checked `<language>` element."""

    name: str
    scope: Scope
    xml: str

    @property
    def key(self) -> Key:
        return Key(Noun.LANGUAGE, self.name, scope=self.scope)


@dataclass(frozen=True, slots=True)
class Chatplan:
    """A context of the chatplan (mod_sms): `xml` is one checked `<context>` element."""

    name: str
    scope: Scope
    xml: str

    @property
    def key(self) -> Key:
        return Key(Noun.CHATPLAN, self.name, scope=self.scope)


@dataclass(frozen=True, slots=True)
class Variable:
    """What `$${name}` becomes in what operators write, on the nodes of its scope."""

    name: str
    scope: Scope
    value: Text

    @property
    def key(self) -> Key:
        return Key(Noun.VARIABLE, self.name, scope=self.scope)


Value: TypeAlias = (
    Node
    | Domain
    | Group
    | User
    | Profile
    | Gateway
    | Acl
    | Context
    | Extension
    | Document
    | Language
    | Chatplan
    | Variable
)

V = TypeVar("V", bound=Value)


@dataclass(frozen=True, slots=True)
class Stored(Generic[V]):
    """A value with its row's id, version (the ETag; counts its writes) and last revision."""

    id: int
    version: int
    revision: int
    value: V
