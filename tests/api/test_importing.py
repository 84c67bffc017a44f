import hashlib
from pathlib import Path
from typing import Any

from tests.api.living import Operator, living

NODE = {"host": "127.0.0.1", "port": 1, "event_socket_password": "marker-esl"}


def row(noun: str, name: str, parent: str = "", **spec: Any) -> dict[str, Any]:
    return {"noun": noun, "name": name, "spec": spec} | ({"parent": parent} if parent else {})


ROWS = [
    row("user", "1000", "acme.example", params={"password": "marker-user"}, groups=["sales"]),
    row("group", "sales", "acme.example"),
    row("domain", "acme.example"),
    row("profile", "external", params={"sip-port": "5080"}),
    row("gateway", "carrier", profile="external", params={"proxy": "sip.test"}),
]


def test_rows_are_written_in_one_revision_and_the_second_time_not_at_all(operator: Operator) -> None:
    told = operator.done("POST", "/import", {"rows": ROWS})
    assert (told["revision"], told["changed"]) == (1, True)
    assert told["rows"] == {"created": 5, "changed": 0, "same": 0}
    again = operator.done("POST", "/import", {"rows": ROWS})
    assert (again["revision"], again["changed"], again["changes"]) == (1, False, [])
    assert again["rows"] == {"created": 0, "changed": 0, "same": 5}


def test_a_dry_run_writes_nothing_and_says_the_same(operator: Operator) -> None:
    said = operator.done("POST", "/import", {"rows": ROWS, "dry_run": True})
    assert (said["revision"], said["dry_run"], said["changed"]) == (0, True, True)
    assert {"key": "user/acme.example/1000", "what": "created"} in said["changes"]
    assert operator.done("GET", "/domains")["items"] == []
    assert operator.done("GET", "/revisions")["items"] == []
    told = operator.done("POST", "/import", {"rows": ROWS})
    assert (told["changes"], told["revision"]) == (said["changes"], 1)
    changed = [row("profile", "external", params={"sip-port": "5082"})]
    said = operator.done("POST", "/import", {"rows": changed, "dry_run": True})
    assert said["changes"] == [{"key": "profile/external", "what": "changed"}]
    assert said["rows"] == {"created": 0, "changed": 1, "same": 0}


def test_a_wrong_row_keeps_all_from_being_written(operator: Operator) -> None:
    for dry in (True, False):
        wrong = [*ROWS, row("gateway", "other", profile="none")]
        response = operator("POST", "/import", {"rows": wrong, "dry_run": dry})
        assert response.status_code == 422
        assert response.json()["errors"] == [
            {"field": "gateway/other: profile", "reason": "there is no profile none"}
        ]
    assert operator.done("GET", "/domains")["items"] == []


def test_what_is_no_row(operator: Operator) -> None:
    for rows, field in (
        ([row("odd", "a")], "rows[0].noun"),
        ([{**row("node", "fs9"), "spec": NODE}], "rows[0].noun"),
        ([row("user", "1000")], "rows[0].parent"),
        ([row("domain", "a.example", "b.example")], "rows[0].parent"),
        ([{**row("domain", "a.example"), "scope": "odd"}], "rows[0].scope"),
        ([row("domain", "a.example"), row("domain", "a.example")], ""),
    ):
        response = operator("POST", "/import", {"rows": rows})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == field


def test_rows_only_wanted_where_there_are_none(operator: Operator) -> None:
    operator.done("PUT", "/domains/acme.example", {"variables": {"a": "b"}})
    rows = [{**row("domain", name), "if_missing": True} for name in ("acme.example", "new.example")]
    told = operator.done("POST", "/import", {"rows": rows})
    assert told["changes"] == [{"key": "domain/new.example", "what": "created"}]
    assert operator.done("GET", "/domains/acme.example")["variables"]


def test_an_import_may_be_larger_than_other_bodies(tmp_path: Path) -> None:
    small = {"body_limit": 4096, "import_limit": 16384}
    with living(tmp_path, operators=small) as operator:
        rows = [row("domain", f"{number}.{'x' * 200}.example") for number in range(30)]
        assert operator.done("POST", "/import", {"rows": rows})["rows"]["created"] == 30
        assert operator("POST", "/import", {"rows": rows * 3}).status_code == 413


def test_a_nodes_files_hold_what_it_is_served(operator: Operator) -> None:
    operator.done("PUT", "/nodes/fs1", NODE)
    operator.done("POST", "/import", {"rows": ROWS})
    response = operator("GET", "/nodes/fs1/export")
    assert response.headers["cache-control"] == "no-store"
    files = response.json()["files"]
    assert list(files) == ["freeswitch.xml", "autoload_configs/sofia.conf.xml", "directory/acme.example.xml"]
    assert 'value="marker-user"' in files["directory/acme.example.xml"]
    assert operator("GET", "/nodes/none/export").status_code == 404


def test_what_a_further_group_gives_a_user_is_told_apart(operator: Operator) -> None:
    """On disk FreeSWITCH merges only the group in which the user stands."""
    operator.done("PUT", "/nodes/fs1", NODE)
    rows = [
        row("domain", "acme.example"),
        row("group", "first", "acme.example", variables={"a": "first"}),
        row("group", "further", "acme.example", variables={"a": "further", "b": "further"}),
        row("user", "1000", "acme.example", groups=["first", "further"]),
    ]
    operator.done("POST", "/import", {"rows": rows})
    text = operator.done("GET", "/nodes/fs1/export")["files"]["directory/acme.example.xml"]
    assert '<variable name="b" value="further" given-by="further"/>' in text
    assert text.count('name="a"') == 2
    assert '<param name="allow-empty-password" value="false" given-by="controlplane"/>' in text
    assert '<user id="1000" type="pointer"/>' in text


def test_what_stands_for_a_password_is_in_the_files_and_the_password_is_not(operator: Operator) -> None:
    operator.done("PUT", "/nodes/fs1", NODE)
    hashed = {"params": {"password": "marker-user"}, "profile_variables": {"p": "v"}, "hash_passwords": True}
    kept = {"a1_hashes": [{"realm": "acme.example", "hash": "0" * 32}]}
    rows = [
        row("domain", "acme.example", profile_variables={"d": "w"}),
        row("user", "1000", "acme.example", **hashed),
        row("user", "1001", "acme.example", **kept),
    ]
    operator.done("POST", "/import", {"rows": rows})
    text = operator.done("GET", "/nodes/fs1/export")["files"]["directory/acme.example.xml"]
    told = hashlib.md5(b"1000:acme.example:marker-user", usedforsecurity=False).hexdigest()
    assert text.count('name="a1-hash"') == 2
    assert f'<param name="a1-hash" value="{told}"/>' in text
    assert f'<param name="a1-hash" value="{"0" * 32}" given-by="controlplane"/>' in text
    assert f'<a1-hash realm="acme.example" hash="{"0" * 32}"/>' in text
    assert "marker-user" not in text
    assert text.count("<profile-variables>") == 2
