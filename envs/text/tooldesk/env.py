"""`ToolDesk-v0`: customers, tools, and a policy that the database itself enforces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.text.tooldesk.calls import Call, Done, parse
from agentrl.envs.text.tooldesk.checklist import checklist
from agentrl.envs.text.tooldesk.conversation import Conversation
from agentrl.envs.text.tooldesk.domain import MANUALS
from agentrl.envs.text.tooldesk.expert import Expert
from agentrl.envs.text.tooldesk.oracle import plan
from agentrl.envs.text.tooldesk.progress import call_share, state_share
from agentrl.envs.text.tooldesk.reference import record
from agentrl.envs.text.tooldesk.simulated import ToolSimulator, simulate
from agentrl.envs.text.tooldesk.tasks import DOMAINS, SIZES, kind_of, load_task, parse_id, task_ids
from agentrl.envs.text.tooldesk.tools import ToolError, transfer
from agentrl.envs.text.tooldesk.user import greeting
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

_TOOLS = ("live", "simulated")
_ILL_FORMED = frozenset({"format", "unknown_tool", "schema"})


class ToolDeskEnv(TextEnv):
    """Serve a customer by tools over a database: one action a turn, `tool key=value`, `say[text]` or `done[]`.

    Args:
        split: `train`, `valid` or `test`; they have different customers.
        domain: `retail` or `airline`; None for both in turn.
        tools: `live` runs them on the database; `simulated` answers a call of the reference dialogue as recorded and
            leaves others to `simulator`.
        simulator: for simulated tools; without one, an unrecorded call is an infrastructure error.
        manual: what the first observation begins with: the policy and the tools as `text`, or with the tools' JSON
            schemas as `json`; or `none`, for a policy that has learned them.
        render_mode: `ansi` or None.

    Reward channels: `outcome` is 1 where the episode ends with the database in exactly the goal state; `progress` is
    what the turn added to the share of the way there, see `progress.py`; `policy` is -1 for a call that a rule
    refuses; `format` is -1 for an action that is no call of a tool by its schema.
    `info` has `user_turn` (index of the wish talked about), and after a call or an utterance `call` or `said`.
    """

    family = "text"
    splits: tuple[str, ...] = tuple(SIZES)
    channels: tuple[str, ...] = ("outcome", "progress", "policy", "format")

    def __init__(
        self,
        *,
        split: str | None = None,
        domain: str | None = None,
        tools: str = "live",
        simulator: ToolSimulator | None = None,
        manual: str = "text",
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        if domain is not None and domain not in DOMAINS:
            raise UnknownNameError("domain", domain, DOMAINS)
        if tools not in _TOOLS:
            raise UnknownNameError("kind of tools", tools, _TOOLS)
        if manual not in MANUALS:
            raise UnknownNameError("manual", manual, MANUALS)
        if simulator is not None and tools == "live":
            raise ConfigError("a simulator answers only with tools='simulated'; live tools run on the database")
        self.domains = tuple(DOMAINS) if domain is None else (domain,)
        self.simulated, self.simulator, self.manual = tools == "simulated", simulator, manual
        self.blocking = simulator is not None
        self._share = call_share if self.simulated else state_share
        self.state: Conversation | None = None

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in SIZES:
            raise UnknownNameError("split", split, SIZES)
        return task_ids(split, self.domains)

    def begin(self, task_id: str) -> Result:
        task = load_task(task_id)
        self.state = Conversation.begin(task)
        return self._result(f"{task.domain.manuals[self.manual]}User: {greeting(task.script)}")

    def act(self, action: str) -> Result:
        state = self._conversation
        try:
            meant = parse(action)
            if isinstance(meant, Done):
                return self._end("The conversation is over.")
            if not isinstance(meant, Call):
                return self._result(state.say(meant.words), said=meant.words)
            meant = state.checked(meant)
            output = self._call(meant)
        except ToolError as error:
            return self._refused(error)
        about = {"tool": meant.tool, "arguments": dict(meant.arguments), "ok": not output.startswith("error")}
        if meant.tool == transfer.name:
            return self._end(output, call=about)
        before = state.share
        if state.task.domain.tools[meant.tool].writes:
            state.share = self._share(state)
        return self._result(output, {"progress": state.share - before}, call=about)

    def oracle(self) -> Iterator[str]:
        return iter([action.text() for action in plan(self.state)] if self.state else ())

    def kind(self, task_id: str) -> str:
        """Domain and main goal, e.g. `retail/exchange`."""
        return kind_of(task_id)

    def reference(self, task_id: str) -> Mapping[str, Any]:
        """`dialogue`, see `reference.py`, and `checklist`: per user turn a list of items, see `checklist.py`."""
        dialogue = record(task_id)
        return {"dialogue": dialogue.to_json(), "checklist": checklist(load_task(task_id), dialogue)}

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Expert:
        """An expert that reads only the text; call it right after `reset`."""
        return Expert(parse_id(self.task_id)[1], mistakes=mistakes, seed=seed)

    def copy_state(self, state: Any) -> Any:
        return None if state is None else state.copy()

    @property
    def _conversation(self) -> Conversation:
        assert self.state is not None
        return self.state

    def _call(self, call: Call) -> str:
        state = self._conversation
        if self.simulated and call.tool != transfer.name:
            return simulate(state, call, self.simulator)
        return state.call(call)

    def _refused(self, error: ToolError) -> Result:
        rewards = {"policy": -1.0} if error.code == "policy" else {}
        outcome = Outcome.running()
        if error.code in _ILL_FORMED:
            rewards, outcome = {"format": -1.0}, Outcome.invalid_action(str(error))
        return self._result(str(error), rewards, outcome, error=error.to_dict())

    def _end(self, text: str, **about: Any) -> Result:
        solved = self._share(self._conversation) == 1.0
        return self._result(text, {"outcome": float(solved)}, Outcome.terminated(success=solved), **about)

    def _result(
        self, text: str, rewards: Mapping[str, float] | None = None, outcome: Outcome | None = None, **about: Any
    ) -> Result:
        info = {"user_turn": self._conversation.user.wish, **about}
        channels = dict.fromkeys(self.channels, 0.0) | dict(rewards or {})
        return Result(text, channels, outcome or Outcome.running(), info=info)
