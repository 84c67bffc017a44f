import json

from tests.cli.program import Control


def test_a_tenants_token_over_the_api(control: Control) -> None:
    control.done("put", "domain", "acme.example", "--file", "-", stdin="{}")
    control.done("put", "domain", "globex.example", "--file", "-", stdin="{}")
    bound = ("--role", "viewer", "--domain", "acme.example", "--context", "acme", "--expires", "30d")
    text = control.done("token", "create", "acme", *bound, "--network", "127.0.0.0/8").strip()
    assert json.loads(control.done("get", "domain", "--json", CONTROLPLANE_TOKEN=text))["items"] != []
    assert "globex" not in control.done("get", "domain", CONTROLPLANE_TOKEN=text)
    assert control.done("get", "domain", "acme.example", CONTROLPLANE_TOKEN=text)
    refused = control("put", "domain", "acme.example", "--file", "-", stdin="{}", CONTROLPLANE_TOKEN=text)
    assert refused.exit_code == 2
    assert "this needs the role operator; token acme has the role viewer" in refused.stderr
    hidden = control("nodes", CONTROLPLANE_TOKEN=text)
    assert (hidden.exit_code, "no such path" in hidden.stderr) == (2, True)

    listed = control.done("token", "list")
    [line] = [each for each in listed.splitlines() if each.startswith("acme")]
    for said in ("viewer", "acme.example, context acme", "127.0.0.0/8", "valid till"):
        assert said in line
    assert text.partition(".")[2] not in listed
    assert control.done("token", "revoke", "acme") == "token acme is revoked\n"
    assert control("get", "domain", CONTROLPLANE_TOKEN=text).exit_code == 2
    assert "revoked" in control.done("token", "list")


def test_a_tenant_writes_without_a_word_of_nodes(control: Control) -> None:
    control.done("put", "domain", "own.example", "--file", "-", stdin="{}")
    text = control.done("token", "create", "own", "--role", "operator", "--domain", "own.example").strip()
    written = control.done("put", "user", "own.example/1", "--file", "-", stdin="{}", CONTROLPLANE_TOKEN=text)
    assert written.startswith("user own.example/1: revision ")
    assert "pushed" not in written
    again = ("put", "user", "own.example/1", "--file", "-", "--wait", "1")
    waited = control(*again, stdin='{"cidr": "192.0.2.0/24"}', CONTROLPLANE_TOKEN=text)
    assert (waited.exit_code, "is not told" in waited.stderr) == (1, True)
    assert control.done("delete", "user", "own.example/1", "--yes", CONTROLPLANE_TOKEN=text)


def test_what_cannot_be_asked_for(control: Control) -> None:
    for words, said in (
        ((), "say --role"),
        (("--role", "root"), "'root' is not one of"),
        (("--role", "viewer", "--expires", "soon"), "--expires soon: write 12h"),
        (("--role", "viewer", "--expires", "2020-01-01"), "expires_at: lies between now and"),
        (("--role", "viewer", "--network", "here"), "'here' does not appear to be"),
        (("--role", "admin", "--domain", "acme.example"), "an administrator is bound to no domains"),
    ):
        refused = control("token", "create", "x", *words)
        assert refused.exit_code == 2
        assert said in refused.stderr
    unknown = control("token", "revoke", "nobody")
    assert (unknown.exit_code, unknown.stderr) == (2, "controlplane: there is no token 'nobody'\n")
