"""A small expression language: tokens, trees, values, and text again."""

from parsing.derive import derive
from parsing.errors import EvaluationError, ExpressionError, ParseError
from parsing.evaluator import Evaluator, evaluate
from parsing.formatter import format_tree
from parsing.nodes import Binary, Call, Choice, Node, Number, Unary, Variable, names
from parsing.parser import parse
from parsing.simplify import simplify
from parsing.tokens import Token, tokenize

__all__ = [
    "Binary",
    "Call",
    "Choice",
    "EvaluationError",
    "Evaluator",
    "ExpressionError",
    "Node",
    "Number",
    "ParseError",
    "Token",
    "Unary",
    "Variable",
    "derive",
    "evaluate",
    "format_tree",
    "names",
    "parse",
    "simplify",
    "tokenize",
]
