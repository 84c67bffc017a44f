"""`lookups` and `explain --lookup`, against a daemon of its own."""

import json
import subprocess
import threading

import httpx2
import pytest

from tests.cli.program import COMMAND, PATIENCE, Control

FORM = (
    "hostname=fs1&section=directory&tag_name=domain&key_name=name&key_value=acme.example"
    "&sip_auth_response=MARKER&key=id&user={user}&domain=acme.example&action=sip_auth"
)


@pytest.fixture(scope="module")
def password(control: Control) -> str:
    with httpx2.Client(
        base_url=f"{control.operators}/api/v1", headers={"Authorization": f"Bearer {control.token}"}
    ) as api:
        node = {"name": "fs1", "host": "127.0.0.1", "port": 1, "event_socket_password": "x"}
        api.post("/nodes", json=node).raise_for_status()
        api.put("/domains/acme.example", json={}).raise_for_status()
        api.put("/domains/acme.example/users/1000", json={}).raise_for_status()
        found: str = api.get("/nodes/fs1/config").raise_for_status().json()["lookup_password"]
        return found


def ask(control: Control, user: str, password: str) -> int:
    form = FORM.format(user=user)
    answer = httpx2.post(f"{control.lookups}/xml_curl", content=form, auth=("fs1", password))
    return answer.status_code


def test_the_last_ones_are_listed_and_explained(control: Control, password: str) -> None:
    assert ask(control, "1000", password) == 200
    assert ask(control, "1000", "wrong") == 401
    told = control.done("lookups")
    assert "directory acme.example action=sip_auth key=id user=1000" in told
    assert "? 127.0.0.1" in told
    assert "wrong credentials" in told
    assert "MARKER" not in told
    items = control.json("lookups", "fs1")["items"]
    assert [one["outcome"] for one in items] == ["found"]
    explained = control.done("explain", "--lookup", str(items[0]["id"]))
    assert "fs1: found" in explained
    assert '<user id="1000"' in explained
    assert control("explain", "fs1", "--lookup", "1").exit_code == 2
    assert control("lookups", "fs9").exit_code == 2


def test_new_ones_are_told_as_they_come(control: Control, password: str) -> None:
    environment = {"CONTROLPLANE_URL": control.operators, "CONTROLPLANE_TOKEN": control.token}
    with subprocess.Popen(
        [*COMMAND, "lookups", "fs1", "--follow", "--json"], stdout=subprocess.PIPE, env=environment
    ) as following:
        giving_up = threading.Timer(PATIENCE, following.kill)
        giving_up.start()
        try:
            assert following.stdout is not None
            for user in ("2000", "3000"):
                ask(control, user, password)
                line = json.loads(following.stdout.readline())
                while line["lookup"]["user"] == "1000":
                    line = json.loads(following.stdout.readline())
                assert line["lookup"]["user"] == user
        finally:
            giving_up.cancel()
            following.terminate()
            following.wait(PATIENCE)
