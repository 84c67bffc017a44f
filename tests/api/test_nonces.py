import base64

from api.nonces import Nonces


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_nonce_is_taken_once_for_each_count() -> None:
    nonces = Nonces()
    nonce = nonces.new()
    assert nonces.take(nonce, 1)
    assert not nonces.take(nonce, 1)
    assert nonces.take(nonce, 3)
    assert not nonces.take(nonce, 2)
    assert nonces.take(nonces.new(), 1)


def test_a_nonce_ends_and_is_forgotten() -> None:
    clock = Clock()
    nonces = Nonces(lifetime=30, clock=clock)
    used, late = nonces.new(), nonces.new()
    assert nonces.take(used, 1)
    clock.now += 30.5
    assert not nonces.take(late, 1)
    assert nonces.take(nonces.new(), 1)
    assert len(nonces) == 1
    assert not nonces.take(used, 2)


def test_only_our_own_are_taken() -> None:
    nonces = Nonces()
    token = bytearray(base64.urlsafe_b64decode(nonces.new()))
    token[0] ^= 1
    for nonce in (base64.urlsafe_b64encode(token).decode(), Nonces().new(), "", "x", "é", "A" * 1000):
        assert not nonces.take(nonce, 1)


def test_another_spelling_of_a_used_one_is_not_taken() -> None:
    nonces = Nonces()
    nonce = nonces.new()
    assert nonces.take(nonce, 1)
    assert not nonces.take(nonce + "=", 1)
    assert not nonces.take(f" {nonce}", 1)


def test_many_at_once_take_no_more_memory_and_none_is_taken_twice() -> None:
    clock = Clock()
    nonces = Nonces(most=3, clock=clock)
    made = []
    for _ in range(10):
        clock.now += 0.1
        made.append(nonces.new())
        assert nonces.take(made[-1], 1)
        assert len(nonces) <= 3
    assert not any(nonces.take(nonce, 1) for nonce in made)
