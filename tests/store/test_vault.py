"""The key file and what it seals."""

import base64
import os
import threading
from pathlib import Path

import pytest

from controlplane.store import KeyFileError, SealBroken, Vault


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    sealed = Vault.load(path).seal("hush", "1@1")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
    assert Vault.load(path).open(sealed, "1@1") == "hush"


def test_many_that_start_at_once_use_one_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keys: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: keys.append(Vault.load(path).fingerprint_key())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700 | 0o011])
def test_a_key_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    Vault.load(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Vault.load(path)


@pytest.mark.parametrize("content", [b"", b"not base64!", base64.b64encode(b"short"), b"A" * 2000])
def test_a_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="does not hold a key"):
        Vault.load(path)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be made: No such file"):
        Vault.load(tmp_path / "nowhere" / "key")


def test_a_sealed_text_opens_only_in_its_place_and_with_its_key() -> None:
    vault = Vault(os.urandom(32))
    sealed = vault.seal("päss\U0001f511", "7@2")
    assert vault.open(sealed, "7@2") == "päss\U0001f511"
    assert b"p\xc3" not in sealed
    for place in ("7@1", "8@2", ""):
        with pytest.raises(SealBroken):
            vault.open(sealed, place)
    with pytest.raises(SealBroken):
        Vault(os.urandom(32)).open(sealed, "7@2")


@pytest.mark.parametrize("place", [0, 1, 5, 13, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    vault = Vault(os.urandom(32))
    sealed = bytearray(vault.seal("hush", "1@1"))
    sealed[place] ^= 1
    with pytest.raises(SealBroken):
        vault.open(bytes(sealed), "1@1")
    with pytest.raises(SealBroken):
        vault.open(b"", "1@1")


def test_the_same_text_is_sealed_differently_each_time() -> None:
    vault = Vault(os.urandom(32))
    assert vault.seal("hush", "1@1") != vault.seal("hush", "1@1")


def test_every_use_has_a_key_of_its_own() -> None:
    key = os.urandom(32)
    vault = Vault(key)
    assert len({key, vault.fingerprint_key(), vault.token_pepper()}) == 3
    assert vault.token_pepper() == Vault(key).token_pepper()
