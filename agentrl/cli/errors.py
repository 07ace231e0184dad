"""From exceptions to one line and an exit code: 2 for a user's mistake, 130 for Ctrl-C; a bug keeps its traceback."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import pydantic
import typer

from agentrl.errors import AgentRLError

MISTAKE, INTERRUPTED = 2, 130

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_PERMISSION = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class Interrupted(Exception):  # noqa: N818 - no error: somebody pressed Ctrl-C
    """Ctrl-C where there is more to say than that."""


def exit_code(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run the command line and return what the process should exit with."""
    command = typer.main.get_command(app)
    try:
        code = command.main(list(arguments), prog_name="agentrl", standalone_mode=False)
    except typer.TyperException as error:  # wrong usage: a command, option or argument
        message = error.format_message()
        return _complain(message) if message else MISTAKE  # none where the help was shown for want of arguments
    except Interrupted as message:
        return _complain(str(message), INTERRUPTED)
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        return _complain(line)
    # typer turns KeyboardInterrupt into its exit code
    return _complain("interrupted", INTERRUPTED) if code == INTERRUPTED else int(code or 0)


def explain(error: Exception) -> str | None:
    """What to tell the user about an error that is not a bug; None for a bug."""
    if isinstance(error, AgentRLError):
        return str(error)
    if isinstance(error, pydantic.ValidationError):
        first = error.errors()[0]
        return f"{error.title}: {'.'.join(map(str, first['loc']))}: {first['msg']} (got {first['input']!r:.80})"
    number = error.errno if isinstance(error, OSError) else None
    where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
    # safetensors and torch wrap the system's error in one of their own and keep only its text
    if number in _NO_SPACE or (number is None and os.strerror(errno.ENOSPC) in str(error)):
        return f"{where}no space left to write; make room, then continue a run with: agentrl train --resume RUN"
    if number in _NO_PERMISSION:
        return f"{where}no permission; choose another place, for a run with: --set run.dir=PATH"
    return None


def _complain(message: str, code: int = MISTAKE) -> int:
    print("agentrl: " + " ".join(message.split()), file=sys.stderr)
    return code
