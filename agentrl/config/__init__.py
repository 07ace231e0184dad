"""The configuration of a run: read from TOML, overridden with `--set key=value`, written resolved into the run folder.

Unknown keys are errors that name the nearest valid one. Importing this module pulls in no torch.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from agentrl.config.groups import JudgeConfig, LookaheadConfig, TournamentConfig
from agentrl.config.learn import GainConfig, ModelConfig, OptimConfig, RLConfig, WarmStartConfig
from agentrl.config.play import AsyncConfig, EngineConfig, EnvConfig, EvalConfig, FailureConfig
from agentrl.config.price import Price
from agentrl.config.routing import ExecutorConfig, RoutingConfig
from agentrl.config.section import Section
from agentrl.config.toml import assign, parse_value, table
from agentrl.errors import ConfigError

__all__ = [
    "AsyncConfig",
    "Config",
    "EngineConfig",
    "EnvConfig",
    "EvalConfig",
    "ExecutorConfig",
    "FailureConfig",
    "GainConfig",
    "JudgeConfig",
    "LookaheadConfig",
    "ModelConfig",
    "OptimConfig",
    "Price",
    "RLConfig",
    "RoutingConfig",
    "RunConfig",
    "TournamentConfig",
    "WarmStartConfig",
    "known_keys",
    "parse_value",
]


class RunConfig(Section):
    """Where the results go and how often they are written."""

    name: str = "run"
    dir: str = ""
    """The run folder; "" takes the first free `runs/<name>-NNN`."""
    checkpoint_every: int = Field(1, ge=1)
    """RL steps between checkpoints. A killed run resumes from the last one."""
    keep_checkpoints: int = Field(2, ge=1)


class Config(Section):
    """A whole run."""

    seed: int = 0
    run: RunConfig = RunConfig()
    env: EnvConfig = EnvConfig()
    model: ModelConfig = ModelConfig()
    warm_start: WarmStartConfig = WarmStartConfig()
    rl: RLConfig = RLConfig()
    lookahead: LookaheadConfig = LookaheadConfig()
    eval: EvalConfig = EvalConfig()
    engine: EngineConfig = EngineConfig()
    async_: AsyncConfig = Field(AsyncConfig(), alias="async")
    failures: FailureConfig = FailureConfig()
    judge: JudgeConfig = JudgeConfig()
    tournament: TournamentConfig = TournamentConfig()
    routing: RoutingConfig = RoutingConfig()

    @model_validator(mode="after")
    def _check_adapters(self) -> Self:
        if self.engine.publish == "lora" and not (self.model.lora_rank and self.model.path):
            raise ValueError("engine.publish = 'lora' publishes adapters: set model.lora_rank and model.path, too")
        if self.engine.publish == "lora" and self.warm_start.demonstrations:
            raise ValueError(
                "engine.publish = 'lora' needs servers that hold what the adapters are trained on, and a warm start "
                "changes it: set warm_start.demonstrations = 0, or publish = 'checkpoint'"
            )
        return self

    @field_validator("model", mode="before")
    @classmethod
    def _model_is_a_path(cls, value: Any) -> Any:
        """`model = "PATH"` is short for `model.path = "PATH"`."""
        return {"path": value} if isinstance(value, str) else value

    @classmethod
    def load(cls, path: Path | None = None, overrides: Iterable[str] = ()) -> Self:
        """Read a TOML file (None: the defaults) and apply `key=value` overrides with dotted keys.

        Raises:
            ConfigError: the file cannot be read, or a value is wrong.
            UnknownNameError: there is no such key; the message names the nearest.
        """
        data: dict[str, Any] = {}
        if path is not None:
            try:
                data = tomllib.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError as e:
                raise ConfigError(f"{path}: no such configuration file") from e
            except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
                raise ConfigError(f"{path}: {e}") from e
        for item in overrides:
            key, separator, text = item.partition("=")
            if not separator:
                raise ConfigError(f"--set {item}: write it as key=value, e.g. --set rl.steps=50")
            assign(data, key.strip().split("."), parse_value(text.strip()), item)
        try:
            return cls.model_validate(data)
        except ValidationError as e:
            first = e.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"configuration key {where}: {first['msg'].removeprefix('Value error, ')} (got {first['input']!r:.80})"
            ) from e

    def toml(self) -> str:
        """The configuration as TOML, without `env.token`; `Config.load` reads it back to an equal value."""
        data = self.model_dump(mode="json")
        lines = [f"seed = {data.pop('seed')}"]
        for name, section in data.items():
            lines += table(name, section)
        return "\n".join(lines) + "\n"


def known_keys(section: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """All dotted keys, for help and completion."""
    keys: list[str] = []
    for field, info in section.model_fields.items():
        name, kind = info.alias or field, info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += known_keys(kind, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys
