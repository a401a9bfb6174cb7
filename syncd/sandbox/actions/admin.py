"""Routes under ``/_sandbox`` about actions: what would have been sent, and what waits to happen.

======================  ================================================================================
GET /_sandbox/outbox    every letter that a real Flowtly would have e-mailed; DELETE empties it
GET /_sandbox/jobs      the counterparties that wait for their enrichment; POST does it now
======================  ================================================================================

Must never answer under the API prefix.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.sandbox.handlers import Handlers


def action_routes(handlers: Handlers) -> list[Route]:
    """The routes, without their common ``/_sandbox``."""

    async def outbox(request: Request) -> Response:
        if request.method == "DELETE":
            handlers.outbox.clear()
            return Response(status_code=204)
        return JSONResponse(handlers.outbox.letters())

    async def jobs(request: Request) -> Response:
        if request.method == "POST":
            return JSONResponse({"done": handlers.branding.run()})
        return JSONResponse({"waiting": handlers.branding.waiting()})

    return [
        Route("/outbox", outbox, methods=["GET", "DELETE"]),
        Route("/jobs", jobs, methods=["GET", "POST"]),
    ]
