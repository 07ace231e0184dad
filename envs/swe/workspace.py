"""A sandbox with the repository of a task in it: where an agent works.

All three surfaces act on it: the shell runs commands, the tools read and write files, and what has become of the
repository is always the same unified diff.
"""

from __future__ import annotations

import io
import re
import tarfile
import weakref
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from agentrl.envs.swe.patches import diff
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.testing import ROOT
from agentrl.envs.swe.toolbox import BIN, SITE
from agentrl.envs.swe.workshop import Workshop, workshop
from agentrl.errors import AgentRLError, SandboxError
from agentrl.sandboxes.handle import Handle
from agentrl.sandboxes.spec import MiB

STATE = PurePosixPath("/tmp/.shell")
"""Folder of what the shell remembers between commands, see `shell.py`."""
_COPY_S = 60.0
_LIMIT = 48 * MiB
"""Of the repository's files, to be looked at for a diff."""
_LITTER = re.compile(r"(^|/)(__pycache__|\.pytest_cache|\.mypy_cache|\.ruff_cache|\.hypothesis)/|\.py[co]$")


class UnreadableError(AgentRLError, ValueError):
    """The agent has made something of the repository that no diff can say. Its own doing, so no `InfraError`."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a task starts from."""

    repository: Repository
    files: Mapping[str, bytes]
    """Those of the repository, with the bug in."""
    image: str = ""
    """With what the repository needs; "" where pytest is enough."""

    def environment(self) -> dict[str, str]:
        """Variables of the shell."""
        paths = [str(SITE), *(str(ROOT / path) for path in self.repository.python_path)]
        return {
            "HOME": "/workspace",
            "LANG": "C.UTF-8",
            "PAGER": "cat",
            "PATH": f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",  # two edits within a second would share what was compiled
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": ":".join(paths),
            "TERM": "dumb",
        }

    def archive(self) -> bytes:
        """All that a fresh sandbox gets, as a tar of paths from its root."""
        exports = "".join(f"export {name}='{value}'\n" for name, value in self.environment().items())
        first = f"shopt -s expand_aliases\n{exports}cd '{ROOT}'\n".encode()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            shell = {f"{STATE}/slot": b"0\n", f"{STATE}/0": first}
            for path, content in {**shell, **{f"{ROOT}/{p}": c for p, c in self.files.items()}}.items():
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size = len(content)
                entry.mode = 0o755 if path.removeprefix(f"{ROOT}/") in self.repository.executables else 0o644
                tar.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()


class Workspace:
    """One sandbox for one episode. Its coroutines run in the workshop's loop, by `Workshop.call`.

    What is forgotten is given back: when nothing refers to a workspace any more, its sandbox is closed.
    """

    def __init__(self, shop: Workshop, kind: str, start: Start, sandbox: Handle) -> None:
        self.shop, self.kind, self.start, self.sandbox = shop, kind, start, sandbox
        self._forgotten = weakref.finalize(self, _give_back, shop, sandbox)
        self._forgotten.atexit = False  # then they all go

    @classmethod
    async def open(cls, kind: str, start: Start) -> Workspace:
        """
        Args:
            kind: of sandbox, see `workshop.PROVIDERS`.

        Raises:
            SandboxError: there is none to be had, or it fails.
        """
        shop = workshop()
        space = cls(shop, kind, start, await shop.acquire(kind, start.image, start.repository.requirements))
        done = await space.sandbox.run("exec tar -xmf - -C /", _COPY_S, stdin=start.archive())
        if not done.ok:
            raise SandboxError("setup_failed", f"cannot unpack the repository: {done.stderr!r:.500}")
        return space

    @classmethod
    async def restore(cls, kind: str, start: Start, packed: bytes) -> Workspace:
        """A fresh sandbox with what `pack` gave."""
        shop = workshop()
        space = cls(shop, kind, start, await shop.acquire(kind, start.image, start.repository.requirements))
        await space.sandbox.unpack(_pieces(packed))
        return space

    async def pack(self) -> bytes:
        """All written files: the repository, the shell's memory, and whatever else the agent wrote."""
        return b"".join([piece async for piece in self.sandbox.pack()])

    async def fork(self) -> Workspace:
        """A second sandbox with the same files; processes are not copied."""
        return Workspace(self.shop, self.kind, self.start, await self.sandbox.fork())

    async def files(self) -> dict[str, bytes]:
        """The regular files of the repository now, without what Python and pytest leave behind.

        Raises:
            UnreadableError: they are too many or too large, or change all the time.
        """
        done = await self.sandbox.run(f"exec tar -cf - -C {ROOT} .", _COPY_S, output_limit=64 * MiB)
        if not done.ok or done.truncated or len(done.stdout) > _LIMIT:
            reason = done.stderr[-300:].decode(errors="replace").strip() or f"larger than {_LIMIT // MiB} MiB"
            raise UnreadableError(f"the repository cannot be read: {reason}")
        return _files(done.stdout)

    async def diff(self) -> str:
        """What the agent has changed, as a unified diff of all files that are UTF-8; "" for nothing.

        Raises:
            UnreadableError: as for `files`.
        """
        before = self.start.files
        after = {p: c for p, c in (await self.files()).items() if p in before or not _LITTER.search(p)}
        changed = {p for p in {*before, *after} if before.get(p) != after.get(p)}
        text = {p for p in changed if _is_text(before.get(p, b"")) and _is_text(after.get(p, b"")) and p.isprintable()}
        return diff({p: before[p] for p in text if p in before}, {p: after[p] for p in text if p in after})

    async def close(self) -> None:
        """Give the sandbox back; repeating that is no error."""
        self._forgotten.detach()
        await self.sandbox.close()


def _give_back(shop: Workshop, sandbox: Handle) -> None:
    shop.chore(sandbox.close())


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), MiB):
        yield content[at : at + MiB]


def _files(archive: bytes) -> dict[str, bytes]:
    """What an untrusted archive holds."""
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for entry in tar:
                if entry.isreg() and not entry.issparse() and entry.size <= len(archive):
                    content = tar.extractfile(entry)
                    assert content
                    found[entry.name.removeprefix("./")] = content.read()
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise UnreadableError(f"the repository cannot be read: {error}") from error
    return found


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
