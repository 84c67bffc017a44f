"""Digest by itself: what RFC 7616 and a real switch have written, and what is none."""

import json
from pathlib import Path

import pytest

from api.digest import BadDigest, ha1, proves, read
from controlplane.desired.values import Scheme

RECORDINGS = Path(__file__).parents[1] / "data" / "http"
GOOD = (
    b'username="fs1", realm="controlplane", nonce="n", uri="/xml_curl", cnonce="c", nc=00000001, qop=auth, '
    b'response="00", algorithm=MD5'
)


def test_what_a_switch_has_sent_is_proof_of_its_password() -> None:
    lines = (RECORDINGS / "variants.jsonl").read_text().splitlines()
    headers = [
        value.removeprefix("Digest ").encode()
        for line in lines
        for name, value in json.loads(line)["headers"]
        if name == "Authorization" and value.startswith("Digest ")
    ]
    assert headers
    for header in headers:
        proof = read(header)
        assert (proof.username, proof.uri, proof.count) == ("fsuser", "/xml_curl", "00000001")
        secret = ha1(proof.scheme, "fsuser", "fspass", proof.realm)
        assert proves(proof, secret, "POST")
        assert not proves(proof, secret, "GET")
        assert not proves(proof, ha1(proof.scheme, "fsuser", "wrong", proof.realm), "POST")


@pytest.mark.parametrize(
    ("algorithm", "scheme", "response"),
    [
        ("MD5", Scheme.DIGEST_MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            Scheme.DIGEST_SHA256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ],
)
def test_the_example_of_the_rfc(algorithm: str, scheme: Scheme, response: str) -> None:
    """RFC 7616, section 3.9.1."""
    proof = read(
        b'username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm='
        + algorithm.encode()
        + b', nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        b'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="'
        + response.encode()
        + b'", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    assert proof.scheme is scheme
    assert proves(proof, ha1(scheme, "Mufasa", "Circle of Life", "http-auth@example.org"), "GET")


def test_quotes_in_names() -> None:
    assert read(GOOD.replace(b'"fs1"', rb'"f\"s\\1, uri=\"x"')).username == 'f"s\\1, uri="x'


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"nonsense",
        b"\xff",
        GOOD + b', username="fs2"',
        GOOD.replace(b"qop=auth", b"qop=auth-int"),
        GOOD.replace(b"qop=auth, ", b""),
        GOOD.replace(b"MD5", b"MD5-sess"),
        GOOD.replace(b"nc=00000001", b"nc=1"),
        GOOD.replace(b"nc=00000001", b"nc=0000000g"),
        GOOD.replace(b'cnonce="c", ', b""),
        GOOD + b", userhash=true",
        GOOD + b', x="' + b"y" * 9000 + b'"',
    ],
)
def test_what_is_none(header: bytes) -> None:
    assert read(GOOD).username == "fs1"
    with pytest.raises(BadDigest):
        read(header)
