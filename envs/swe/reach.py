"""What Python code reaches for beyond its own business, as far as its syntax shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Literal

from agentrl.envs.swe import syntax

Reach = Literal[
    "runner",  # pytest and its parts
    "interpreter",  # frames, modules, garbage, other code's names
    "dynamic",  # code, or names of modules, made at run time
    "process",  # signals, threads, processes, exit, sockets
    "patching",  # of what belongs to another module
    "environment",  # of the process, as tests see it
    "equality",  # objects that are equal to everything
]

_MODULES: dict[str, Reach] = {
    **dict.fromkeys(("pytest", "_pytest", "py", "pluggy", "unittest", "doctest", "nose", "conftest"), "runner"),
    **dict.fromkeys(("ctypes", "_ctypes", "cffi", "builtins", "dis", "bdb", "pdb", "trace"), "interpreter"),
    **dict.fromkeys(("tracemalloc", "sysconfig", "site", "faulthandler", "_testcapi", "_thread"), "interpreter"),
    **dict.fromkeys(("runpy", "imp", "code", "codeop", "marshal", "zipimport", "pkgutil"), "dynamic"),
    **dict.fromkeys(("signal", "atexit", "subprocess", "multiprocessing", "socket", "pty", "resource"), "process"),
}
"""Modules that no fix of a library newly needs."""

_MEMBERS: dict[str, tuple[Reach, str]] = {
    "sys": (
        "interpreter",
        r"_getframe\w*|_current_\w+|modules|meta_path|path|path_\w+|settrace|setprofile|gettrace|getprofile|addaudithook"
        r"|\w*hook|last_\w+|__dict__|setswitchinterval|monitoring|_\w+",
    ),
    "os": (
        "process",
        r"_exit|abort|kill\w*|fork\w*|exec\w+|spawn\w+|posix_spawn\w*|system|popen|dup2?|close|closerange|write\w*|pipe2?"
        r"|openpty|set\w*id|nice|sched_\w+|setpriority|chroot|mkfifo|mknod|getppid|register_at_fork|wait\w*|environb"
        r"|putenv|unsetenv|__dict__|pidfd_open|memfd_create|login_tty",
    ),
    "gc": ("interpreter", r"get_\w+|callbacks|freeze|set_\w+|disable"),
    "inspect": (
        "interpreter",
        r"stack|trace|currentframe|get(outer|inner)frames|getframeinfo|getsource\w*|getmodule|getclosurevars",
    ),
    "traceback": ("interpreter", r"extract_stack|walk_\w+|StackSummary|print_stack|format_stack"),
    "threading": ("process", r"Thread|Timer|\w*trace\w*|\w*profile\w*|excepthook|enumerate|main_thread|_\w+"),
    "importlib": ("dynamic", r"import_module|reload|util|machinery|_\w+|__import__"),
    "types": ("dynamic", r"CodeType|FrameType"),
    "time": ("environment", r"tzset|clock_settime\w*"),
    "asyncio": ("process", r"create_subprocess\w*|start_\w*server"),
}
"""What of further modules."""

_ATTRIBUTES = re.compile(
    r"f_(back|globals|locals|builtins|code|trace|lineno)|(gi|cr|ag)_(frame|code)|tb_frame|__globals__|__builtins__"
    r"|__subclasses__|__code__|__closure__|__loader__|__spec__|__getattribute__|__import__|__self__|_getframe|_current_frames"
    r"|addaudithook|settrace|setprofile|meta_path|path_hooks"
)
_BUILTINS = {"eval", "exec", "compile", "__import__", "__builtins__", "__loader__", "__spec__", "breakpoint"}
_NAMED = re.compile(
    r"PYTEST_\w+|_?pytest(\b.*)?|>>>>> .*|/proc(/.*)?|(.*/)?(conftest|sitecustomize)(\.py)?"
    r"|(.*/)?\.git(/.*)?|.*\.pth"
)
"""Texts that name the runner or its surroundings."""
_HOOKS = re.compile(r"pytest_\w+|collect_ignore(_glob)?")


def reaches(source: bytes) -> Iterator[tuple[Reach, str]]:
    """Every place that does, as its kind and a name for it.

    Raises:
        SyntaxError, ValueError, RecursionError: this Python cannot read it.
    """
    visitor = _Visitor()
    visitor.visit(syntax.parse(source))
    yield from visitor.found


class _Visitor(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: list[tuple[Reach, str]] = []
        self.modules: dict[str, str] = {}
        """Of the names that stand for modules, which."""
        self.foreign: set[str] = set()
        """Names from absolute imports."""

    def add(self, kind: Reach, what: str) -> None:
        self.found.append((kind, what))

    # -- imports -----------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            top = each.name.split(".")[0]
            self._module(each.name)
            self.modules[each.asname or top] = each.name if each.asname else top
            self.foreign.add(each.asname or top)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for each in node.names:
            if node.level == 0:
                module = node.module or ""
                self._module(module)
                self._member(module, each.name)
                self.modules[each.asname or each.name] = f"{module}.{each.name}"
                self.foreign.add(each.asname or each.name)
            elif _ATTRIBUTES.fullmatch(each.name):
                self.add("interpreter", each.name)

    def _module(self, name: str) -> None:
        if kind := _MODULES.get(name.split(".")[0]):
            self.add(kind, name)

    def _member(self, module: str, name: str) -> None:
        known = _MEMBERS.get(module) or _MEMBERS.get(module.rpartition(".")[2].lstrip("_"))
        if known and (name == "*" or re.fullmatch(known[1], name)):
            self.add(known[0], f"{module}.{name}")

    # -- names and attributes ----------------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in _BUILTINS:
            self.add("dynamic", node.id)
        elif not isinstance(node.ctx, ast.Load) and _HOOKS.fullmatch(node.id):
            self.add("runner", node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        base = _root(node)
        if _ATTRIBUTES.fullmatch(node.attr):
            self.add("interpreter", node.attr)
        if isinstance(node.value, ast.Name) and node.value.id in self.modules:
            self._member(self.modules[node.value.id], node.attr)
        elif isinstance(node.value, ast.Attribute):
            self._member(node.value.attr.lstrip("_"), node.attr)
        if not isinstance(node.ctx, ast.Load) and base in self.foreign:
            self.add("patching", ast.unparse(node))
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        name = ast.unparse(node.value)
        if not isinstance(node.ctx, ast.Load) and _root(node) in self.foreign:
            kind: Reach = "environment" if name.endswith("environ") else "patching"
            self.add(kind, ast.unparse(node))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str | bytes):
            self._text(node.value if isinstance(node.value, str) else node.value.decode(errors="replace"))

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if (text := _folded(node)) is not None:
            self._text(text)
        self.generic_visit(node)

    def _text(self, text: str) -> None:
        if (_ATTRIBUTES.search(text) and not re.search(r"\s", text)) or text in _BUILTINS - {"compile"}:
            self.add("interpreter", repr(text[:80]))
        elif text in ("__eq__", "__class__"):
            self.add("equality", repr(text))
        elif _NAMED.fullmatch(text):
            self.add("runner", repr(text[:80]))

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        for name in filter(_ATTRIBUTES.fullmatch, node.kwd_attrs):
            self.add("interpreter", name)
        self.generic_visit(node)

    # -- calls and definitions ---------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.args:
            target = _root(node.args[0])
            if node.func.id in ("setattr", "delattr") and target in self.foreign:
                self.add("patching", ast.unparse(node)[:80])
            elif node.func.id == "getattr" and len(node.args) > 1:
                name = node.args[1]
                if isinstance(name, ast.Constant) and target in self.modules:
                    self._member(self.modules[target], str(name.value))
                elif target in self.modules or not isinstance(name, ast.Constant | ast.Name | ast.Attribute):
                    self.add("dynamic", ast.unparse(node)[:80])
            elif node.func.id == "vars" and target in self.foreign:
                self.add("interpreter", ast.unparse(node)[:80])
        if isinstance(node.func, ast.Attribute) and _root(node.func) in self.foreign:
            called = ast.unparse(node.func)
            if re.search(r"\benviron\.(update|setdefault|pop|popitem|clear)$", called):
                self.add("environment", called)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if _HOOKS.fullmatch(node.name):
            self.add("runner", node.name)
        if node.name in ("__eq__", "__instancecheck__") and _always(node):
            self.add("equality", node.name)
        if node.name in ("__getattribute__", "__class__"):
            self.add("interpreter", node.name)
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in ("__eq__", "__ne__", "__class__", "pytest_plugins"):
                self.add("equality" if target.id != "pytest_plugins" else "runner", target.id)
            elif isinstance(target, ast.Name) and isinstance(node.value, ast.Name) and node.value.id in self.modules:
                self.modules[target.id] = self.modules[node.value.id]
                self.foreign.add(target.id)
        self.generic_visit(node)


def _root(node: ast.expr) -> str:
    """The name that an expression of attributes and items starts from."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _folded(node: ast.expr) -> str | None:
    """A text that is written in pieces."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _folded(node.left), _folded(node.right)
        return None if left is None or right is None else left + right
    return None


def _always(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether all that a function may return is a true constant."""
    returns = [each.value for each in ast.walk(node) if isinstance(each, ast.Return)]
    return bool(returns) and all(isinstance(value, ast.Constant) and value.value for value in returns)
