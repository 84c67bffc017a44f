"""What is measured before it is written holds what is told, and not much more."""

from hypothesis import given
from hypothesis import strategies as st

from controlplane.answers import configuration, dialplan, directory
from controlplane.desired import checks, sizes
from controlplane.desired.text import wrong_text
from controlplane.desired.values import (
    GLOBAL,
    Acl,
    AclEntry,
    Context,
    Document,
    Domain,
    Extension,
    Gateway,
    Group,
    Param,
    Profile,
    ProfileDomain,
    SecretRef,
    User,
)

PIECES = st.sampled_from((*"ab?<>&\"'$\n\tx-ä☏ ", "$${", "$${a}", "X-Pre-Process"))
TEXTS = st.lists(PIECES, max_size=30).map("".join).filter(lambda text: wrong_text(text) is None)
PARAMS = st.lists(st.builds(Param, st.sampled_from(("a", "b")), TEXTS), max_size=5).map(tuple)
VARIABLES = st.lists(
    st.builds(Param, st.just("v"), TEXTS, st.sampled_from((None, "inbound", "outbound"))), max_size=5
).map(tuple)
REF = SecretRef(1, 1)
SECRET, OPENED = Param("password", REF), {REF: "x" * 40}


def holds(measured: int, body: bytes) -> None:
    """A quarter more at most, beside what is allowed for around it all."""
    assert len(body) <= measured <= len(body) * 1.25 + 4 * sizes.AROUND


@given(PARAMS, VARIABLES)
def test_a_user(params: tuple[Param, ...], variables: tuple[Param, ...]) -> None:
    domain = Domain("a.example", GLOBAL, params, variables, variables)
    groups = {name: Group(name, "a.example", GLOBAL, variables=variables) for name in ("one", "two")}
    user = User(
        "1000",
        "a.example",
        GLOBAL,
        "alias",
        "192.0.2.0/24",
        ("one", "two"),
        (*params, SECRET),
        variables,
        variables,
        elements=("<skinny><button label='$'/></skinny>",),
    )
    body = directory.one_user(domain, groups, user, OPENED, cacheable=60000).body
    given_him = sizes.of_given(domain) + sum(map(sizes.of_given, groups.values()))
    holds(sizes.AROUND + sizes.of_user(user) + given_him, body)


@given(PARAMS, VARIABLES)
def test_sofia_conf(params: tuple[Param, ...], variables: tuple[Param, ...]) -> None:
    profiles = [
        Profile(name, GLOBAL, params, ("alias",), (ProfileDomain("a.example"),)) for name in ("one", "two")
    ]
    gateways = [Gateway(f"gw{n}", GLOBAL, "one", None, (*params, SECRET), variables) for n in range(3)]
    body = configuration.sofia([(profiles[0], gateways), (profiles[1], ())], None, OPENED, lambda _: "0" * 32)
    measured = sum(map(sizes.of_profile, profiles)) + sum(map(sizes.of_gateway, gateways))
    holds(sizes.AROUND + measured, body)


@given(st.lists(TEXTS, max_size=5))
def test_acl_conf(texts: list[str]) -> None:
    lists = [Acl("a", GLOBAL, True, tuple(AclEntry(False, domain=text) for text in texts))]
    holds(sizes.AROUND + sum(map(sizes.of_acl, lists)), configuration.acl(lists))


@given(PARAMS, TEXTS)
def test_elements(params: tuple[Param, ...], text: str) -> None:
    # So much of it that what is allowed for around it all cannot hide what one character takes.
    escaped = "".join(f"&#{ord(char)};" for char in text) * 200
    inside = "".join(f'<param name="{param.name}" value="{escaped}"/>' for param in params)
    xml = f'<configuration name="x.conf">{inside}</configuration>'
    document = checks.uniform(Document("x.conf", GLOBAL, xml))
    assert isinstance(document, Document)
    holds(sizes.AROUND + sizes.of_xml(document.xml), configuration.stored(document, "x.conf", {})[0])
    action = f'<action application="log">{escaped}</action>'
    xml = f'<extension name="a"><condition>{action}</condition></extension>'
    extension = checks.uniform(Extension("a", "public", GLOBAL, 1, xml))
    assert isinstance(extension, Extension)
    body = dialplan.context(Context("public", GLOBAL), [extension])
    holds(sizes.AROUND + sizes.of_xml(extension.xml), body)
