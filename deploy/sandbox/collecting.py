"""Endpoints that hand out certificates: as text, as zip, under older and newer paths."""

import base64
import io
import zipfile

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from deploy.sandbox.book import Order
from deploy.sandbox.calls import Answer, Call, found
from deploy.sandbox.following import blank_answer, certificate_files, download_answer, download_head, encoded_text
from deploy.sandbox.refusals import Code, RefusalError
from deploy.sandbox.wire import Json
from deploy.sandbox.world import World


def download(call: Call) -> Answer:
    """`order/download`."""
    order = found(call)
    if isinstance(order, str):
        return {**blank_answer(order), "Certificates": []}
    return download_answer(call.world, call.request, order)


def download_zip(call: Call) -> Answer:
    """`order/downloadaszip`: the same files in two archives, base64."""
    order = found(call)
    if isinstance(order, str):
        return {**blank_answer(order), "Zip": "", "pkcs7zip": ""}
    texts = certificate_files(call.world, order, as_pkcs7=False)
    bundle = certificate_files(call.world, order, as_pkcs7=True)
    return {**download_head(call.world, order), "Zip": _zip(call.world, texts), "pkcs7zip": _zip(call.world, bundle)}


def download_newer(call: Call) -> Answer:
    """`order/certificate/download`, a path of the newer API description."""
    if call.world.switches.newer_download == "same_as_download":
        return download(call)
    order = found(call)
    if isinstance(order, str):
        return {**blank_answer(order), "CertificateContent": "", "CaCertificateContent": ""}
    texts: list[Json] = [
        encoded_text(call.world, text) for _, text in certificate_files(call.world, order, as_pkcs7=False)
    ]
    leaf, chain = texts or ["", ""]
    return {**download_head(call.world, order), "CertificateContent": leaf, "CaCertificateContent": chain}


def download_csr(call: Call) -> Answer:
    """`order/certificate/csr/download`: the request that was submitted last."""
    order = found(call)
    if isinstance(order, str):
        return {**blank_answer(order), "CSR": ""}
    return {"TheSSLStoreOrderID": order.seller_order_id, "CSR": encoded_text(call.world, _csr_text(order))}


def _csr_text(order: Order) -> str:
    if not order.csr_der_hex:
        raise RefusalError(Code.ORDER_STATE, "The order has no CSR yet")
    return x509.load_der_x509_csr(bytes.fromhex(order.csr_der_hex)).public_bytes(Encoding.PEM).decode()


def _zip(world: World, files: list[tuple[str, str]]) -> str:
    if not files:
        return ""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            # A fixed date in the archive: the same certificate is the same archive.
            archive.writestr(zipfile.ZipInfo(name), "" if world.switches.empty_certificates else text)
    return base64.b64encode(buffer.getvalue()).decode()
