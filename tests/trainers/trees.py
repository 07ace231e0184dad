"""Small turn trees for the tests of credit and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentrl.types import Group, Outcome, Task, Turn


def turn(
    parent: int | None,
    reward: float = 0.0,
    *,
    actions: int = 2,
    prompt: int = 3,
    observation: str = "",
    outcome: Outcome | None = None,
    **channels: float,
) -> Turn:
    """A turn whose token ids tell where they come from: prompts are 1, actions are 2."""
    return Turn(
        parent=parent,
        prompt_ids=[1] * prompt,
        action_ids=[2] * actions,
        logprobs=[-0.5] * actions,
        versions=[7] * actions,
        observation=observation,
        action="act",
        rewards={"outcome": reward, **channels},
        outcome=outcome or Outcome.running(),
    )


def chains(*rollouts: Sequence[float], actions: int = 2, observations: Sequence[Sequence[str]] | None = None) -> Group:
    """A group that branches at the root only: each rollout is given by the rewards of its turns."""
    group = Group(Task("Test-v0", "0"))
    for i, rewards in enumerate(rollouts):
        parent = None
        for t, reward in enumerate(rewards):
            observation = observations[i][t] if observations else f"{i}/{t}"
            parent = group.add(turn(parent, reward, actions=actions, observation=observation))
    return group


def episodes(*rollouts: Sequence[Mapping[str, float]]) -> Group:
    """Rollouts given by the channels of each turn."""
    group = Group(Task("Test-v0", "0"))
    for turns in rollouts:
        parent = None
        for rewards in turns:
            parent = group.add(turn(parent, actions=1))
            group.turns[parent].rewards = dict(rewards)
    return group
