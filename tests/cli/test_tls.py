"""Both listeners of a served daemon by TLS, certificates exchanged at SIGHUP."""

import signal
import ssl
import time
from pathlib import Path

import httpx2

from tests.api.certificates import Authority
from tests.cli.program import PATIENCE, serving


def test_both_listeners_encrypt_and_take_new_certificates_at_sighup(tmp_path: Path) -> None:
    authority = Authority.new(tmp_path)
    certificate, key = authority.issue("CN=server")
    section = f'port = 0\ntls_certificate = "{certificate}"\ntls_key = "{key}"'
    context = ssl.create_default_context(cafile=str(authority.file))
    with serving(tmp_path, lookups=section, operators=section) as control:
        for url in (control.lookups, control.operators):
            assert url.startswith("https://")
            assert httpx2.get(f"{url}/livez", verify=context).status_code == 200
        told = control("nodes", SSL_CERT_FILE=str(authority.file))
        assert told.exit_code == 0, told.output
        Path(certificate).write_text("none")
        control.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + PATIENCE
        while "certificates stay as they were" not in (tmp_path / "log").read_text():
            assert time.monotonic() < end
            time.sleep(0.02)
        assert httpx2.get(f"{control.lookups}/livez", verify=context).status_code == 200
