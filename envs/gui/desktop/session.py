"""A desktop as the host has it: what is on it, and hands to use it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import PurePosixPath
from typing import Any

from agentrl.envs.gui.desktop.events import Event
from agentrl.errors import ActionError, DesktopError
from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.spec import Closable, Completed

HOME = PurePosixPath("/home/user")
RUN = PurePosixPath("/dev/shm/desktop")
"""Where the desktop's own sockets are: no part of what a fork copies."""
SETTLE_S = 10.0
"""Seconds to wait at most for the screen to come to rest."""
LAUNCH_S = 30.0
_GRACE_S = 30.0
_ANSWER = 64 * 2**20
"""Bytes of a line that the controller may answer."""

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True, slots=True)
class Node:
    """An element of the accessibility tree that shows; place and size in pixels of the screen."""

    app: str
    role: str
    """As AT-SPI has it: `push button`, `text`, `table cell` …"""
    name: str
    text: str
    """What it contains; of sliders and the like the value, of terminals the end of what they show."""
    states: frozenset[str]
    """`focused`, `selected`, `checked`, `sensitive`, `editable` …"""
    x: int
    y: int
    width: int
    height: int
    depth: int
    """1 for windows."""

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2


@dataclass(frozen=True, slots=True)
class Window:
    """A window, without its frame; place and size in pixels of the screen."""

    id: int
    title: str
    program: str
    """Its class, such as `Mousepad`."""
    pid: int
    x: int
    y: int
    width: int
    height: int
    focused: bool
    hidden: bool
    """Minimised."""
    command: tuple[str, ...]
    """That of `launch` that opened it; empty where it was opened otherwise."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `Desktop.snapshot` kept: `desks().restore` makes desktops of it, as long as this process lives."""

    image: str
    """Name of the files, for a `SandboxSpec`."""
    programs: tuple[tuple[str, ...], ...]
    """Commands to start again."""
    size: Size


