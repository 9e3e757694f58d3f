"""Ports belong to a service from the moment they are chosen."""

import socket

import pytest

from scripts.serving.ports import Claims, Door, free_port
from scripts.serving.variables import BadSetting


@pytest.fixture
def claims() -> Claims:
    return Claims({"a": free_port(), "b": free_port()})


def test_nobody_else_gets_a_claimed_port(claims: Claims) -> None:
    wanted = claims["a"]
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", wanted))
    rival = Claims({"a": wanted})
    assert rival["a"] != wanted
    rival.close()
    claims.close()


def test_the_process_that_it_is_for_can_bind_it(claims: Claims) -> None:
    """With SO_REUSEADDR, as Java and Go do; clients reach that process, not the claim."""
    address = ("127.0.0.1", claims["a"])
    with (
        socket.create_server(address) as server,
        socket.create_connection(address, timeout=5) as client,
    ):
        client.sendall(b"x")
        connection, _ = server.accept()
        with connection:
            assert connection.recv(1) == b"x"
    # And again, when it was restarted.
    socket.create_server(address).close()
    claims.close()


def test_a_taken_port_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        claims = Claims({"a": port, "b": port})
        assert len({port, claims["a"], claims["b"]}) == 3
        claims.close()


def test_a_door_belongs_to_one_service() -> None:
    port = free_port()
    door = Door("127.0.0.1", port)
    with pytest.raises(BadSetting, match="another program has this port"):
        Door("127.0.0.1", port)
    with socket.create_server(("127.0.0.1", port)):  # the gateway, with SO_REUSEADDR
        door.close()
        with pytest.raises(BadSetting, match="another program has this port"):
            Door("127.0.0.1", port)


def test_a_door_that_was_just_used_opens_again() -> None:
    """Connections of the service before may still be winding down (TIME_WAIT)."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        client = socket.create_connection(("127.0.0.1", port))
        connection, _ = server.accept()
        connection.close()  # first: its side waits
        client.close()
    Door("127.0.0.1", port).close()


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("127.0.0.1", "another program has this port. Choose another, such as PORT="),
        ("203.0.113.7", "HOST=203.0.113.7: this machine has no such address"),
    ],
)
def test_a_door_that_can_not_be_opened(host: str, sentence: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadSetting) as refused:
        Door(host, taken.getsockname()[1])
    assert sentence in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
