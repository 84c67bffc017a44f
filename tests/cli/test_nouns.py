import json
from pathlib import Path

import pytest

from controlplane.cli import client
from tests.api.examples import EXAMPLES
from tests.cli.program import Control
from tests.cli.terminal import typing


def named(path: str) -> tuple[str, str]:
    """From a path of the API to a noun and a name as the command line writes them."""
    parts = path.strip("/").split("/")
    return (parts[0], parts[1]) if len(parts) == 2 else (parts[2], f"{parts[1]}/{parts[3]}")


def test_every_noun_is_put_got_listed_and_deleted(control: Control, tmp_path: Path) -> None:
    for place, example in enumerate(EXAMPLES, 1):
        noun, name = named(example.path)
        file = tmp_path / "body.json"
        file.write_text(json.dumps(example.body))
        assert "revision" in control.done("put", noun, name, "--file", str(file))
        read = control.done("get", noun, name)
        assert "nothing to change" in control.done("put", noun, name, "--file", "-", stdin=read)
        control.done("put", noun, name, "--file", "-", stdin=json.dumps(example.other))
        parent, _, own = name.rpartition("/")
        listed = control.done("get", noun, *([parent] if parent else []))
        assert own in listed
        items = control.json("get", noun, *([parent] if parent else []))["items"]
        beside = [other.name for other in EXAMPLES[:place] if other.collection == example.collection]
        assert {item["name"] for item in items} == set(beside)
    for example in reversed(EXAMPLES):
        noun, name = named(example.path)
        assert "is removed" in control.done("delete", noun, name, "--yes")
        gone = control("get", noun, name)
        assert (gone.exit_code, "does not exist" in gone.stderr) == (2, True)


def test_set_changes_what_is_named_and_keeps_the_rest(control: Control) -> None:
    put(control, "profile", "out", {"params": {"sip-port": "5080", "context": "public"}})
    put(control, "gateway", "keep", {"profile": "out", "params": {"proxy": "a.example", "password": "old"}})
    before = control.json("get", "gateway", "keep")
    control.done("set", "gateway", "keep", "proxy=b.example", "ping=25", "--reason", "moved ü")
    after = control.json("get", "gateway", "keep")
    assert {each["name"]: each["value"] for each in after["params"]} == {
        **{each["name"]: each["value"] for each in before["params"]},
        "proxy": "b.example",
        "ping": "25",
    }
    newest = control.json("revisions")["items"][0]
    assert (newest["actor"], newest["reason"]) == ("tester", "moved ü")
    told = control.done("revisions", str(newest["number"]))
    assert 'params.proxy: "a.example" -> "b.example"' in told
    assert 'params.ping: (none) -> "25"' in told


def test_set_changes_a_nouns_own_fields_too(control: Control) -> None:
    put(control, "node", "own", {"host": "127.0.0.1", "port": 1, "event_socket_password": "x"})
    control.done("set", "node", "own", "port=2", "groups=eu,us", "switchname=called")
    node = control.json("get", "node", "own")
    assert (node["port"], node["groups"], node["switchname"]) == (2, ["eu", "us"], "called")
    control.done("set", "node", "own", "--secret", "event_socket_password", stdin="typed\n")
    assert 'value="typed"' in control.done("node", "config", "own", "event_socket.conf.xml")
    put(control, "profile", "own", {})
    put(control, "gateway", "own", {"profile": "own", "placed_on": "own", "params": {"proxy": "a"}})
    control.done("set", "gateway", "own", "placed_on=", "proxy=b")
    gateway = control.json("get", "gateway", "own")
    assert (gateway["placed_on"], gateway["params"]) == (None, [{"name": "proxy", "value": "b"}])
    put(control, "domain", "own.example", {})
    control.done("set", "domain", "own.example", "cacheable=60000", "dial-string=x")
    assert control.json("get", "domain", "own.example")["cacheable"] == 60000
    put(control, "user", "own.example/1", {"params": {"password": "x"}})
    for noun, name in (("domain", "own.example"), ("user", "own.example/1")):
        for said, kept in (("true", True), ("false", False)):
            changed = control("set", noun, name, f"hash_passwords={said}")
            assert (changed.exit_code, changed.stderr) == (0, "")
            assert control.json("get", noun, name)["hash_passwords"] is kept
    control.done("set", "user", "own.example/1", "hash_passwords=")
    assert control.json("get", "user", "own.example/1")["hash_passwords"] is None
    neither = control("set", "domain", "own.example", "hash_passwords=perhaps")
    assert (neither.exit_code, "hash_passwords: Input should be a valid bool" in neither.stderr) == (2, True)
    assert "history" in control("set", "user", "own.example/1", "password=y").stderr
    control.done("delete", "node", "own", "--yes")


def test_a_secret_is_set_from_standard_input_and_shown_nowhere(control: Control) -> None:
    put(control, "profile", "sealed", {"params": {"context": "public"}})
    put(control, "gateway", "sealed", {"profile": "sealed", "params": {"proxy": "a", "password": "old"}})
    before = control.json("get", "gateway", "sealed")
    said = control.done("set", "gateway", "sealed", "--secret", "password", stdin="marker-new\n")
    after = control.done("get", "gateway", "sealed")
    assert json.loads(after) != before
    number = str(control.json("revisions")["items"][0]["number"])
    assert "params.password" in control.done("revisions", number)
    for text in (said, after, control.done("revisions", number), control.done("revisions", number, "--json")):
        assert "marker-new" not in text


