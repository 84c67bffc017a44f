"""What it costs to show who asks by other means than Basic: Digest's two steps, and TLS.

Hits, so that nothing else is measured; every lookup makes a connection of its own, as mod_xml_curl does, and
over TLS a whole handshake. Digest is compared with the bare app, TLS with the bare app over the same TLS.
"""

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks import processes, seed
from benchmarks.load import Job
from benchmarks.lookups import answer, authorization, counted, lookup
from benchmarks.ports import free_ports
from benchmarks.report import Row, compared

CONNECTIONS = (1, 16)
ROUNDS = 3
SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Certificate:
    """A certificate of 127.0.0.1 that it has signed itself, and its key."""

    file: Path
    key: Path


def run() -> list[Row]:
    """Measure, and give the rows."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        operators, lookups, node = free_ports(3)
        config, settings = seed.settings_for(folder, operators, lookups)
        seed.seed(settings, [*seed.nodes([node]), *seed.users(1)])
        job = Job("127.0.0.1", lookups, authorization(1), [lookup(1)], 0, SECONDS)
        with processes.daemon(config, operators):
            size = len(answer(lookups, lookup(1)))
            with processes.bare(size, folder) as bare:
                ours = replace(job, digest=["fs1", seed.LOOKUP_PASSWORD])
                rows += _compare("lookup by Digest", ours, replace(job, port=bare), "bare app")
        tls = _certificate(folder)
        said = f'tls_certificate = "{tls.file}"\ntls_key = "{tls.key}"'
        config.write_text(config.read_text().replace("[lookups]", f"[lookups]\n{said}"))
        job = replace(job, authority=str(tls.file))
        with processes.daemon(config, operators), processes.bare(size, folder, tls.file, tls.key) as bare:
            rows += _compare("lookup over TLS", job, replace(job, port=bare), "bare app over TLS")
    return rows


def _compare(what: str, ours: Job, floor: Job, to: str) -> list[Row]:
    rows: list[Row] = []
    for connections in CONNECTIONS:
        pairs = [
            (
                processes.load(replace(ours, connections=connections)),
                processes.load(replace(floor, connections=connections)),
            )
            for _ in range(ROUNDS)
        ]
        rows += compared(f"{what}, {counted(connections)}", pairs, to)
    return rows


def _certificate(folder: Path) -> _Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string("CN=bench")
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = _Certificate(folder / "bench.pem", folder / "bench.key")
    files.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files
