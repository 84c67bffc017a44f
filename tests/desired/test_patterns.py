"""What is decided about an expression is what PCRE2 says of it."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controlplane.desired.patterns import LONGEST, Matches, matches
from tests.answers.hunt_model import searched


def decided(found: Matches, number: str) -> bool:
    """As an index decides (`controlplane.answers.narrowing`)."""
    if number in found.exact:
        return True
    if not any(number.startswith(prefix) for prefix in found.prefixes):
        return False
    assert found.pattern is not None
    return re.search(found.pattern.encode(), number.encode("utf-8", "surrogateescape")) is not None


ATOMS = st.sampled_from(
    [
        "1",
        "15",
        "9",
        "a",
        "#",
        r"\*",
        r"\+",
        r"\.",
        ".",
        r"\d",
        "[2-9]",
        "[^0-4]",
        "[*#]",
        r"[\d#]",
        "[a-c]",
        "é",
    ]
)
TIMES = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{1,2}", "{0}", "{2,}", "??", "*?", "{1,3}?"])
PARTS = st.recursive(
    st.tuples(ATOMS, TIMES).map("".join),
    lambda parts: st.tuples(
        st.sampled_from(["(", "(?:"]),
        st.lists(st.lists(parts, max_size=3).map("".join), min_size=1, max_size=3).map("|".join),
        st.sampled_from([")", ")?", ")??"]),
    ).map("".join),
    max_leaves=6,
)
BRANCHES = st.tuples(
    st.sampled_from(["^", "^", ""]), st.lists(PARTS, max_size=4).map("".join), st.sampled_from(["$", "$", ""])
).map("".join)
WITHIN = st.lists(BRANCHES, min_size=1, max_size=3).map("|".join)
ANYTHING = st.text(alphabet=r"^$.|()[]{}?*+\dsnw'\"-_/#@,:<>!=&~012359aZé" + "\n", max_size=12)
NUMBERS = st.text(alphabet="0123459*#+a.é-", max_size=12)


@given(WITHIN, NUMBERS)
@example("^911|933$", "9112")
@example("^(?:)?$", "")
@example("^[^0-4]{2}$", "é")
@example("^(1|15|)9?$", "15")
def test_what_is_decided_is_what_pcre2_finds(expression: str, number: str) -> None:
    found = matches(expression)
    if found is not None:
        assert decided(found, number) is searched(number, expression)


@given(ANYTHING, NUMBERS)
@example("1{", "1{")
@example("a{,2}b", "a{,2}b")
@example("[[:digit:]]", "1")
@example("[]1]", "1")
@example("[^]1]", "2")
@example("1++1", "11")
@example("(*UTF)1", "1")
@example("(?i)A", "a")
@example("\\Q.\\E", ".")
@example("[--1]", "0")
@example("[a&&1]", "1")
@example("1$2", "1")
@example("(1$)", "1")
@example("x*\\1", "x")
def test_no_expression_is_taken_for_less_than_pcre2_finds(expression: str, number: str) -> None:
    found = matches(expression)
    if found is not None and searched(number, expression):
        assert decided(found, number)


@given(WITHIN | ANYTHING)
def test_what_is_decided_is_not_changed_by_expansion(expression: str) -> None:
    """switch_string_var_check_const and switch_string_has_escaped_data: neither finds anything."""
    if matches(expression) is not None:
        assert re.search(r"\$\\*\{", expression) is None
        assert re.search(r"\\[\\nst']", expression) is None


@pytest.mark.parametrize(
    ("expression", "exact", "prefixes"),
    [
        ("^15551230001$", ["15551230001"], []),
        (r"^\+?1?5550100$", ["5550100", "15550100", "+5550100", "+15550100"], []),
        ("^(1001|1002)$", ["1001", "1002"], []),
        ("^911$|^933$", ["911", "933"], []),
        (r"^\*98$", ["*98"], []),
        (r"^1555(\d{7})$", [], ["1555"]),
        (r"^(10[01]\d)$", [], ["10"]),
        ("^1555", [], ["1555"]),
        ("911", [], [""]),
        ("", [], [""]),
        (r"^(\d+)$", [], [""]),
        (r"^9(.*)$|^8(.*)$", [], ["9", "8"]),
    ],
)
def test_what_numbers_begin_with_is_told(expression: str, exact: list[str], prefixes: list[str]) -> None:
    found = matches(expression)
    assert found is not None
    assert (list(found.exact), list(found.prefixes)) == (exact, prefixes)


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "_9XXX",
            "/^9$/i",
            "^${prefix}9$",
            "^$${prefix}9$",
            r"^\$$",
            r"^a\sb$",
            r"^a\\b$",
            r"^\'$",
            r"^\n$",
        ),
        *(
            r"^\w+$",
            r"\b9",
            "^(?=9)",
            "^(?<n>9)$",
            "^(?P<n>9)$",
            r"^(9)\1$",
            "^9++$",
            "^[[:digit:]]$",
            "^9$9",
        ),
        *(
            "(9$)",
            "(^9)",
            "^(1|2)+$",
            "^(1+)+$",
            "^(?i)a$",
            "^[]9]$",
            "^[9-]$",
            "^[a-9]$",
            "^[$]$",
            "^9{,3}$",
        ),
        *("^9{999}$", "^9{3,2}$", "^é$", "^9\n$", "^*9", "^(9", "9)", "^[9", "^9\\", "(*UTF)9", r"^\Q9\E$"),
        *(r"^\x39$", r"^\D$"),
        "1" * 2000,
    ],
)
def test_what_python_reads_differently_is_undecidable(expression: str) -> None:
    assert matches(expression) is None


@pytest.mark.parametrize(
    "expression", [r"^\d*\d*\d*$", r"^.*.*.*x$", "(1?){1}" * 3 + "1?" * 13, "(1|1)" * 13, r".*\d*$"]
)
def test_what_takes_long_is_undecidable(expression: str) -> None:
    assert matches(expression) is None


def test_the_longest_number_is_tried_in_few_steps() -> None:
    found = matches(r"^.*(\d{10})x$")
    assert found is not None
    assert not decided(found, "1" * LONGEST)
