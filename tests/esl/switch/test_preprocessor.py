"""What FreeSWITCH does to an answer's lines before it parses them (switch_xml.c:1511 ff)."""

import asyncio

import pytest

from esl.switch import Switch, SwitchConfig
from esl.switch.preprocessor import preprocess
from tests.esl.switch.backend import backend, ok

USER = (
    '<document type="freeswitch/xml"><section name="directory"><domain name="example.com"><user id="1000">\n'
    "<variables>\n{lines}\n</variables>\n</user></domain></section></document>"
)


def variable(value: str, name: str = "user_context") -> str:
    return f'<variable name="{name}" value="{value}"/>'


# Inputs and results of the recorded variants, in their own words.
ASKED = {
    "a variable is expanded, an unknown one is empty, ${} stays": (
        variable("$${domain}-$${nosuch}-${keep}"),
        "example.com--${keep}",
    ),
    "an entity hides the dollar": (variable("a&#36;${domain}b"), "a$${domain}b"),
    "a line with an include tag is dropped": (variable("a") + "<include>\n" + variable("b"), "b"),
    "a line with a declaration is dropped": ("<?x?>" + variable("a") + "\n" + variable("b"), "b"),
    "a line with a directive in any case is dropped": (variable("see X-pre-PROCESS"), "-ERR no reply\n"),
    "characters arrive": (
        variable("caf\u00e9 &amp; &lt;x&gt; &quot;q&quot; \u20ac"),
        'caf\u00e9 & <x> "q" \u20ac',
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_an_answer_is_read_as_freeswitch_reads_it(name: str) -> None:
    lines, expected = ASKED[name]

    async def main() -> None:
        async with backend() as served, Switch(SwitchConfig(xml_curl_url=served.url)) as switch:
            served.documents["user 1000"] = USER.replace("{lines}", lines)
            assert await switch.api("user_data 1000@example.com var user_context") == expected

    asyncio.run(main())


def test_directives_set_variables_and_the_others_are_only_told() -> None:
    variables: dict[str, str] = {}
    read = preprocess(
        'a\n<X-PRE-PROCESS cmd="set" data="injected=yes"/>\n<!--#exec "rm" -->\n$${injected}', variables
    )
    assert read.text == "a\nyes"
    assert read.acts == (("set", "injected=yes"), ("exec", "rm"))
    assert variables == {"injected": "yes"}


@pytest.mark.parametrize(
    "answer",
    [
        ok(USER.replace("{lines}", variable("x")), "201 Created"),
        ok("", "200 OK"),
        ok("<document", "200 OK"),
        ok(USER.replace("{lines}", f"<!--{'x' * 1024 * 1024}-->{variable('x')}")),
        b"",
    ],
    ids=["201", "empty", "no XML", "over 1 MiB", "hung up"],
)
def test_only_a_whole_200_of_at_most_1_mib_is_read(answer: bytes) -> None:
    async def main() -> None:
        async with backend() as served, Switch(SwitchConfig(xml_curl_url=served.url)) as switch:
            served.respond = lambda _: answer
            assert await switch.api("user_data 1000@example.com var user_context") == "-ERR no reply\n"

    asyncio.run(main())
