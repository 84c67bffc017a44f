"""A telephone: as much of SIP over UDP as it takes to register and to call (RFC 3261, RFC 2617)."""

import contextlib
import hashlib
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass

HOST = "127.0.0.1"
PATIENCE = 15.0
_CHALLENGED = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
_REPEATED = ("Via", "From", "To", "Call-ID", "CSeq")
"""What a response takes over from its request."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response. `start`: its first line."""

    start: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, datagram: bytes) -> "Message":
        start, *lines = datagram.decode("utf-8", "replace").partition("\r\n\r\n")[0].split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return cls(start, tuple((name.strip(), value.strip()) for name, _, value in pairs))

    @property
    def status(self) -> int | None:
        """The code of a response; None: it is a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else None

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")


class Phone:
    """A user's telephone. `login`: the name that he gives when challenged, if it is not his own."""

    def __init__(self, port: int, user: str, domain: str, password: str, login: str = "") -> None:
        self.user = user
        self.domain = domain
        self.password = password
        self.login = login or user
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.connect((HOST, port))
        self._own_port = self._socket.getsockname()[1]

    def register(self) -> int:
        """Register for two minutes; gives the last status."""
        dialog = _Dialog(f"sip:{self.domain}", self.user)
        answer = self._ask(dialog, "REGISTER", [("Expires", "120")])
        assert answer.status is not None
        return answer.status

    def agent(self) -> str:
        """What the switch calls itself when it is asked what it can do."""
        return self._ask(_Dialog(f"sip:{self.domain}", self.user), "OPTIONS", []).header("User-Agent")

    @contextlib.contextmanager
    def call(self, number: str) -> Iterator[int]:
        """Call; gives the last status, and hangs up at the end of the block."""
        dialog = _Dialog(f"sip:{number}@{self.domain}", number)
        answer = self._ask(dialog, "INVITE", [("Content-Type", "application/sdp")], self._offer())
        assert answer.status is not None
        if answer.status >= 300:
            yield answer.status
            return
        dialog.to_tag = _tag(answer)
        dialog.target = answer.header("Contact").partition("<")[2].partition(">")[0]
        # The ACK of a 2xx is a transaction of its own (RFC 3261, 13.2.2.4).
        self._send(dialog, "ACK", _branch())
        yield answer.status
        dialog.number += 1
        self._send(dialog, "BYE", _branch())
        self._answer("BYE")

    def close(self) -> None:
        self._socket.close()

    def _ask(self, dialog: "_Dialog", method: str, headers: list[tuple[str, str]], body: str = "") -> Message:
        """Send a request, and once more with the credentials if it is challenged."""
        proof: list[tuple[str, str]] = []
        while True:
            dialog.number += 1
            branch = _branch()
            self._send(dialog, method, branch, [*headers, *proof], body)
            answer = self._answer(method)
            if method == "INVITE" and (answer.status or 0) >= 300:
                self._send(dialog, "ACK", branch, to_tag=_tag(answer))
            if answer.status not in _CHALLENGED or proof:
                return answer
            challenge, name = _CHALLENGED[answer.status]
            proof = [(name, self._proof(method, dialog.target, answer.header(challenge)))]

    def _answer(self, method: str) -> Message:
        """The last response; what the switch asks meanwhile is answered."""
        while True:
            message = Message.parse(self._socket.recv(65535))
            if message.status is None:
                self._agree(message)
            elif message.status >= 200 and message.header("CSeq").endswith(method):
                return message

    def _agree(self, request: Message) -> None:
        if request.start.startswith("ACK"):
            return
        repeated = [f"{name}: {value}" for name, value in request.headers if name.title() in _TITLES]
        lines = ["SIP/2.0 200 OK", *repeated, "Content-Length: 0"]
        self._socket.send("\r\n".join([*lines, "", ""]).encode())

    def _send(
        self,
        dialog: "_Dialog",
        method: str,
        branch: str,
        headers: list[tuple[str, str]] | None = None,
        body: str = "",
        to_tag: str = "",
    ) -> None:
        own = f"{HOST}:{self._own_port}"
        tag = to_tag or dialog.to_tag
        lines = [
            f"{method} {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {own};rport;branch={branch}",
            f"From: <sip:{self.user}@{self.domain}>;tag={dialog.tag}",
            f"To: <sip:{dialog.to}@{self.domain}>" + (f";tag={tag}" if tag else ""),
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {dialog.number} {method}",
            f"Contact: <sip:{self.user}@{own}>",
            "Max-Forwards: 70",
            *(f"{name}: {value}" for name, value in headers or ()),
            f"Content-Length: {len(body)}",
        ]
        self._socket.send("\r\n".join([*lines, "", body]).encode())

    def _proof(self, method: str, uri: str, challenge: str) -> str:
        asked = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge.removeprefix("Digest ")))
        nonce, once = asked["nonce"], secrets.token_hex(4)
        secret = _md5(f"{self.login}:{asked['realm']}:{self.password}")
        response = _md5(f"{secret}:{nonce}:00000001:{once}:auth:{_md5(f'{method}:{uri}')}")
        return (
            f'Digest username="{self.login}", realm="{asked["realm"]}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, cnonce="{once}", nc=00000001'
        )

    def _offer(self) -> str:
        """G.711, to a port at which nobody listens."""
        lines = ["v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0"]
        lines += ["m=audio 9 RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000"]
        return "\r\n".join([*lines, ""])


class _Dialog:
    """What the requests of one call, or of one registration, have in common."""

    def __init__(self, target: str, to: str) -> None:
        self.target = target
        self.to = to
        self.tag = secrets.token_hex(4)
        self.to_tag = ""
        self.call_id = secrets.token_hex(8)
        self.number = 0


_TITLES = frozenset(name.title() for name in _REPEATED)


def _tag(message: Message) -> str:
    return message.header("To").partition(";tag=")[2].partition(";")[0]


def _branch() -> str:
    return f"z9hG4bK{secrets.token_hex(8)}"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