class Desktop(Closable):
    """A desktop in a sandbox. Leaving the `async with` block destroys it.

    Every method raises `SandboxError` when the sandbox fails, and `DesktopError` when the desktop in it does.

    Args:
        sandbox: one of `desks.spec`; closed with the desktop.
        size: of the screen.
    """

    def __init__(self, sandbox: Handle, size: Size) -> None:
        self.sandbox, self.size = sandbox, size
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    # -- files and commands --------------------------------------------------------------------------------------------

    async def run(self, command: str, timeout_s: float) -> Completed:
        """Run a shell command beside the programs, in the home folder, with their environment."""
        return await self.sandbox.run(f". {RUN}/environment; {command}", timeout_s)

    async def read(self, path: str | PurePosixPath) -> bytes:
        """The content of a file; a relative path starts at the home folder.

        Raises:
            OSError: FileNotFoundError and so on.
        """
        return await self.sandbox.read(HOME / path)

    async def write(self, path: str | PurePosixPath, content: bytes) -> None:
        """Create or replace a file, folders included.

        Raises:
            OSError: as for `read`.
        """
        await self.sandbox.write(HOME / path, content)

    # -- what is to be seen --------------------------------------------------------------------------------------------

    async def screenshot(self) -> bytes:
        """The screen as PNG."""
        return (await self._ask("screenshot"))[1]

    async def tree(self, *, limit: int = 1500, seconds: float = 10.0) -> tuple[Node, ...]:
        """The elements that show, in reading order of each program; a program that does not answer is left out.

        Args:
            limit: the most elements.
            seconds: the most time to look for them.
        """
        (rows, _), _ = await self._ask("tree", limit=limit, seconds=seconds)
        return tuple(Node(**{**row, "states": frozenset(row["states"])}) for row in rows)

    async def windows(self) -> tuple[Window, ...]:
        """All but the panel, the oldest first."""
        rows, _ = await self._ask("windows")
        return tuple(Window(**{**row, "command": tuple(row["command"] or ())}) for row in rows if not row.pop("panel"))

    async def focused(self) -> Window | None:
        """The window with the keyboard."""
        return next((window for window in await self.windows() if window.focused), None)

    # -- what can be done ----------------------------------------------------------------------------------------------

    async def launch(self, argv: Sequence[str], *, limit_s: float = LAUNCH_S) -> None:
        """Start a program and wait until its window is there and at rest.

        Raises:
            DesktopError: there is no such program, it failed, or it opened no window within the limit.
        """
        await self._ask("launch", limit_s, argv=list(argv), limit_s=limit_s)

    async def perform(self, events: Sequence[Event]) -> None:
        """Move the mouse and press keys. Returns when that is done; `settle` waits for what comes of it.

        Raises:
            ActionError: X has no such key.
        """
        await self._ask("perform", events=[[type(e).__name__.lower(), *astuple(e)] for e in events])

    async def settle(self, limit_s: float = SETTLE_S) -> bool:
        """Wait until programs have seen all events and draw no more; whether they were at rest within the limit."""
        return bool((await self._ask("settle", limit_s, limit_s=limit_s))[0])

    async def wait(self, limit_s: float = 1.0) -> None:
        """Wait for something to happen on the screen, at most so long, and then until it is at rest."""
        await self._ask("change", limit_s, limit_s=limit_s)
        await self.settle()

    # -- copies and the end --------------------------------------------------------------------------------------------

    async def fork(self) -> Desktop:
        """A second desktop with the same files, on which the programs that have windows here are started again.

        What was not saved is not in it.
        """
        programs = await self.programs()
        return await Desktop.resumed(await self.sandbox.fork(), self.size, programs)

    async def snapshot(self) -> Snapshot:
        """The files and the programs that have windows; what was not saved is not in it."""
        return Snapshot(await self.sandbox.snapshot(), await self.programs(), self.size)

    @classmethod
    async def resumed(cls, sandbox: Handle, size: Size, programs: Iterable[Sequence[str]]) -> Desktop:
        """A desktop on which programs are started; closed if that fails."""
        desktop = cls(sandbox, size)
        try:
            for argv in programs:
                await desktop.launch(argv)
        except BaseException:
            await desktop.close()
            raise
        return desktop

    async def programs(self) -> tuple[tuple[str, ...], ...]:
        """The commands that opened the windows, those of the oldest windows first.

        Of a program that `launch` did not start, such as one from the panel, it is the name alone.
        """
        found: dict[int, tuple[str, ...]] = {}
        for window in await self.windows():
            if window.command or window.pid not in found:
                found[window.pid] = window.command or (window.program.lower(),)
        return tuple(found.values())

    async def close(self) -> None:
        self._hang_up()
        await self.sandbox.close()

    # -- the controller ------------------------------------------------------------------------------------------------

    async def _ask(self, op: str, patience_s: float = 0.0, /, **arguments: Any) -> tuple[Any, bytes]:
        async with self._turn:
            try:
                async with asyncio.timeout(patience_s + _GRACE_S):
                    reader, writer = await self._connect()
                    writer.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
                    await writer.drain()
                    answer = json.loads(await reader.readuntil(b"\n"))
                    body = await reader.readexactly(answer["size"])
            except TimeoutError:
                self._hang_up()
                raise DesktopError(f"the desktop did not answer to {op!r} in {patience_s + _GRACE_S:g} s") from None
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                self._hang_up()
                await self.sandbox.run("true", _GRACE_S)  # raises what happened to the sandbox, if it did
                raise DesktopError(f"the desktop's controller is gone, or was tampered with: {error}") from error
            except BaseException:
                self._hang_up()  # what is still to come would be taken for the next answer
                raise
        if "error" in answer:
            raise (ActionError if answer["kind"] == "ValueError" else DesktopError)(answer["error"])
        return answer["result"], body

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            path = await self.sandbox.socket(RUN / "socket")
            self._streams = await asyncio.open_unix_connection(path, limit=_ANSWER)
        return self._streams

    def _hang_up(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None
