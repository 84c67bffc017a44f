"""One command to any Event Socket, as ``fs_cli -x`` sends it."""

import socket
from io import BufferedReader


class TellFailed(Exception):  # noqa: N818 - what happened, not what it is
    """The command was not sent or not answered; the text says why."""


def tell(host: str, port: int, password: str, line: str, timeout: float = 30.0) -> str:
    """The reply to one api command. Raises TellFailed, and OSError when there is nobody."""
    if set(line + password) & {"\r", "\n"}:
        raise TellFailed("a command is one line")
    with socket.create_connection((host, port), timeout) as connection, connection.makefile("rb") as stream:
        if _frame(stream)[0].get("content-type") != "auth/request":
            raise TellFailed("the node does not greet: its list of allowed addresses may not hold this one")
        connection.sendall(f"auth {password}\n\n".encode())
        if not _frame(stream)[0].get("reply-text", "").startswith("+OK"):
            raise TellFailed("the node refuses the password")
        connection.sendall(f"api {line}\n\n".encode())
        return _frame(stream)[1]


def _frame(stream: BufferedReader) -> tuple[dict[str, str], str]:
    headers: dict[str, str] = {}
    while (line := stream.readline()) != b"\n":
        if not line:
            raise TellFailed("the node hung up")
        name, _, value = line.decode(errors="replace").partition(":")
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return headers, body.decode(errors="replace")
