"""Routers: who acts for them, what that costs, and how much is known of a task before it is trained on."""

from __future__ import annotations

import itertools
import re
from typing import Self

from pydantic import Field, model_validator

from agentrl.config.price import Price
from agentrl.config.section import Section

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class ExecutorConfig(Section):
    """Somebody who acts: a local Hugging Face folder, or a model on an OpenAI-compatible server."""

    path: str = ""
    """Folder with config.json, weights and tokenizer with a chat template; it plays in this process."""
    url: str = ""
    """Up to and with the version, `http://host:8000/v1`, of a server; in place of `path`."""
    model: str = ""
    """As the server calls it."""
    api_key: str = Field("", exclude=True, repr=False)
    """What the server wants; default: the environment variable AGENTRL_EXECUTOR_API_KEY. Never written to disk."""
    system_prompt: str = ""
    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(24, ge=1)
    """Of an action."""
    price: Price = Price()

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if bool(self.path) == bool(self.url):
            raise ValueError("an executor has a path or a url, and not both")
        if bool(self.url) != bool(self.model):
            raise ValueError("url and model go together: give both, or neither")
        if self.api_key and not self.url:
            raise ValueError("api_key is for a server: give its url, too")
        return self


class RoutingConfig(Section):
    """Train a router, whose actions are the names of executors; without executors the policy acts itself."""

    executors: dict[str, ExecutorConfig] = Field(default_factory=dict)
    """By the name that the router says; cheapest first. Two at least."""
    tasks: int = Field(100, ge=1)
    """The first so many tasks of `env.train_split` are trained on. Before that, the cheapest and the dearest executor
    play each of them alone: their success and cost are the task's boundary."""
    runs: int = Field(5, ge=1)
    """K: episodes of each of the two."""
    threshold: float = Field(0.5, ge=0, lt=1)
    """An executor is held to solve a task if it solved more than this share of them."""
    mixes: int = Field(10, ge=1)
    """N: for the warm start, hard tasks are played with the dearest executor in k/N of the turns, k = 0 … N, and the
    cheapest episode that solved it is imitated."""
    known: str = ""
    """A `routing.jsonl` of an earlier run with the same executors and `threshold`: its tasks are not played again."""
    budget: float = Field(0.0, ge=0)
    """Dollars of an episode that executors never exceed; 0 for no bound."""
    tell_budget: bool = True
    """Whether the router reads how much of it is left. A small one that never read that in training does better
    without: the bound holds either way."""

    @model_validator(mode="after")
    def _check_executors(self) -> Self:
        if not self.executors:
            for name, field in type(self).model_fields.items():
                if name != "executors" and getattr(self, name) != field.default:
                    raise ValueError(f"{name} is for executors: give routing.executors, or leave it out")
            return self
        if len(self.executors) < 2:
            raise ValueError("a router chooses between two executors or more")
        for name in self.executors:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of an executor: letters, digits, - and _")
        for (a, cheap), (b, dear) in itertools.pairwise(self.executors.items()):
            if cheap.price.input > dear.price.input or cheap.price.output > dear.price.output:
                raise ValueError(f"executors come cheapest first, and {a} has a higher price than {b}")
        if not any(executor.price.given for executor in self.executors.values()):
            raise ValueError("executors without prices leave nothing to weigh: give each its price")
        return self
