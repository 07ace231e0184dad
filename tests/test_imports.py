"""Who may import whom, and how light `import agentrl` is."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ["vocabulary", "sandboxes", "envs", "agents", "trainers", "cli"]
"""Lowest first: each may import itself and what stands before it."""
HEAVY = [
    "torch",
    "transformers",
    "tokenizers",
    "textworld",
    "alfworld",
    "jericho",
    "docker",
    "playwright",
    "httptools",
    "websockets",
    "matplotlib",
    "fastapi",
    "uvicorn",
    "msgspec",
    "aiohttp",
    "bm25s",
    "openai",
]
FILES = sorted(
    path
    for room in ("agentrl", "sandboxes", "envs", "agents", "trainers")
    for path in (ROOT / room).rglob("*.py")
    if not any(parent.is_symlink() for parent in path.parents if parent != ROOT)
)


def room_of(module: str) -> str:
    part = module.split(".")[1] if "." in module else ""
    return part if part in ROOMS else "vocabulary"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "agentrl" else ("agentrl", *parts)).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Absolute names of all imports of a file, those within functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by the full name agentrl.…"
            assert node.module
            yield node.module, node.lineno
            if node.module == "agentrl":
                yield from ((f"agentrl.{alias.name}", node.lineno) for alias in node.names)


def test_all_rooms_are_seen() -> None:
    assert {room_of(module_of(path)) for path in FILES} == set(ROOMS)
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_point_down(path: Path) -> None:
    own = ROOMS.index(room_of(module_of(path)))
    for name, line in imports_of(path):
        top = name.partition(".")[0]
        assert top not in ROOMS[1:5], f"{path}:{line}: import agentrl.{name}, not {name}"
        if top == "agentrl":
            imported = room_of(name)
            assert ROOMS.index(imported) <= own, f"{path}:{line}: {ROOMS[own]} must not import {name} from {imported}"


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import agentrl",
        "import agentrl.config",
        "import agentrl.cli",
        "import agentrl.envs",
        "import agentrl.envs.check, agentrl.envs.catalog",
        "import agentrl.sandboxes",
        "import agentrl.agents",
        "import agentrl.trainers.credit",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(statement: str) -> None:
    assert loaded_by(statement).isdisjoint(HEAVY)


def test_import_agentrl_is_quick() -> None:
    code = "import time; t = time.perf_counter(); import agentrl; print(time.perf_counter() - t)"
    seconds = []
    for _ in range(7):
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
        seconds.append(float(done.stdout))
        if seconds[-1] < 0.3:
            break
        time.sleep(0.5)  # a busy machine
    assert min(seconds) < 0.5, f"import agentrl takes {min(seconds):.2f} s at best of {len(seconds)}"
