"""The surface `bash`: each action is a command of a shell that remembers; `submit` ends the episode."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from agentrl.envs.swe import shell
from agentrl.envs.swe.surface import InSandbox, Move
from agentrl.envs.swe.testing import ROOT

MANUAL = f"""You repair a Python repository in {ROOT}. Each action is one command (or several lines) for bash; the shell
keeps its state. There is no network, and nothing to type into a program. A command may take {shell.TIME_LIMIT_S:g} s.
Tests run with: pytest. Files of tests must stay as they are. When the repository is repaired, the action is: submit
"""

_FENCED = re.compile(r"```(?:bash|sh|shell)?[ \t]*\n(.*?)\n?```", re.DOTALL)
_PIECE = 16_000


class BashSurface(InSandbox):
    """A sandbox and its shell."""

    manual = MANUAL

    def act(self, action: str) -> Move:
        command = command_of(action)
        if command == "submit":
            return Move("submitted", submit=True)
        if not command:
            return Move("no command: write one for bash, or submit", problem="format")
        ran = self.workspace.shop.call(shell.run(self.workspace, command))
        output = f"{ran.output.rstrip()}\n" if ran.output.strip() else ""
        if ran.exit_code is None:
            return Move(f"{output}[killed: it took more than {shell.TIME_LIMIT_S:g} s]", problem="tool")
        memory = ", out of memory" if ran.oom_killed else ""
        return Move(f"{output}[exit {ran.exit_code}{memory}]", problem="tool" if ran.exit_code in (126, 127) else "")

    def oracle(self, solved: Mapping[str, bytes]) -> Iterator[str]:
        now = self.files()
        for path in sorted(self.workspace.start.files.keys() | solved):
            if now.get(path) == solved.get(path):
                continue
            where = shlex.quote(str(ROOT / path))
            if path not in solved:
                yield f"rm {where}"
                continue
            text = solved[path].decode()
            for at in range(0, max(len(text), 1), _PIECE):
                yield f"printf %s {shlex.quote(text[at : at + _PIECE])} {'>>' if at else '>'} {where}"
        yield "submit"


def command_of(action: str) -> str:
    """What an answer says to do: its last fenced block if it has one, else all of it."""
    blocks = _FENCED.findall(action)
    return str(blocks[-1] if blocks else action).strip()
