"""What tokens cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from agentrl.config.section import Section

TOKENS = 1_000_000
"""That a price is for."""


class Price(Section):
    """Dollars per million tokens; nothing where all three are 0."""

    input: float = Field(0.0, ge=0)
    """Of a prompt."""
    cached: float = Field(0.0, ge=0)
    """Of that part of a prompt that the same session has sent or got before; without it, the price of `input`."""
    output: float = Field(0.0, ge=0)
    """Of a completion."""

    @model_validator(mode="before")
    @classmethod
    def _cached_is_input(cls, data: Any) -> Any:
        return {"cached": data["input"], **data} if isinstance(data, Mapping) and "input" in data else data

    @property
    def given(self) -> bool:
        return bool(self.input or self.cached or self.output)

    def money(self, cost: Mapping[str, float]) -> float:
        """Dollars for `prompt_tokens`, of which `cached_tokens`, and `completion_tokens`; what is missing counts 0."""
        prompt, cached = cost.get("prompt_tokens", 0), cost.get("cached_tokens", 0)
        spent = (prompt - cached) * self.input + cached * self.cached
        return (spent + cost.get("completion_tokens", 0) * self.output) / TOKENS
