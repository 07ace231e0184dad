"""Which environments come with agentrl. Names and entry points only: nothing here imports an environment."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, fields
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import EnvSpec, WrapperSpec

from agentrl.env_spec import ContractSpec
from agentrl.errors import ConfigError, UnknownNameError


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """One registered environment."""

    env_id: str
    entry_point: str
    family: str
    max_episode_steps: int
    extra: str
    """The optional dependency group it needs, "" for none."""
    summary: str


ENVIRONMENTS: dict[str, EnvEntry] = {
    entry.env_id: entry
    for entry in (
        EnvEntry("ALFWorld-v0", "agentrl.envs.text.alfworld:ALFWorldEnv", "text", 50, "text", "household tasks"),
        EnvEntry(
            "Countdown-v0", "agentrl.envs.text.countdown:CountdownEnv", "text", 16, "", "numbers to make a number"
        ),
        EnvEntry("Desktop-v0", "agentrl.envs.gui.desktop:DesktopEnv", "gui", 50, "sandbox", "programs to be used"),
        EnvEntry("Grounding-v0", "agentrl.envs.gui.grounding:GroundingEnv", "gui", 10, "web", "places to point at"),
        EnvEntry("MiniWoB-v0", "agentrl.envs.web.miniwob:MiniWoBEnv", "web", 50, "web", "small pages to be used"),
        EnvEntry("SearchQA-v0", "agentrl.envs.text.searchqa:SearchQAEnv", "text", 16, "search", "questions to look up"),
        EnvEntry("SWE-v0", "agentrl.envs.swe.env:SWEEnv", "swe", 40, "swe", "repositories to be repaired"),
        EnvEntry("TextWorld-v0", "agentrl.envs.text.textworld:TextWorldEnv", "text", 100, "text", "text adventures"),
        EnvEntry("ToolDesk-v0", "agentrl.envs.text.tooldesk:ToolDeskEnv", "text", 40, "", "customer service by tools"),
        EnvEntry("Travel-v0", "agentrl.envs.text.travel:TravelEnv", "text", 24, "", "trips to be planned"),
        EnvEntry("WebShop-v0", "agentrl.envs.web.shop:WebShopEnv", "web", 15, "shop", "things to be bought"),
    )
}


_CONTRACT: dict[str, Any] = {
    "order_enforce": False,  # the environments do it
    "disable_env_checker": True,  # `agentrl envs check` looks deeper, once, instead of at every step
    "additional_wrappers": (WrapperSpec("Episode", "agentrl.envs.base:Episode", {}),),
}


def register_environments() -> None:
    """Register all of `ENVIRONMENTS`, and `OpenEnv-v0`, with Gymnasium; called by `import agentrl`."""
    gym.register("OpenEnv-v0", entry_point="agentrl.envs.serving.openenv_client:OpenEnv", **_CONTRACT)
    for e in ENVIRONMENTS.values():
        register(e.env_id, e.entry_point, max_episode_steps=e.max_episode_steps)


def register(env_id: str, entry_point: str, *, max_episode_steps: int | None = None, **kwargs: object) -> None:
    """Register an environment with Gymnasium so that `gym.make(env_id)` honours the whole contract.

    `gym.make(env_id, url=…)` and `gym.make_vec(env_id, num_envs, url=…)` play it on a server (`agentrl serve`).

    Args:
        env_id: Gymnasium id, e.g. `Guess-v0`.
        entry_point: `module:Class` of a subclass of `agentrl.envs.base.TextEnv`.
        max_episode_steps: time limit; `gym.make(…, max_episode_steps=…)` overrides it.
        kwargs: passed to the class.
    """
    gym.register(
        env_id,
        entry_point="agentrl.envs.dispatch:make",
        max_episode_steps=max_episode_steps,
        **_CONTRACT,
        kwargs={"_id": env_id, "_core": entry_point, **kwargs},
    )
    registered = gym.registry[env_id]
    gym.registry[env_id] = ContractSpec(**{f.name: getattr(registered, f.name) for f in fields(EnvSpec) if f.init})


def resolve(env_id: str) -> str:
    """The registered id that is meant by itself or by `module:Id-v0`, where importing the module registers it.

    Raises:
        UnknownNameError: no such id is registered; the message names the nearest.
        ConfigError: the module cannot be imported.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ConfigError(f"{env_id}: {error}") from error
    if name not in gym.registry:
        ours = [i for i, spec in gym.registry.items() if spec.additional_wrappers]  # those of the contract
        raise UnknownNameError("environment", name, ours)
    return name
