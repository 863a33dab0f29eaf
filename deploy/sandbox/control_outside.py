"""The control API's view of the world around an order: web servers and mailboxes."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.sandbox.control_guard import ControlError, Handler, guarded, read_body
from deploy.sandbox.files import WebFile
from deploy.sandbox.wire import Json
from deploy.sandbox.world import World


class OutsideControl:
    """Serves the part of `/control/…` that plays web servers and mailboxes."""

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


def _place(request: Request) -> tuple[str, str]:
    return str(request.path_params["host"]), "/" + str(request.path_params["path"])


def _shown(host: str, path: str, file: WebFile) -> dict[str, Json]:
    return {"host": host, "path": path, **file.model_dump()}
