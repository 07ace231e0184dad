"""The environment contract: a Gymnasium environment of text that can be forked and that can solve itself.

An author subclasses `TextEnv` and writes four methods (`tasks`, `begin`, `act`, `oracle`); everything else, from
seeding to `fork`, is here. `gym.make` puts `Episode` around it, which carries the contract through Gymnasium's own
wrappers and gives the time limit a typed outcome.
"""

from __future__ import annotations

import asyncio
import copy
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, cast

import gymnasium as gym
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from agentrl.envs.spaces import Unicode
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """What `begin` and `act` return."""

    text: str
    """The observation."""
    rewards: Mapping[str, float] = field(default_factory=dict)
    """Reward channels of this turn alone; `outcome` is the environment's scalar reward, 0 where it is missing."""
    outcome: Outcome = field(default_factory=Outcome.running)
    admissible_commands: Sequence[str] | None = None
    """Every command that does something here, where the family knows them."""
    info: Mapping[str, Any] = field(default_factory=dict)
    images: Sequence[bytes] = ()
    """PNG files that belong to the observation, where they are asked for: a constructor argument `screenshots` does.

    `info["images"]` has them, here and on a server; agents of a model that sees show them to it.
    """


class Demonstrator(Protocol):
    """An expert that acts from observations alone, so that a policy can learn to do what it does."""

    last_was_mistake: bool
    """Whether the last action was a deliberate mistake, made to show the recovery; it is not to be imitated."""

    def act(self, observation: str) -> str:
        """The next command, given what the last one brought (first: the observation of `reset`)."""
        ...


class Core(Protocol):
    """What `Episode` needs beyond Gymnasium of the environment inside: a `TextEnv`, or one on a server."""

    family: str
    splits: tuple[str, ...]
    channels: tuple[str, ...]
    split: str
    blocking: bool
    task_id: str
    turn_limit: int | None

    def tasks(self, split: str | None = None) -> Sequence[str]: ...
    def kind(self, task_id: str) -> str: ...
    def reference(self, task_id: str) -> Mapping[str, Any]: ...
    def oracle(self) -> Iterator[str]: ...
    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Demonstrator: ...
    def snapshot(self) -> Any: ...
    def restore(self, snapshot: Any) -> None: ...
    def fork(self) -> Self: ...


