import socket

import pytest

from api.listeners import Address, CannotListen, address_of, bind


def test_a_free_port_is_taken_and_told() -> None:
    sockets = bind("127.0.0.1", 0)
    try:
        address = address_of(sockets)
        assert address == Address("127.0.0.1", sockets[0].getsockname()[1])
        assert address.url == f"http://127.0.0.1:{address.port}"
    finally:
        for each in sockets:
            each.close()


def test_nothing_is_taken_before_the_server_listens() -> None:
    sockets = bind("127.0.0.1", 0)
    try:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(sockets[0].getsockname(), timeout=5)
    finally:
        for each in sockets:
            each.close()


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1 port {port}: "):
            bind("127.0.0.1", port)


def test_a_name_that_means_nothing_is_one_clear_sentence() -> None:
    with pytest.raises(CannotListen, match=r"cannot listen on no-such-host\.invalid port 0: "):
        bind("no-such-host.invalid", 0)


def test_an_ipv6_address_is_bracketed_in_its_url() -> None:
    assert Address("::1", 8080).url == "http://[::1]:8080"
