"""TLS with real certificates: encrypted, clients shown, files exchanged under a running listener."""

import asyncio
import socket
import ssl
from pathlib import Path

import pycurl
import pytest

from api.tls import CannotEncrypt, Files, Tls, follow
from tests.api.asking import PATIENCE, Place, Said, a_node, asking, curl
from tests.api.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.new(tmp_path)


def serial(port: int, ca: Path) -> int:
    """The serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context(cafile=str(ca))
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        shown = connection.getpeercert()
    assert shown is not None
    return int(str(shown["serialNumber"]), 16)


def test_lookups_over_tls_by_basic_and_digest(authority: Authority) -> None:
    async def talk(place: Place) -> None:
        for scheme in (pycurl.HTTPAUTH_BASIC, pycurl.HTTPAUTH_DIGEST):
            said = await asyncio.to_thread(curl, place.url, scheme=scheme, ca=authority.file)
            assert (said.status, said.body) == (200, b"<document/>")
        with pytest.raises(pycurl.error):
            await asyncio.to_thread(curl, place.url)

    asking(talk, tls=Tls(Files(*authority.issue("CN=server"))))


def test_a_certificate_is_bound_to_its_node(authority: Authority, tmp_path: Path) -> None:
    subject = "CN=fs1.example,O=Acme\\, Inc."
    own, other = authority.issue(subject, "fs1"), authority.issue("CN=fs2.example")
    forged = Authority.new(tmp_path, "other").issue(subject, "forged")

    async def talk(place: Place) -> None:
        async def ask(login: str | None, pair: tuple[Path, Path] | None) -> Said:
            return await asyncio.to_thread(curl, place.url, login=login, ca=authority.file, pair=pair)

        assert (await ask("fs1:pw", own)).status == 200
        assert (await ask("fs1:pw", None)).status == 403
        assert (await ask("fs1:pw", authority.issue("CN=elsewhere"))).status == 403
        assert (await ask("fs1:wrong", own)).status == 401
        assert (await ask(None, own)).status == 401
        with pytest.raises(pycurl.error):
            await ask("fs1:pw", forged)
        # fs2 has no scheme: its certificate is enough, and nobody else's; fs3 needs none.
        assert (await ask(None, other)).status == 200
        assert (await ask("fs2:pw", None)).status == 401
        assert (await ask("fs3:pw", None)).status == 200
        assert [node for node, _ in place.known.asked] == ["fs1", "fs2", "fs3"]

    asking(
        talk,
        a_node(lookup_certificate=subject),
        a_node("fs2", lookup_schemes=(), lookup_certificate="CN=fs2.example"),
        a_node("fs3"),
        tls=Tls(Files(*authority.issue("CN=server"), authority.file)),
    )


def test_certificates_are_exchanged_under_a_running_listener(authority: Authority, tmp_path: Path) -> None:
    files = Files(*authority.issue("CN=server"), tmp_path / "clients.pem")
    assert files.client_ca is not None
    first, second = Authority.new(tmp_path, "first"), Authority.new(tmp_path, "second")
    old, new = first.issue("CN=fs1", "old"), second.issue("CN=fs1", "new")
    files.client_ca.write_bytes(first.file.read_bytes())
    tls = Tls(files)

    async def talk(place: Place) -> None:
        async def ask(pair: tuple[Path, Path]) -> int:
            return (await asyncio.to_thread(curl, place.url, ca=authority.file, pair=pair)).status

        assert await ask(old) == 200
        before = await asyncio.to_thread(serial, place.port, authority.file)
        authority.issue("CN=server")
        assert files.client_ca is not None
        files.client_ca.write_bytes(second.file.read_bytes())
        assert await asyncio.to_thread(tls.reload)
        assert not await asyncio.to_thread(tls.reload)
        assert await asyncio.to_thread(serial, place.port, authority.file) != before
        assert await ask(new) == 200
        with pytest.raises(pycurl.error):
            await ask(old)

    asking(talk, a_node(lookup_certificate="CN=fs1"), tls=tls)


def test_files_that_cannot_be_used_change_nothing(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    files = Files(*authority.issue("CN=server"))
    tls = Tls(files)

    async def talk(place: Place) -> None:
        told = asyncio.Event()
        following = asyncio.create_task(follow([tls], told, period=0.01))
        before = await asyncio.to_thread(serial, place.port, authority.file)
        good = files.certificate.read_bytes()
        files.certificate.write_text("no certificate")
        await seen(caplog, "certificates stay as they were")
        assert await asyncio.to_thread(serial, place.port, authority.file) == before
        files.certificate.write_bytes(good)
        await seen(caplog, "certificates were read again")
        caplog.clear()
        told.set()
        await seen(caplog, "certificates were read again")
        following.cancel()

    with caplog.at_level("INFO"):
        asking(talk, tls=tls)


async def seen(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while text not in caplog.text:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0.01)


def test_what_cannot_be_used_at_start_is_one_sentence(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("CN=server")
    other = authority.issue("CN=other")[1]
    for files in (
        Files(certificate, other),
        Files(certificate, tmp_path / "absent"),
        Files(certificate, key, tmp_path / "absent"),
        Files(key, certificate),
    ):
        with pytest.raises(CannotEncrypt) as raised:
            Tls(files)
        assert "\n" not in str(raised.value)
        assert str(tmp_path) in str(raised.value)


def test_operators_may_be_asked_for_a_certificate(authority: Authority) -> None:
    tls = Tls(Files(*authority.issue("CN=server"), authority.file), required=True)

    async def talk(place: Place) -> None:
        pair = authority.issue("CN=operator")
        assert (await asyncio.to_thread(curl, place.url, ca=authority.file, pair=pair)).status == 200
        with pytest.raises(pycurl.error):
            await asyncio.to_thread(curl, place.url, ca=authority.file)

    asking(talk, tls=tls)


def test_a_handshake_that_does_not_come_is_cut(authority: Authority) -> None:
    async def talk(place: Place) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()

    asking(talk, tls=Tls(Files(*authority.issue("CN=server"))), patience=0.2)
