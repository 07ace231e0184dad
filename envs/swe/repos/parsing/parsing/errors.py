"""What can be wrong with an expression."""

from __future__ import annotations


class ExpressionError(ValueError):
    """Base of all errors of this package."""


class ParseError(ExpressionError):
    """A text that is no expression."""

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(f"{message} at {position}")
        self.text = text
        self.position = position

    def marked(self) -> str:
        """The line of the text with a caret below the place."""
        start = self.text.rfind("\n", 0, self.position) + 1
        end = self.text.find("\n", self.position)
        line = self.text[start:] if end < 0 else self.text[start:end]
        return f"{line}\n{' ' * (self.position - start)}^"


class EvaluationError(ExpressionError):
    """An expression that has no value."""
