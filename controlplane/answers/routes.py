"""From a question to the cache key of its answer, for one node at one revision.

A key names rows by id wherever the answer is the same for every node that sees these rows, so that
nodes share what is kept; what is cut to a node carries the node's name. `kind` keeps keys apart
that would else be equal as tuples.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple, TypeAlias, TypeVar, final

from controlplane.answers.configuration import ACL, PROBE, SOFIA, names_serving
from controlplane.answers.cutting import Cut, cut_for
from controlplane.answers.expansion import chosen
from controlplane.answers.languages import names
from controlplane.answers.question import Question
from controlplane.desired.catalog import NodeView
from controlplane.desired.values import (
    Chatplan,
    Context,
    Document,
    Domain,
    Group,
    Language,
    SecretRef,
    Stored,
    Value,
)

V = TypeVar("V", bound=Value)

UNKNOWN = "\0"
"""Stands for every name of a profile, gateway or macro that is none: no row has it."""

BY = ("id", "number-alias", "cidr")
"""The attributes of users that an API command may look for (mod_commands.c, find_user_function)."""

_EVERY = "_all_"  # what `sofia profile P startgw _all_` and `vm_inject domain=D` ask for


class UserKey(NamedTuple):
    """One user, by what `by` says he has (one of BY). `caches`: the switch may be told to keep him."""

    domain: int
    name: str
    by: str
    caches: bool
    kind: str = "user"


class DomainKey(NamedTuple):
    """A domain without users."""

    domain: int
    kind: str = "domain"


class GroupKey(NamedTuple):
    """A group with its users."""

    domain: int
    name: str
    kind: str = "group"


class EverybodyKey(NamedTuple):
    """A domain with all its users. `listed`: only what a directory of names is made of."""

    domain: int
    listed: bool
    kind: str = "everybody"


class NetworkListKey(NamedTuple):
    """The users of a domain that have a cidr."""

    domain: int
    kind: str = "network-list"


class GatewaysKey(NamedTuple):
    """Users' gateways; `domain` None: of every domain that the node sees."""

    node: str
    domain: int | None
    kind: str = "gateways"


class NamesKey(NamedTuple):
    """Every domain that the node sees, by name."""

    node: str
    kind: str = "names"


class ContextKey(NamedTuple):
    """A dialplan context."""

    context: int
    kind: str = "context"


class ContextsKey(NamedTuple):
    """Every dialplan context that the node sees, whole."""

    node: str
    kind: str = "contexts"


class ExtensionsKey(NamedTuple):
    """Those of a context's extensions that may match a number, by row id, in order.

    Named by what is answered, not by the number: numbers that nobody has share one answer.
    """

    context: int
    extensions: tuple[int, ...]
    kind: str = "extensions"


class ChatplanKey(NamedTuple):
    """A context of the chatplan; None: every one that the node sees."""

    node: str | None
    chatplan: int | None
    kind: str = "chatplan"


class LanguageKey(NamedTuple):
    """A language (None: every one that the node sees, whole) as the section asked for holds it.

    `macro`: with only the macros of that name, in lower case and without its group; empty: with all.
    """

    node: str | None
    language: int | None
    section: str
    macro: str
    kind: str = "language"


class SofiaKey(NamedTuple):
    """sofia.conf as nodes that see the rows `seen` are told it; empty: every profile, every gateway."""

    seen: str
    profile: str
    gateway: str
    kind: str = "sofia"


class AclKey(NamedTuple):
    """acl.conf as the node is told it."""

    node: str
    kind: str = "acl"


class DocumentKey(NamedTuple):
    """A document under the name asked for, cut down to what will be read of it."""

    document: int
    asked: str
    cut: Cut | None = None
    kind: str = "document"


@final
class ProbeKey(NamedTuple):
    """The probe document; never kept."""

    node: str
    kind: str = "probe"


