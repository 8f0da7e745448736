"""Sockets of servers."""

import pytest

from crossimage.server.listening import listen


@pytest.mark.parametrize("port", [-1, 65536, 99999, 65536 * 65536 + 80])
def test_a_number_that_is_not_a_port_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match=f"--port {port} is not a port; expected 0 to 65535"):
        listen("127.0.0.1", port)


def test_zero_is_any_port_that_is_free() -> None:
    with listen("127.0.0.1", 0) as one:
        port = one.getsockname()[1]
        assert port > 0
        with pytest.raises(ValueError, match=f"port {port} of 127.0.0.1 is in use"):
            listen("127.0.0.1", port)
