"""A bash that remembers, without a process that lives on.

Each command runs in a bash of its own, which first reads what the last one left in a file of the sandbox, and writes it
anew at its end: folder, variables, functions, aliases, options, umask. So a command that kills its shell, replaces it
or runs for ever costs nothing but its own state, and a fork or a snapshot of the sandbox's files has the shell with it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from agentrl.envs.swe.workspace import STATE, Workspace

TIME_LIMIT_S = 60.0
OUTPUT_BYTES = 16 * 1024
"""Of a command, that are shown: half of them from the beginning, half from the end."""
COMMAND_CHARS = 32_000

# `set +o` and the others write into the file themselves: in a command substitution they would show that one's options.
# There are two files in turn, so that one which a command was killed over, half written, does not count.
_DRIVER = f"""
read -r __slot < {STATE}/slot
. {STATE}/$__slot 2>/dev/null
__save() {{
    __code=$?
    __slot=$((1 - __slot))
    {{
        umask -p
        shopt -p
        declare -p
        declare -f
        declare -Fx
        alias -p
        printf 'cd %q\\n' "$PWD"
        set +o
    }} >|{STATE}/$__slot && printf '%s\\n' $__slot >|{STATE}/slot
}} 2>/dev/null
trap __save EXIT
eval "$1"
__save
trap - EXIT
exit "$__code"
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command brought."""

    output: str
    """stdout and stderr as they came, of bounded length."""
    exit_code: int | None
    """None at the time limit."""
    oom_killed: bool = False


async def run(workspace: Workspace, command: str, *, timeout_s: float = TIME_LIMIT_S) -> Ran:
    """Run a command where the last one left off. What it starts with `&` runs on; its standard input is empty.

    Raises:
        SandboxError: the sandbox failed.
    """
    text = command.replace("\0", "").encode("utf-8", "replace").decode()
    script = f"exec 2>&1; exec bash --noprofile --norc -c {shlex.quote(_DRIVER)} bash {shlex.quote(text)}"
    if len(script.encode()) >= 128 * 1024 or len(text) > COMMAND_CHARS:
        return Ran(f"a command has at most {COMMAND_CHARS} characters: write files in pieces", 126)
    done = await workspace.sandbox.run(script, timeout_s, output_limit=OUTPUT_BYTES)
    return Ran(done.stdout.decode(errors="replace"), done.exit_code, done.oom_killed)
