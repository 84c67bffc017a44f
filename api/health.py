"""`/livez` and `/readyz`, on both listeners, for supervisors and load balancers.

Neither asks a node anything. Live: the event loop turns. Ready: a lookup can be answered,
which takes the catalog and the database.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from api.access import anybody
from api.middle import answerer_of
from api.paths import route
from controlplane.store.errors import StoreError

# Seconds; a load balancer asks often and gives up soon.
DATABASE_PATIENCE = 2.0


def routes() -> list[BaseRoute]:
    """Give the routes of both."""
    return [route("/livez", GET=anybody(livez)), route("/readyz", GET=anybody(readyz))]


async def livez(request: Request) -> Response:
    """Answer 200 as long as the event loop does."""
    return _told(200, {"live": True})


async def readyz(request: Request) -> Response:
    """Answer 200 when a lookup can be answered, else 503 with the reason."""
    answerer = answerer_of(request)
    reason = None
    if not answerer.started:
        reason = "starting"
    else:
        try:
            async with asyncio.timeout(DATABASE_PATIENCE):
                await answerer.ping()
        except TimeoutError:
            reason = "the database does not answer"
        except StoreError as error:
            reason = str(error)
    if reason is not None:
        return _told(503, {"ready": False, "reason": reason})
    return _told(200, {"ready": True, "revision": answerer.catalog.revision})


def _told(status: int, body: dict[str, object]) -> Response:
    return JSONResponse(body, status_code=status, headers={"Cache-Control": "no-store"})
