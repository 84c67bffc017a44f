"""The floor to stay near: an ASGI app that reads the body and answers fixed bytes.

`python -m benchmarks.bare BYTES [CERTIFICATE KEY]` serves it on the same uvicorn settings as the
daemon, over TLS when a certificate is given, and prints its port.
"""

import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

Message = dict[str, Any]


def bare(size: int) -> Callable[..., Awaitable[None]]:
    """Build the app; every answer is `size` bytes long."""
    body = b"x" * size
    headers = [(b"content-type", b"text/xml"), (b"content-length", str(size).encode())]

    async def app(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    """Serve until terminated."""
    size, *tls = sys.argv[1:]
    certificate, key = tls or (None, None)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        bare(int(size)),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
    )
    uvloop.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
