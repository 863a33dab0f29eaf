"""The control API's view of the world around an order: web servers, mailboxes, revocation."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.sandbox.catalogue import BY_CODE
from deploy.sandbox.control_guard import ControlError, Handler, guarded, read_body
from deploy.sandbox.echoing import secrets_of
from deploy.sandbox.files import WebFile
from deploy.sandbox.revocation import UNSPECIFIED
from deploy.sandbox.vetting import VettedLevel, VettedOrganization, advance, is_done
from deploy.sandbox.wire import Json
from deploy.sandbox.world import World


class RevocationRequest(BaseModel):
    """Body of `POST /control/certificates/{serial}/revoke`."""

    model_config = ConfigDict(extra="forbid")

    reason: str = UNSPECIFIED
    """A word of RFC 5280: keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn."""


class OrganizationVetted(BaseModel):
    """Body of `POST /control/organizations`: this organisation needs no vetting any more."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    country: str = Field(pattern="^[A-Za-z]{2}$")
    level: VettedLevel = "EV"
    vetted_at: AwareDatetime | None = None
    """When; open for now. After 398 days vetting begins again."""


class OutsideControl:
    """Serves the part of `/control/…` that plays web servers, mailboxes, revocation."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Routes, each behind the guard."""
        file = "/files/{host}/{path:path}"
        table: list[tuple[str, str, Handler]] = [
            ("/files", "GET", self._files),
            (file, "GET", self._file),
            (file, "PUT", self._put_file),
            (file, "DELETE", self._remove_file),
            ("/mails", "GET", self._mails),
            ("/secrets", "GET", self._secrets),
            ("/organizations", "GET", self._organizations),
            ("/organizations", "POST", self._add_organization),
            ("/orders/{order}/vet", "POST", self._vet),
            ("/certificates/{serial}/revoke", "POST", self._revoke),
        ]
        return [Route(f"/control{path}", guarded(handler), methods=[method]) for path, method, handler in table]

    async def _files(self, request: Request) -> Response:
        return JSONResponse({"files": [_shown(*each) for each in self._world.files.files()]})

    async def _file(self, request: Request) -> Response:
        host, path = _place(request)
        file = self._world.files.find(host, path)
        if file is None:
            raise ControlError(404, "no such file")
        return JSONResponse(_shown(host, path, file))

    async def _put_file(self, request: Request) -> Response:
        host, path = _place(request)
        file = await read_body(request, WebFile)
        self._world.files.put(host, path, file)
        self._world.journal.note("file.written", f"file written: http://{host}/{path.lstrip('/')}")
        return JSONResponse(_shown(host, path, file))

    async def _remove_file(self, request: Request) -> Response:
        host, path = _place(request)
        removed = self._world.files.remove(host, path)
        if removed:
            self._world.journal.note("file.removed", f"file removed: http://{host}/{path.lstrip('/')}")
        return JSONResponse({"removed": removed})

    async def _mails(self, request: Request) -> Response:
        mails = self._world.mailbox.mails(request.query_params.get("to", ""))
        return JSONResponse({"mails": [mail.wire() for mail in mails]})

    async def _secrets(self, request: Request) -> Response:
        return JSONResponse({"orders": [secrets_of(order) for order in self._world.book]})

    async def _organizations(self, request: Request) -> Response:
        return JSONResponse({"organizations": [each.model_dump(mode="json") for each in self._world.vetted]})

    async def _add_organization(self, request: Request) -> Response:
        body = await read_body(request, OrganizationVetted)
        vetted_at = body.vetted_at or self._world.clock.now()
        self._world.vetted.add(
            VettedOrganization(name=body.name, country=body.country, level=body.level, vetted_at=vetted_at)
        )
        return await self._organizations(request)

    async def _vet(self, request: Request) -> Response:
        wanted = str(request.path_params["order"])
        order = self._world.book.by_id(wanted) or self._world.book.by_custom_id(wanted)
        if order is None:
            raise ControlError(404, "no such order")
        if order.major != "Pending" or is_done(order.vetting):
            raise ControlError(409, "no vetting of this order is under way")
        now = self._world.clock.now()
        advance(order.vetting, now, seconds=0)
        self._world.note_vetted(order, "EV" if BY_CODE[order.product_code].level == "EV" else "OV")
        self._world.book.save(order, now)
        return JSONResponse({"vetting": [step.model_dump(mode="json") for step in order.vetting]})

    async def _revoke(self, request: Request) -> Response:
        body, serial = await read_body(request, RevocationRequest), str(request.path_params["serial"])
        try:
            revoked = self._world.revoke(serial, body.reason)
        except ValueError as error:
            raise ControlError(400, str(error)) from error
        if not revoked:
            raise ControlError(404, "no such certificate")
        return JSONResponse({"serial": serial, "revoked": True})


def _place(request: Request) -> tuple[str, str]:
    return str(request.path_params["host"]), "/" + str(request.path_params["path"])


def _shown(host: str, path: str, file: WebFile) -> dict[str, Json]:
    return {"host": host, "path": path, **file.model_dump()}
