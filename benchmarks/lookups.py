"""Lookups beside a bare app on the same uvicorn, in turn, in the same run.

A new connection for every request, as mod_xml_curl makes it; 10,000 users; hits (one user
over and over) and misses (every user once, in turn, more than the cache holds).
"""

import base64
import tempfile
from pathlib import Path

import httpx2

from benchmarks import processes, seed
from benchmarks.load import Job, Result
from benchmarks.ports import free_ports
from benchmarks.report import Row, compared

USERS = 10_000
CONNECTIONS = (1, 16, 64)
ROUNDS = 3
SECONDS = 2.0

# What a switch sends for a REGISTER, less what we do not read: its length counts, too.
_BODY = (
    "hostname=fs1&section=directory&tag_name=domain&key_name=name&key_value={domain}"
    "&Event-Name=REQUEST_PARAMS&Core-UUID=8a1b6c0e-2f5c-4d0e-9a51-0f9f6a7a6a11&FreeSWITCH-Hostname=fs1"
    "&FreeSWITCH-Switchname=fs1&FreeSWITCH-IPv4=127.0.0.1&FreeSWITCH-IPv6=%3A%3A1"
    "&Event-Date-Local=2026-11-24%2002%3A00%3A00&Event-Calling-File=sofia_reg.c"
    "&Event-Calling-Function=sofia_reg_parse_auth&Event-Calling-Line-Number=2906&Event-Sequence=1042"
    "&action=sip_auth&sip_profile=internal&sip_user_agent=phone&sip_auth_username={user}"
    "&sip_auth_realm={domain}&sip_auth_nonce=1f2e&sip_auth_uri=sip%3A{domain}&sip_contact_user={user}"
    "&sip_to_user={user}&sip_from_user={user}&key=id&user={user}&domain={domain}&ip=192.0.2.9"
)


def lookup(user: int) -> str:
    """Write the form of one user's lookup."""
    return _BODY.format(domain=seed.DOMAIN, user=user)


def run() -> list[Row]:
    """Measure, and give the rows."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        operators, lookups, node = free_ports(3)
        config, settings = seed.settings_for(folder, operators, lookups)
        seed.seed(settings, [*seed.nodes([node]), *seed.users(USERS)])
        hit = [lookup(1)]
        misses = [lookup(number) for number in range(1, USERS + 1)]
        with processes.daemon(config, operators):
            size = len(answer(lookups, hit[0]))
            with processes.bare(size, folder) as bare:
                for connections in CONNECTIONS:
                    rows += _compare("hit", lookups, bare, hit, connections)
        seed.without_cache(config)
        with processes.daemon(config, operators), processes.bare(size, folder) as bare:
            for connections in CONNECTIONS:
                rows += _compare("miss", lookups, bare, misses, connections)
    return rows


def _compare(what: str, ours: int, bare: int, bodies: list[str], connections: int) -> list[Row]:
    pairs = [(_load(ours, bodies, connections), _load(bare, bodies, connections)) for _ in range(ROUNDS)]
    return compared(f"lookup {what}, {counted(connections)}", pairs, "bare app")


def counted(connections: int) -> str:
    """Say how many connections stand open at once."""
    return f"{connections} connection{'s' if connections > 1 else ''}"


def _load(port: int, bodies: list[str], connections: int) -> Result:
    return processes.load(Job("127.0.0.1", port, authorization(1), bodies, connections, SECONDS))


def authorization(node: int) -> str:
    """Write the Basic credential of a benchmark's node."""
    credential = base64.b64encode(f"fs{node}:{seed.LOOKUP_PASSWORD}".encode()).decode()
    return f"Basic {credential}"


def answer(port: int, body: str) -> bytes:
    """Make one lookup as the first node, and give what was answered."""
    headers = {"Authorization": authorization(1), "Content-Type": "application/x-www-form-urlencoded"}
    told = httpx2.post(f"http://127.0.0.1:{port}/xml_curl", content=body, headers=headers)
    return told.raise_for_status().content
