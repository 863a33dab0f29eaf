"""A mail sink: takes every mail over SMTP (RFC 5321) and delivers it nowhere but into the sandbox's mailbox."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

_IDLE_SECONDS = 60
_BIGGEST_MAIL = 2_000_000
_LONGEST_LINE = 64 * 1024
_PATH = re.compile(r"^(?:FROM|TO):\s*<([^<>]*)>", re.IGNORECASE)
_MOST_RECIPIENTS = 100
#: Takes envelope sender, envelope recipients and the mail as sent.
Deliver = Callable[[str, list[str], bytes], None]


@dataclass
class _Envelope:
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)


class MailSink:
    """The listener."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Bind; port 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        self._server = await asyncio.start_server(self._talk, host, port, limit=_LONGEST_LINE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close the listener and every connection."""
        if self._server is not None:
            self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                await _Session(reader, writer, self._deliver).run()
        finally:
            self._talks.discard(task)
            writer.close()


class _Session:
    """One client's conversation."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deliver: Deliver) -> None:
        self._reader = reader
        self._writer = writer
        self._deliver = deliver
        self._envelope = _Envelope()

    async def run(self) -> None:
        await self._say("220 sandbox mail sink")
        while True:
            line = (await self._line()).decode("utf-8", errors="replace").strip()
            verb, _, argument = line.partition(" ")
            if verb.upper() == "QUIT":
                await self._say("221 bye")
                return
            await self._say(await self._answer(verb.upper(), argument.strip()))

    async def _answer(self, verb: str, argument: str) -> str:
        match verb:
            case "EHLO":
                self._envelope = _Envelope()
                return f"250-sandbox\r\n250-SIZE {_BIGGEST_MAIL}\r\n250-8BITMIME\r\n250 SMTPUTF8"
            case "HELO" | "RSET":
                self._envelope = _Envelope()
                return "250 ok"
            case "MAIL" | "RCPT":
                return self._address(verb, argument)
            case "DATA":
                return await self._data()
            case "NOOP":
                return "250 ok"
            case _:
                return "502 not implemented"

    def _address(self, verb: str, argument: str) -> str:
        found = _PATH.match(argument)
        if found is None or argument[:2].upper() != ("FR" if verb == "MAIL" else "TO"):
            return "501 an address in angle brackets is needed"
        if verb == "MAIL":
            self._envelope = _Envelope(sender=found[1])
            return "250 ok"
        if self._envelope.sender is None:
            return "503 MAIL comes first"
        if not found[1] or len(self._envelope.recipients) >= _MOST_RECIPIENTS:
            return "550 no such mailbox" if not found[1] else "452 too many recipients"
        self._envelope.recipients.append(found[1])
        return "250 ok"

    async def _data(self) -> str:
        if not self._envelope.recipients:
            return "503 RCPT comes first"
        await self._say("354 end with a dot on a line of its own")
        body, is_too_big = bytearray(), False
        while (line := await self._line()) != b".\r\n":
            is_too_big = is_too_big or len(body) + len(line) > _BIGGEST_MAIL
            if not is_too_big:
                body += line.removeprefix(b".") if line.startswith(b"..") else line
        envelope, self._envelope = self._envelope, _Envelope()
        if is_too_big:
            return "552 too big"
        self._deliver(envelope.sender or "", envelope.recipients, bytes(body))
        return "250 taken"

    async def _line(self) -> bytes:
        async with asyncio.timeout(_IDLE_SECONDS):
            return await self._reader.readuntil(b"\r\n")

    async def _say(self, text: str) -> None:
        self._writer.write(f"{text}\r\n".encode())
        await self._writer.drain()