SharedKey: TypeAlias = (
    DomainKey
    | GroupKey
    | EverybodyKey
    | NetworkListKey
    | GatewaysKey
    | NamesKey
    | ContextKey
    | ContextsKey
    | ExtensionsKey
    | ChatplanKey
    | LanguageKey
    | SofiaKey
    | AclKey
    | DocumentKey
)
"""What has an answer whatever stands in the database."""


class Login(NamedTuple):
    """The username and realm of the digest that the switch checks."""

    username: str
    realm: str


def login_of(question: Question) -> tuple[Login, bool]:
    """The login of a user's lookup, and whether it is the one that goes without saying."""
    usual = Login(question.user, question.domain or question.key_value)
    login = Login(question.auth_user or usual.username, question.realm or usual.realm)
    return login, login == usual


AnyKey: TypeAlias = UserKey | SharedKey | ProbeKey


class Routes:
    """What one node owns, by the names under which it asks.

    FreeSWITCH compares names without case (switch_xml_find_child), so a domain asked for in capitals
    is owned just the same: the exact spelling goes first, then the lower-case one.
    """

    def __init__(self, node: str, view: NodeView) -> None:
        self.node = node
        self.view = view
        self.domains: dict[str, Stored[Domain]] = _by_name(view.domains)
        self.contexts: dict[str, Stored[Context]] = _by_name(view.contexts)
        self.documents: dict[str, Stored[Document]] = _by_name(view.documents)
        self.languages: dict[str, Stored[Language]] = _by_name(view.languages)
        self.chatplans: dict[str, Stored[Chatplan]] = _by_name(view.chatplans)
        self._domains = {row.id: row for row in self.domains.values()}
        self._contexts = {row.id: row for row in self.contexts.values()}
        self._documents = {row.id: row for row in self.documents.values()}
        self._groups: dict[str, dict[str, Stored[Group]]] = {}
        for (domain, group), row in view.groups.items():
            self._groups.setdefault(domain, {})[group] = row
        self._profiles = {name.lower(): name for name in view.profiles}
        self.sealed = frozenset(
            row.value.value for row in view.variables.values() if isinstance(row.value.value, SecretRef)
        )
        self.chosen = chosen(view.variables, view.variables)
        """Every value of the node."""

    @cached_property
    def _seen(self) -> str:
        """Stands for the rows that sofia.conf is made of: a digest, for it is compared at every lookup."""
        settings = self.documents.get(SOFIA)
        rows = (self.view.profiles.values(), self.view.gateways.values(), (settings,) if settings else ())
        ids = [sorted(row.id for row in some) for some in rows]
        return blake2b(repr(ids).encode(), digest_size=16).hexdigest()

    def key(self, question: Question, may_cache: Callable[[str], bool]) -> AnyKey | None:
        """The key of the question's answer; None: we own nothing by that name.

        `may_cache(node)`: whether the node may be told to keep a user.
        """
        section = question.section
        if section == "directory":
            return self._directory(question, may_cache)
        if section == "dialplan":
            return self._dialplan(question.context or question.key_value)
        if section == "configuration":
            return self._configuration(question)
        if section == "chatplan":
            return self._chatplan(question.context or question.key_value)
        if section in ("languages", "phrases"):
            return self._language(question)
        return None

    def domain(self, row: int) -> Stored[Domain]:
        """The domain with that row id; KeyError if the node does not see it."""
        return self._domains[row]

    def groups(self, domain: int) -> dict[str, Stored[Group]]:
        """That domain's groups by name."""
        return self._groups.get(self._domains[domain].value.name, {})

    def context(self, row: int) -> Stored[Context]:
        """The context with that row id."""
        return self._contexts[row]

    def document(self, row: int) -> Stored[Document]:
        """The document with that row id."""
        return self._documents[row]

    def chatplans_of(self, key: ChatplanKey) -> list[Stored[Chatplan]]:
        """The chatplans that the key names."""
        return [row for row in self.view.chatplans.values() if key.chatplan in (None, row.id)]

    def languages_of(self, key: LanguageKey) -> list[Stored[Language]]:
        """The languages that the key names."""
        return [row for row in self.view.languages.values() if key.language in (None, row.id)]

    def _dialplan(self, name: str) -> AnyKey | None:
        """A call names it by its channel, the command `xml_locate` by the key, or not at all."""
        if not name:
            return ContextsKey(self.node) if self.contexts else None
        context = self.contexts.get(name) or self.contexts.get(name.lower())
        return ContextKey(context.id) if context is not None else None

    def _chatplan(self, name: str) -> AnyKey | None:
        if not name:
            # FreeSWITCH takes `default` when the message names none; but the binding may keep it from us.
            return ChatplanKey(self.node, None) if self.chatplans else None
        chatplan = self.chatplans.get(name) or self.chatplans.get(name.lower())
        return ChatplanKey(None, chatplan.id) if chatplan is not None else None

    def _language(self, question: Question) -> AnyKey | None:
        name, section, macro = question.lang or question.key_value, question.section, question.macro.lower()
        if section == "languages":
            macro = macro.partition("@")[
                0
            ]  # its group (switch_ivr_play_say.c, switch_ivr_phrase_macro_event)
        if not name:
            return LanguageKey(self.node, None, section, "") if self.languages else None
        language = self.languages.get(name) or self.languages.get(name.lower())
        if language is None:
            return None
        if macro and macro not in names(language.value.xml):
            macro = UNKNOWN
        return LanguageKey(None, language.id, section, macro)

    def _directory(self, question: Question, may_cache: Callable[[str], bool]) -> AnyKey | None:
        name = question.key_value
        domain = self.domains.get(name) or self.domains.get(name.lower())
        if domain is not None and question.purpose == "publish-vm" and question.user == _EVERY:
            return EverybodyKey(domain.id, listed=False)
        if domain is not None and question.user:
            spelled = name == domain.value.name == (question.domain or name)
            by = question.key or BY[0]
            if by not in BY:
                return DomainKey(domain.id)  # nobody has such an attribute
            caches = spelled and question.key in ("id", "number-alias") and may_cache(self.node)
            return UserKey(domain.id, question.user, by, caches)
        if question.purpose == "gateways":
            if not name:
                return GatewaysKey(self.node, None) if self.domains else None
            return GatewaysKey(self.node, domain.id) if domain is not None else None
        if domain is None:
            return NamesKey(self.node) if not name and self.domains else None
        if question.purpose == "network-list":
            return NetworkListKey(domain.id)
        if question.function == "populate_database":
            return EverybodyKey(domain.id, listed=True)
        if question.group:
            group = self.view.groups.get((domain.value.name, question.group))
            return GroupKey(domain.id, question.group) if group is not None else DomainKey(domain.id)
        return DomainKey(domain.id)

    def _configuration(self, question: Question) -> AnyKey | None:
        name = question.key_value.lower()
        if name == SOFIA:
            if not self.view.profiles and SOFIA not in self.documents:
                return None
            profile, gateway = question.profile, question.gateway
            if profile:
                profile = self._profiles.get(profile.lower(), UNKNOWN)
            if gateway:
                gateway = "" if gateway == _EVERY else gateway if gateway in self.view.gateways else UNKNOWN
            return SofiaKey(self._seen, profile, gateway)
        if name == ACL:
            return AclKey(self.node) if self.view.acls else None
        if name == PROBE:
            return ProbeKey(self.node)
        for candidate in names_serving(name):
            document = self.documents.get(candidate)
            if document is not None:
                return DocumentKey(document.id, question.key_value, cut_for(name, question))
        return None


def _by_name(rows: Mapping[str, Stored[V]]) -> dict[str, Stored[V]]:
    return {name.lower(): row for name, row in rows.items()} | dict(rows)
