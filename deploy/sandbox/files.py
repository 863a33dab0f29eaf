"""Proof files: a web root on loopback that anyone here may write into, and the CA's fetcher.

Every name of the sandbox has its web server here: the `Host` header says whose file is meant. A file may also be a
redirect, so that a test can lead the CA astray.
"""

import asyncio
import json
import ssl
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from deploy.sandbox.state import Store

PROOF_FOLDER = "/.well-known/pki-validation/"
_REDIRECTS = frozenset({301, 302, 307, 308})
_WITHOUT_BODY = frozenset({204, 205, 304})
_MOST_REDIRECTS = 10
_LONGEST_PATH = 2000
_BIGGEST_BODY = 4096
_FETCH_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}


class WebFile(BaseModel):
    """What stands at one path of one name; body of `PUT /control/files/{host}/{path}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content: str = Field(default="", max_length=100_000)
    status: int = Field(default=200, ge=200, le=599)
    """Any final status, or a redirect together with `location`."""
    location: str = Field(default="", max_length=4000)
    """Target of a redirect; empty for a file."""


class WebRoot:
    """Files by name and path, in memory and in the state file; besides, a folder may be served."""

    def __init__(self, store: Store, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder
        self._files: dict[tuple[str, str], WebFile] = {}
        for row in store.rows("file"):
            host, path, body = json.loads(row)
            self._files[host, path] = WebFile.model_validate(body)

    def put(self, host: str, path: str, file: WebFile) -> None:
        """Write a file, over another one if need be."""
        key = _key(host, path)
        self._files[key] = file
        self._store.put_all(("file", "".join(key), json.dumps([*key, file.model_dump()])))

    def remove(self, host: str, path: str) -> bool:
        """Delete a file; `False` when there was none."""
        key = _key(host, path)
        self._store.drop_row("file", "".join(key))
        return self._files.pop(key, None) is not None

    def find(self, host: str, path: str) -> WebFile | None:
        """The file of a name at a path: one that was put, else `<folder>/<host>/<path>`."""
        key = _key(host, path)
        return self._files.get(key) or self._on_disk(*key)

    def files(self) -> list[tuple[str, str, WebFile]]:
        """Every file that was put, as host, path and content."""
        return [(host, path, file) for (host, path), file in sorted(self._files.items())]

    def clear(self) -> None:
        """Delete every file that was put; the folder is not ours."""
        self._files.clear()
        self._store.drop("file")

    def _on_disk(self, host: str, path: str) -> WebFile | None:
        if self._folder is None or not host or ".." in PurePosixPath(path).parts or host.startswith("."):
            return None
        place = self._folder / host / path.lstrip("/")
        try:
            return WebFile(content=place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def web_app(root: WebRoot) -> Starlette:
    """The web servers of all names."""

    async def serve(request: Request) -> Response:
        host = request.headers.get("host", "").partition(":")[0]
        file = await asyncio.to_thread(root.find, host, request.url.path)
        if file is None:
            return PlainTextResponse("not found", status_code=404)
        if file.location:
            return RedirectResponse(file.location, status_code=file.status if file.status != 200 else 302)
        content = "" if file.status in _WITHOUT_BODY else file.content
        return PlainTextResponse(content, status_code=file.status)

    return Starlette(routes=[Route("/{path:path}", serve, methods=["GET"])])


@dataclass(frozen=True)
class Fetched:
    """A file as the CA got it, or why it got none."""

    content: str | None
    problem: str = ""


class FileFetcher:
    """Fetches proof files as a CA must (Baseline Requirements 3.2.2.4.18).

    Every name is taken to live at one address, whatever the DNS says. An `https` address of a redirect is fetched there
    too, without TLS: on loopback there is no wire to protect, and a CA trusts no certificate here anyway.
    """

    def __init__(self, host: str, port: int) -> None:
        self._base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        # A context that trusts nobody: TLS is never spoken, and loading the roots of the machine takes its time.
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.AsyncClient(timeout=_FETCH_SECONDS, follow_redirects=False, trust_env=False, verify=nobody)

    async def fetch(self, host: str, file_name: str, secret: str) -> Fetched:
        """Fetch a proof file of exactly this name.

        Args:
            host: Fully qualified name, no wildcard.
            file_name: Last part of the path.
            secret: What the file shall say; it must not appear in an address that a redirect names.
        """
        url = f"http://{host}{PROOF_FOLDER}{file_name}"
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                status, body, location = await self._get(url)
                if status in range(200, 300):
                    return Fetched(body) if len(body) <= _BIGGEST_BODY else Fetched(None, "the file is too big")
                if status not in _REDIRECTS or not location:
                    return Fetched(None, f"file not found (HTTP {status})")
                url = urljoin(url, location)
                problem = _why_not(url, secret)
                if problem:
                    return Fetched(None, f"redirect refused: {problem}")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return Fetched(None, f"fetch failed: {type(error).__name__}")
        return Fetched(None, "redirect refused: too many")

    async def close(self) -> None:
        """Close idle connections."""
        await self._http.aclose()

    async def _get(self, url: str) -> tuple[int, str, str]:
        parts = urlsplit(url)
        target = f"{self._base}{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        request = self._http.build_request("GET", target, headers={"host": parts.netloc, "accept": "*/*"})
        answer = await self._http.send(request, stream=True)
        try:
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > _BIGGEST_BODY:
                    break
        finally:
            await answer.aclose()
        return answer.status_code, body.decode("utf-8", errors="replace"), answer.headers.get("location", "")


def _key(host: str, path: str) -> tuple[str, str]:
    return host.lower().rstrip("."), "/" + path.lstrip("/")


def _why_not(url: str, secret: str) -> str:
    """Why a redirect's target may not be followed; empty when it may."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        return "not http or https"
    if parts.username or parts.password or parts.port not in {None, *_PORTS.values()}:
        return "not an authorized port"
    if len(parts.path) > _LONGEST_PATH:
        return "the path is too long"
    first_line = secret.partition("\n")[0]
    return "the secret stands in the address" if first_line and first_line in url else ""
