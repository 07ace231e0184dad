"""The checklist of an episode while it is played: which items each step satisfies, and when that is not enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentrl.agents.judges.checklist import parse_checklist
from agentrl.agents.judges.state import Judge, State, Step
from agentrl.errors import ConfigError
from agentrl.types import Outcome, Task, Turn

STRICT_ITEM_UNMET = "strict_item_unmet"
"""Why an episode is truncated that leaves a user turn without one of its strict items."""


class ChecklistMonitor:
    """Judges each step of an episode; a `Monitor` of `agentrl.agents.episode`.

    A step gets the channel `checklist/<user turn>/<item>` for each item that was open when it began: not satisfied,
    with all dependences satisfied. It is 1 where the step satisfied the item, else 0. An item that is satisfied before
    it is open counts as such, and earns nothing. What is satisfied stays so.

    The user turn is `info["user_turn"]`, counted from 0; an environment without it has one only. Where it moves on and
    a strict item of the turn before is not satisfied, the episode is truncated, unless `strict` is False.

        AgentLoop(make_env, agent, limits, monitor=partial(ChecklistMonitor, CheckJudge()))

    Args:
        judge: says which items hold.
        task: has the checklist in its reference.

    Raises:
        ConfigError: it has none, or one that contradicts itself.
    """

    def __init__(self, judge: Judge, task: Task, *, strict: bool = True) -> None:
        self._judge, self._task, self._strict = judge, task, strict
        self._checklist = parse_checklist(task.reference.get("checklist", ()), f"task {task.task_id}")
        self._steps: tuple[Step, ...] = ()
        self._opening = ""
        self._user_turn = self._begun = 0
        self._satisfied: frozenset[str] = frozenset()
        """Items of the current user turn."""

    async def __call__(self, turn: Turn, info: Mapping[str, Any]) -> None:
        if len(self._checklist) > 1 and "user_turn" not in info:
            raise ConfigError(
                f"task {self._task.task_id} has a checklist for {len(self._checklist)} user turns, and its environment "
                "does not tell them apart by info['user_turn']"
            )
        self._opening = self._opening or turn.observation
        self._steps = (*self._steps, Step.of(turn, info))
        items = self._checklist[self._user_turn] if self._user_turn < len(self._checklist) else ()
        waiting = [item for item in items if item.id not in self._satisfied]
        if waiting:
            state = State(self._opening, self._steps, self._begun, info)
            verdicts = await self._judge.verdicts(waiting, state)
            for item, verdict in zip(waiting, verdicts, strict=True):
                if self._satisfied.issuperset(item.dependence):
                    turn.rewards[f"checklist/{self._user_turn}/{item.id}"] = float(verdict)
            self._satisfied |= {item.id for item, verdict in zip(waiting, verdicts, strict=True) if verdict}
        if (reached := info.get("user_turn", 0)) != self._user_turn:
            unmet = any(i.required_for_next_turn and i.id not in self._satisfied for i in items)
            if self._strict and unmet and not turn.outcome.done:
                turn.outcome = Outcome.truncated(STRICT_ITEM_UNMET)
            self._user_turn, self._begun, self._satisfied = reached, len(self._steps), frozenset()
