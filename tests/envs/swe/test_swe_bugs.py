"""Every modifier: what it makes of code, that nothing else changes, and that the fix leads back byte for byte."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent, indent

import pytest

from agentrl.envs.swe.patches import apply, diff, reverse
from agentrl.errors import ConfigError, CorruptFileError, UnknownNameError
from tests.conftest import require

require("libcst")
from agentrl.envs.swe.bugs.modifiers import MODIFIERS
from agentrl.envs.swe.bugs.planting import Module, Place

ROOT = Path(__file__).parents[3]
IN_FUNCTIONS = [
    ("op_change", "return a + b", ["return a - b"]),
    ("op_change", "return a*b", ["return a/b", "return a//b", "return a%b"]),
    ("op_change", "return a < b", ["return a <= b"]),
    ("op_change", "return 'a %s' % b", []),
    ("flip_operators", "return a and b", ["return a or b"]),
    ("flip_operators", "return a in b", ["return a not in b"]),
    ("flip_operators", "return a is not b", ["return a is b"]),
    ("flip_operators", "a += b", ["a -= b"]),
    ("flip_operators", "return 1 < a <= 2", ["return 1 > a <= 2", "return 1 < a >= 2"]),
    ("op_swap", "return a - b", ["return b - a"]),
    ("op_swap", "return a < b", ["return b < a"]),
    ("op_swap", "return a + a", []),
    ("op_break_chains", "return a + b + c", ["return a + c"]),
    ("op_break_chains", "return a < b < c", ["return a < c", "return a < b"]),
    ("op_break_chains", "return a + b", []),
    ("op_change_const", "return a[1:]", ["return a[2:]", "return a[0:]"]),
    ("op_change_const", "return 0", ["return 1"]),
    ("op_change_const", "return 0.5", ["return 1.5", "return 0.25"]),
    ("op_change_const", "return f(strict=True)", ["return f(strict=False)"]),
    ("op_change_const", "x: Literal[1]", []),
    ("ctrl_invert_if", "if a:\n    b()", ["if not a:\n    b()"]),
    ("ctrl_invert_if", "if not a: b()", ["if a: b()"]),
    (
        "ctrl_invert_if",
        "if a or b:\n    c()\nelse:\n    d()  # no",
        ["if not (a or b):\n    c()\nelse:\n    d()  # no", "if a or b:\n    d()  # no\nelse:\n    c()"],
    ),
    ("ctrl_invert_if", "return a if b else c", ["return c if b else a"]),
    ("ctrl_shuffle", '"""Doc."""\na()\nb()', ['"""Doc."""\nb()\na()']),
    ("remove_loop", "a()\nfor b in c:\n    d()\n# why\nwhile e:\n    f()", None),
    ("remove_cond", "if a:\n    b()\nelse:\n    c()", ["pass", "b()", "if a:\n    b()"]),
    ("remove_cond", "if a:\n    b()\nelif c:\n    d()\nelse:\n    e()", None),
    ("remove_assign", "a = 1\nb: int\nb += 2\nc: int = 3", None),
    ("remove_wrapper", "with a:\n    b()\n    c()", ["b()\nc()"]),
    ("remove_wrapper", "try:\n    a()\nexcept E:\n    b()", ["a()"]),
]
MORE = {  # the bodies of functions that are too long for the table
    "remove_loop": ["a()\n# why\nwhile e:\n    f()", "a()\nfor b in c:\n    d()"],
    "remove_cond": ["pass", "b()", "if a:\n    b()\nelse:\n    e()", "if a:\n    b()\nelif c:\n    d()"],
    "remove_assign": ["b: int\nb += 2\nc: int = 3", "a = 1\nb: int\nc: int = 3", "a = 1\nb: int\nb += 2"],
}
IN_CLASSES = [
    ("class_rm_base", "class A(B, C): pass", ["class A(C): pass", "class A(B): pass"]),
    ("class_rm_base", "class A(B): pass", ["class A: pass"]),
    ("class_rm_base", "class A(B, metaclass=M): pass", ["class A(metaclass=M): pass"]),
    ("class_rm_funcs", "class A:\n    def f(self): ...", ["class A:\n    pass"]),
    (
        "class_rm_funcs",
        "class A:\n    x = 1\n\n    def f(self): ...\n\n    def g(self): ...",
        ["class A:\n    x = 1\n\n    def g(self): ...", "class A:\n    x = 1\n\n    def f(self): ..."],
    ),
    (
        "class_shuffle_funcs",
        "class A:\n    def f(self): ...\n    def g(self): ...",
        ["class A:\n    def g(self): ...\n    def f(self): ..."],
    ),
]


def planted(module: Module, modifier: str) -> list[str]:
    contents = [module.plant(place) for place in module.places(modifier)]
    return [content.decode() for content in contents if content]


def function(body: str) -> str:
    return f"x = 1 + 1\n\n\ndef f(a: 'int | None' = None) -> int:\n{indent(body, '    ')}\n"


@pytest.mark.parametrize(("modifier", "body", "bugs"), IN_FUNCTIONS, ids=lambda value: str(value)[:30])
def test_in_functions(modifier: str, body: str, bugs: list[str] | None) -> None:
    found = planted(Module("f.py", function(body).encode()), modifier)
    assert found == [function(bug) for bug in (MORE[modifier] if bugs is None else bugs)]


@pytest.mark.parametrize(("modifier", "code", "bugs"), IN_CLASSES, ids=lambda value: str(value)[:30])
def test_in_classes(modifier: str, code: str, bugs: list[str]) -> None:
    found = planted(Module("f.py", f"{code}\n".encode()), modifier)
    assert found == [f"{bug}\n" for bug in bugs]


def test_each_modifier_has_an_example() -> None:
    assert {modifier for modifier, _, bugs in [*IN_FUNCTIONS, *IN_CLASSES] if bugs != []} == set(MODIFIERS)


def test_code_outside_of_functions_types_and_decorators_are_left_alone() -> None:
    code = "X = 1 + 2\nif X > 2:\n    X = 0\n\n\n@cache(size=1)\ndef f(a: int | None) -> int | str:\n    return a\n"
    module = Module("f.py", code.encode())
    assert [place for name in MODIFIERS for place in module.places(name)] == []


FILES = ["envs/swe/instance.py", "agentrl/errors.py"]


@pytest.mark.parametrize("name", FILES)
def test_bugs_in_real_code_are_bugs_that_can_be_undone(name: str) -> None:
    content = (ROOT / name).read_bytes()
    module = Module(name, content)
    meaning = ast.dump(ast.parse(content))
    places = [place for modifier in MODIFIERS for place in module.places(modifier)]
    assert len(places) == len(set(places)) > 20
    for place in places:
        bug = module.plant(place)
        if bug is None:
            continue
        assert ast.dump(ast.parse(bug)) != meaning
        patch = diff({name: content}, {name: bug})
        assert apply({name: bug}, reverse(patch)) == {name: content}
        assert Place.parse(str(place)) == place


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfdef f(a):\n    return a + 1\n",
        b"def f(a):\r\n    x = a + 1\r\n    return x\r\n",
        b"# -*- coding: utf-8 -*-\n\n# first\ndef f(a):\n\treturn '\xc3\xbc' * (a  +  1)  # why",
        b"def f(a): return a + 1\n\n\n# the end\n",
    ],
    ids=["mark", "windows", "tabs, no last newline", "comment at the end"],
)
def test_the_rest_stays_as_it_is(content: bytes) -> None:
    module = Module("f.py", content)
    [place] = module.places("op_change")
    assert module.plant(place) == content.replace(b"+", b"-")


def test_what_cannot_be_used_is_told() -> None:
    module = Module("f.py", dedent("def f(a):\n    return a + 1\n").encode())
    with pytest.raises(ConfigError, match=r"there is no f\.py:op_change:1:0"):
        module.plant(Place("f.py", "op_change", 1, 0))
    with pytest.raises(UnknownNameError, match="did you mean 'op_change'"):
        list(module.places("op_chnge"))
    with pytest.raises(ConfigError, match="path:modifier:site:variant"):
        Place.parse("f.py:op_change")
    with pytest.raises(CorruptFileError, match="no Python source"):
        Module("f.py", b"def f(:\n")
    with pytest.raises(CorruptFileError, match="instead of UTF-8"):
        Module("f.py", b"# -*- coding: latin-1 -*-\nx = '\xe4'\n")
