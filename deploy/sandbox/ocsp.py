"""The OCSP responder (RFC 6960): good, revoked or unknown, signed by a delegate of the issuer in question."""

import base64
import binascii
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.sandbox.ca import BRANDS
from deploy.sandbox.ca_profile import Issuer
from deploy.sandbox.revocation import LIST_LIFE
from deploy.sandbox.world import World

_BIGGEST_REQUEST = 10_000
_MOST_NONCE = 32


class OcspResponder:
    """Serves `/pki/ocsp`, for POST and for GET."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Both forms of asking."""
        return [
            Route("/pki/ocsp", self._posted, methods=["POST"]),
            Route("/pki/ocsp/{request:path}", self._asked, methods=["GET"]),
        ]

    async def _posted(self, request: Request) -> Response:
        return _response(self.answer(await request.body()))

    async def _asked(self, request: Request) -> Response:
        try:
            der = base64.b64decode(unquote(str(request.path_params["request"])), validate=True)
        except (binascii.Error, ValueError):
            der = b""
        return _response(self.answer(der))

    def answer(self, request_der: bytes) -> bytes:
        """The DER answer to a DER request."""
        if len(request_der) > _BIGGEST_REQUEST:
            return _failure(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        try:
            asked = ocsp.load_der_ocsp_request(request_der)
            issuer_name = self._issuer_asked(asked)
            nonce = _nonce(asked)
        except (ValueError, UnsupportedAlgorithm, NotImplementedError, x509.DuplicateExtension):
            return _failure(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
        if issuer_name is None:
            return _failure(ocsp.OCSPResponseStatus.UNAUTHORIZED)
        return self._signed(asked, issuer_name, nonce)

    def _signed(self, asked: ocsp.OCSPRequest, issuer_name: str, nonce: bytes | None) -> bytes:
        now = self._world.clock.now().replace(microsecond=0)
        ca, serial = self._world.ca, asked.serial_number
        revocation = self._world.revocations(issuer_name).get(serial)
        status = ocsp.OCSPCertStatus.GOOD
        if revocation is not None:
            status = ocsp.OCSPCertStatus.REVOKED
        elif ca.ledger.issuer_of(serial) != issuer_name:
            status = ocsp.OCSPCertStatus.UNKNOWN
        responder = ca.responder(issuer_name)
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                issuer_name_hash=asked.issuer_name_hash,
                issuer_key_hash=asked.issuer_key_hash,
                serial_number=serial,
                algorithm=asked.hash_algorithm,
                cert_status=status,
                this_update=now,
                next_update=now + LIST_LIFE,
                revocation_time=revocation.at.replace(microsecond=0) if revocation else None,
                revocation_reason=revocation.flag if revocation else None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
            .certificates([responder.certificate])
        )
        if nonce is not None:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.sign(responder.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def _issuer_asked(self, asked: ocsp.OCSPRequest) -> str | None:
        """Name of the issuer of which a request speaks."""
        for name in ("root", *BRANDS):
            issuer = self._world.ca.issuer(name)
            assert issuer is not None
            if _hashes(issuer, asked.hash_algorithm) == (asked.issuer_name_hash, asked.issuer_key_hash):
                return name
        return None


def _hashes(issuer: Issuer, algorithm: hashes.HashAlgorithm) -> tuple[bytes, bytes]:
    """Hashes of name and key as OCSP names an issuer; every issuer here has an EC key."""
    point = issuer.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    found = []
    for data in (issuer.certificate.subject.public_bytes(), point):
        digest = hashes.Hash(algorithm)
        digest.update(data)
        found.append(digest.finalize())
    return found[0], found[1]


def _nonce(asked: ocsp.OCSPRequest) -> bytes | None:
    """The nonce to send back; one of an odd length is no nonce (RFC 8954)."""
    try:
        nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
    return nonce if 0 < len(nonce) <= _MOST_NONCE else None


def _failure(status: ocsp.OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


def _response(der: bytes) -> Response:
    return Response(der, media_type="application/ocsp-response", headers={"cache-control": "no-store"})