class TextEnv(gym.Env[str, str]):
    """Base of all text environments.

    `reset(seed=…, options={"task": id})` plays that task; without `task` it draws one from `split`. The same task and
    actions give the same text on every machine. All mutable state of an episode lives in `self.state`, which
    `copy_state` copies: that is what makes `snapshot`, `restore` and `fork` work.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012 - as Gymnasium declares it
    action_space: spaces.Space[str] = Unicode()
    observation_space: spaces.Space[str] = Unicode()

    family: ClassVar[str] = "text"
    splits: tuple[str, ...] = ("train",)
    channels: tuple[str, ...] = ("outcome",)
    """Names of the reward channels that `act` may return; `family/*` stands for any below."""
    blocking: bool = False
    """Whether a step may take longer than a millisecond; the agent loop then steps it in a thread."""
    pictured: ClassVar[Mapping[str, Any]] = {}
    """Arguments with which its observations have pictures, where it can make any; people who watch get those."""

    turn_limit: int | None = None
    """The most turns of an episode, where there is a time limit around the environment: `Episode` sets it."""

    state: Any = None
    """State of the running episode; None before the first reset and after the end."""

    def __init__(self, *, split: str | None = None, render_mode: str | None = None) -> None:
        self.split = split or self.splits[0]
        if self.split not in self.splits:
            raise UnknownNameError("split", self.split, self.splits)
        self.render_mode = render_mode
        self.task_id = ""
        self._last = ""

    # -- what an author writes ---------------------------------------------------------------------------------

    @abstractmethod
    def tasks(self, split: str | None = None) -> Sequence[str]:
        """Ids of the tasks of a split (default: the environment's own). May be lazy and practically endless."""

    @abstractmethod
    def begin(self, task_id: str) -> Result:
        """Set `self.state` to the start of a task and return the first observation.

        Raises:
            UnknownNameError: there is no such task.
        """

    @abstractmethod
    def act(self, action: str) -> Result:
        """Carry out one action on `self.state`. Must survive any string."""

    @abstractmethod
    def oracle(self) -> Iterator[str]:
        """Actions that solve the rest of the episode from here, when each is carried out in turn."""

    def kind(self, task_id: str) -> str:
        """Category of a task, for balanced sampling and reports; "" where there are none."""
        return ""

    def reference(self, task_id: str) -> Mapping[str, Any]:
        """What is known of a task's answer, as plain values that JSON can carry; empty where nothing is.

        For the trainer alone (`Task.reference`): none of it may show in an observation or in `info`. The usual keys are
        `answer` (the text that the oracle answers), `answer_form` (an action that gives one, with `{answer}` in it),
        `aliases` (others that count as much), `entities` and `evidence`.

        Raises:
            UnknownNameError: there is no such task.
        """
        return {}

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Demonstrator:
        """An expert for the episode that `reset` began. By default the oracle, which knows what it cannot see.

        Args:
            mistakes: share of turns in which it errs on purpose and then recovers.

        Raises:
            ConfigError: mistakes are asked for and this environment's demonstrator cannot make any.
        """
        if mistakes:
            raise ConfigError(
                f"{type(self).__name__} demonstrates by its oracle, which makes no mistakes: set them to 0"
            )
        return _OracleDemonstrator(self.oracle())

    def copy_state(self, state: Any) -> Any:
        """An independent copy of `state`. Override it where `copy.deepcopy` is slow."""
        return copy.deepcopy(state)

    # -- what everybody calls ----------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        options = dict(options or {})
        task_id = options.pop("task", None)
        if options:
            raise UnknownNameError("reset option", next(iter(options)), ["task"])
        if task_id is None:
            ids = self.tasks(self.split)
            task_id = ids[int(self.np_random.integers(len(ids)))]
        self.task_id = str(task_id)
        result = self.begin(self.task_id)
        self._last = result.text
        return result.text, self._info(result)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if self.state is None:
            raise gym.error.ResetNeeded("call reset() before step(): no episode is running")
        if not isinstance(action, str):
            raise TypeError(f"an action is a str, not {type(action).__name__}: {action!r:.80}")
        result = self.act(action)
        outcome = result.outcome
        self._last = result.text
        info = self._info(result)
        if outcome.done:
            self.state = None
        reward = float(result.rewards.get("outcome", 0.0))
        return result.text, reward, outcome.status == "terminated", outcome.status == "truncated", info

    def snapshot(self) -> Any:
        """The point reached, as an opaque value that `restore` takes, here or in another environment of this id."""
        return (self.task_id, self._last, self.copy_state(self.state))

    def restore(self, snapshot: Any) -> None:
        """Continue from a `snapshot`, which stays usable."""
        self.task_id, self._last, state = snapshot
        self.state = self.copy_state(state)

    def fork(self) -> Self:
        """A second environment at the same point; neither disturbs the other."""
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        twin.state = self.copy_state(self.state)
        return twin

    def render(self) -> str | None:
        return self._last if self.render_mode == "ansi" else None

    def _info(self, result: Result) -> dict[str, Any]:
        info: dict[str, Any] = {
            "task_id": self.task_id,
            "outcome": result.outcome,
            "rewards": dict(result.rewards),
            **result.info,
        }
        if result.admissible_commands is not None:
            info["admissible_commands"] = list(result.admissible_commands)
        if result.images:
            info["images"] = list(result.images)
        return info


@dataclass(slots=True)
class _OracleDemonstrator:
    actions: Iterator[str]
    last_was_mistake: bool = False

    def act(self, observation: str) -> str:
        return next(self.actions)


class Episode(gym.Wrapper[str, str, str, str], RecordConstructorArgs):
    """Outermost wrapper of every registered environment: the contract, time limit included.

    A step that Gymnasium's `TimeLimit` cuts off gets the outcome `truncated("max_episode_steps")`. `fork` and
    `snapshot` take the step count along, so a fork has exactly the steps left that its origin had.
    """

    def __init__(self, env: gym.Env[str, str]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        limits = [layer._max_episode_steps for layer in _layers(env) if isinstance(layer, gym.wrappers.TimeLimit)]
        if limits:
            self.core.turn_limit = min(limits)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        if truncated and not info["outcome"].done:
            info["outcome"] = Outcome.truncated("max_episode_steps")
        return observation, float(reward), terminated, truncated, info

    async def reset_async(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """`reset` for event loops: awaits a server, and goes into a thread if the environment may block."""
        found: tuple[str, dict[str, Any]] = await self._awaited("reset", seed=seed, options=options)
        return found

    async def step_async(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """`step` for event loops, as `reset_async`."""
        found: tuple[str, float, bool, bool, dict[str, Any]] = await self._awaited("step", action)
        return found

    async def fork_async(self) -> Self:
        """`fork` for event loops: in a thread where it asks a server, or the environment may block."""
        elsewhere = self.core.blocking or hasattr(self.core, "prefetch")
        return await asyncio.to_thread(self.fork) if elsewhere else self.fork()

    async def _awaited(self, name: str, *args: Any, **kwargs: Any) -> Any:
        call = getattr(self, name)
        if prefetch := getattr(self.core, "prefetch", None):
            await prefetch(name, *args, **kwargs)  # the wrappers are no coroutines; they find the answer there
        elif self.core.blocking:
            return await asyncio.to_thread(call, *args, **kwargs)
        return call(*args, **kwargs)

    @property
    def core(self) -> Core:
        return cast(Core, self.unwrapped)

    @property
    def channels(self) -> tuple[str, ...]:
        return self.core.channels

    def tasks(self, split: str | None = None) -> Sequence[str]:
        return self.core.tasks(split)

    def oracle(self) -> Iterator[str]:
        return self.core.oracle()

    def kind(self, task_id: str) -> str:
        return self.core.kind(task_id)

    def reference(self, task_id: str) -> Mapping[str, Any]:
        return self.core.reference(task_id)

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Demonstrator:
        return self.core.demonstrator(seed=seed, mistakes=mistakes)

    def snapshot(self) -> Any:
        return [getattr(layer, "_elapsed_steps", None) for layer in _layers(self)], self.core.snapshot()

    def restore(self, snapshot: Any) -> None:
        steps, inner = snapshot
        for layer, elapsed in zip(_layers(self), steps, strict=True):
            if elapsed is not None:
                layer._elapsed_steps = elapsed
        self.core.restore(inner)

    def fork(self) -> Self:
        return cast(Self, _twin(self))


def _layers(env: gym.Env[Any, Any]) -> Iterator[Any]:
    """The wrappers around an environment, outermost first."""
    while isinstance(env, gym.Wrapper):
        yield env
        env = env.env


def _twin(env: gym.Env[Any, Any]) -> gym.Env[Any, Any]:
    if not isinstance(env, gym.Wrapper):
        return cast("gym.Env[Any, Any]", cast(Core, env).fork())
    wrapper = copy.copy(env)
    wrapper.env = _twin(env.env)
    return wrapper
