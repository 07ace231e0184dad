"""Plain text, shaped: words, paragraphs, tables, distances and diffs."""

from textkit.diffs import Edit, apply, diff, invert, render
from textkit.distance import closest, levenshtein, similarity
from textkit.tables import Column, parse_markdown, render_markdown, render_plain
from textkit.templates import TemplateError, fill
from textkit.words import camel_case, ordinal, plural, slugify, snake_case, split_words, title_case
from textkit.wrapping import center, dedent, indent, justify, truncate, wrap

__all__ = [
    "Column",
    "Edit",
    "TemplateError",
    "apply",
    "camel_case",
    "center",
    "closest",
    "dedent",
    "diff",
    "fill",
    "indent",
    "invert",
    "justify",
    "levenshtein",
    "ordinal",
    "parse_markdown",
    "plural",
    "render",
    "render_markdown",
    "render_plain",
    "similarity",
    "slugify",
    "snake_case",
    "split_words",
    "title_case",
    "truncate",
    "wrap",
]
