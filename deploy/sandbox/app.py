"""The web side of the sandbox in one application: `/rest`, `/control`, `/pki`, the page at `/` and `/approve`."""

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from deploy.sandbox.approving import ApprovalPages
from deploy.sandbox.control import ControlApi
from deploy.sandbox.control_outside import OutsideControl
from deploy.sandbox.issuer import IssuingDesk
from deploy.sandbox.ocsp import OcspResponder
from deploy.sandbox.page import Page
from deploy.sandbox.rest import SellerApi
from deploy.sandbox.world import World


def build_app(world: World, desk: IssuingDesk) -> Starlette:
    """Put the parts together."""

    async def publish(request: Request) -> Response:
        return _pki_file(world, str(request.path_params["file"]))

    return Starlette(
        routes=[
            *ControlApi(world, desk).routes(),
            *OutsideControl(world).routes(),
            *ApprovalPages(world, desk).routes(),
            *Page(world, desk).routes(),
            *OcspResponder(world).routes(),
            Route("/pki/{file}", publish, methods=["GET"]),
            Route("/rest/{path:path}", SellerApi(world).serve, methods=["GET", "POST"]),
        ]
    )


def _pki_file(world: World, file: str) -> Response:
    """A revocation list or an issuer's certificate, DER, as leaves point at them."""
    name, _, kind = file.partition(".")
    issuer = world.ca.issuer(name)
    if issuer is not None and kind == "crt":
        return Response(issuer.certificate.public_bytes(Encoding.DER), media_type="application/pkix-cert")
    crl = world.ca.crl(name, world.revocations(name), world.clock.now()) if kind == "crl" else None
    if crl is None:
        return PlainTextResponse("not found", status_code=404)
    return Response(crl, media_type="application/pkix-crl")