def test_a_secret_is_given_apart_from_its_name_and_is_not_empty(control: Control) -> None:
    put(control, "profile", "asking", {"params": {"context": "public"}})
    put(control, "gateway", "asking", {"profile": "asking", "params": {"proxy": "a", "password": "old"}})
    before = control.json("get", "gateway", "asking")
    beside = control("set", "gateway", "asking", "--secret", "password=marker-typed", stdin="marker-piped\n")
    assert (beside.exit_code, "takes a name only" in beside.stderr) == (2, True)
    assert "marker" not in beside.output
    for empty in ("", "\n"):
        nothing = control("set", "gateway", "asking", "--secret", "password", stdin=empty)
        assert (nothing.exit_code, "nothing was given" in nothing.stderr) == (2, True)
    assert control.json("get", "gateway", "asking") == before


def test_set_is_refused_when_somebody_was_first(control: Control) -> None:
    put(control, "profile", "raced", {"params": {"context": "a"}})
    stale = control.done("get", "profile", "raced")
    control.done("set", "profile", "raced", "context=b")
    refused = control("put", "profile", "raced", "--file", "-", stdin=stale)
    assert refused.exit_code == 2
    assert "version" in refused.stderr
    assert control.json("get", "profile", "raced")["params"] == [{"name": "context", "value": "b"}]


def test_set_says_what_it_cannot_do(control: Control) -> None:
    put(control, "profile", "twice", {"params": [{"name": "x", "value": "1"}, {"name": "x", "value": "2"}]})
    put(control, "context", "plain", {})
    put(
        control, "acl", "entries", {"default": "deny", "entries": [{"type": "allow", "cidr": "192.0.2.0/24"}]}
    )
    for arguments, said in (
        (("profile", "twice"), "nothing to set"),
        (("profile", "twice", "x"), "KEY=VALUE"),
        (("profile", "twice", "x=3"), "there are 2 params x"),
        (("profile", "twice", "name=other"), "name is not set so"),
        (("profile", "twice", "domains=other"), "must be an object"),
        (("context", "plain", "x=3"), "no field x"),
        (("acl", "entries", "entries=x"), "entries has parts"),
        (("user", "alone", "x=3"), "DOMAIN/NAME"),
    ):
        result = control("set", *arguments)
        assert result.exit_code == 2
        assert said in result.stderr


def test_of_several_of_a_name_one_has_to_be_chosen(control: Control) -> None:
    put(control, "acl", "who", {"default": "deny"})
    put(control, "acl", "who", {"default": "allow", "scope": "groups:eu"})
    asked = control("get", "acl", "who")
    assert asked.exit_code == 2
    assert "--scope groups:eu" in asked.stderr
    assert control.json("get", "acl", "who", "--scope", "groups:eu")["default"] == "allow"
    control.done("delete", "acl", "who", "--scope", "groups:eu")
    assert control.json("get", "acl", "who")["scope"] == "global"


def test_a_refusal_names_the_field_and_the_reason(control: Control) -> None:
    body = json.dumps({"profile": 1, "nonsense": 2})
    refused = control("put", "gateway", "wrong", "--file", "-", stdin=body)
    assert refused.exit_code == 2
    assert "profile: Input should be a valid string" in refused.stderr
    assert "nonsense: unknown field" in refused.stderr


def test_what_is_no_json_is_told_with_its_line(control: Control, tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text('{\n"a": }')
    for given, where in ((str(file), f"{file}:2: is not JSON"), ("-", "standard input:1: is not JSON")):
        result = control("put", "gateway", "wrong", "--file", given, stdin="{")
        assert (result.exit_code, where in result.stderr) == (2, True)
    assert control("put", "gateway", "wrong", "--file", str(tmp_path / "none")).exit_code == 2


def test_names_reach_the_api_as_they_were_typed(control: Control) -> None:
    put(control, "domain", "odd.example", {})
    put(control, "user", "odd.example/1+#ü", {"params": {"password": "x"}})
    assert control.json("get", "user", "odd.example/1+#ü")["name"] == "1+#ü"
    for name in ("50%20", "a/b", "a?b#c", "a b"):
        refused = control("get", "user", f"odd.example/{name}")
        assert (refused.exit_code, f"user 'odd.example/{name}' does not exist" in refused.stderr) == (2, True)


def test_a_list_of_several_pages_is_whole(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAGE", 2)
    put(control, "domain", "many.example", {})
    names = ["1", "2", "3", "4", "5"]
    for name in names:
        put(control, "user", f"many.example/{name}", {})
    assert [each["name"] for each in control.json("get", "user", "many.example")["items"]] == names


def test_rollback_brings_back_what_was_deleted(control: Control) -> None:
    put(control, "profile", "back", {"params": {"context": "a"}})
    number = control.json("revisions")["items"][0]["number"]
    control.done("delete", "profile", "back")
    unasked = control("rollback", str(number))
    assert unasked.exit_code == 2
    assert f"everything goes back to revision {number}, passwords included: say --yes" in unasked.stderr
    environment = {"CONTROLPLANE_URL": control.operators, "CONTROLPLANE_TOKEN": control.token}
    with typing("rollback", str(number), environment=environment) as terminal:
        terminal.expect(f"back to revision {number}")
        terminal.type("n")
        assert terminal.code() == 1
    assert control("get", "profile", "back").exit_code == 2
    assert "revision" in control.done("rollback", str(number), "--yes")
    assert control.json("get", "profile", "back")["params"] == [{"name": "context", "value": "a"}]
    assert "no revision 999999" in control("rollback", "999999", "--yes").stderr


def put(control: Control, noun: str, name: str, body: object) -> None:
    control.done("put", noun, name, "--file", "-", stdin=json.dumps(body))
