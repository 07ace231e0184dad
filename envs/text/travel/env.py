"""`Travel-v0`: trips to be planned, as well as one can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentrl.envs.base import Result, TextEnv
from agentrl.envs.text.travel import oracle
from agentrl.envs.text.travel.constraints import share
from agentrl.envs.text.travel.itinerary import Itinerary, arrange
from agentrl.envs.text.travel.lookups import FORMS, NotThereError, look_up
from agentrl.envs.text.travel.planner import Planner
from agentrl.envs.text.travel.plans import Entry, Plan, parse_entry
from agentrl.envs.text.travel.reasons import REASONS
from agentrl.envs.text.travel.report import line, totals, whole
from agentrl.envs.text.travel.request import KINDS
from agentrl.envs.text.travel.rubric import SCORES, niceness, weights
from agentrl.envs.text.travel.tasks import SIZES, TravelTask, load_task, parse_id, task_ids
from agentrl.envs.text.travel.world import Sight
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

ACTIONS = f"""{FORMS}
plan NAME day N
plan NAME day N by bus
plan reason WORD
drop NAME
drop all
show
finish
finish TEXT
"""
VERBS = tuple(dict.fromkeys(form.partition(" ")[0] for form in ACTIONS.splitlines()))
MANUAL = f"""Look things up, write a plan and finish it. One action a turn:
{ACTIONS}A plan has flights, trains, sights, and a hotel for each night; "; " stands between several entries.
The day may be left out where there is only one. What is planned for a day happens in the order in which it was
planned. To compare, plan one option and your reasons: price, near, stars, time, early. Prices are for all of you.
"""
MAX_CHARS = 2_000
"""Of one action."""
MAX_ENTRIES = 24
"""Of a plan."""


@dataclass(frozen=True, slots=True)
class Planning:
    """State of an episode; never changed, only replaced."""

    task: TravelTask
    plan: Plan = ()

    @property
    def itinerary(self) -> Itinerary:
        return arrange(self.task.world, self.task.request, self.plan)


class TravelEnv(TextEnv):
    """Plan a trip in a generated world: look things up, write a plan entry by entry, and finish.

    Every task has a world of its own. What a request demands is checked; how well the finished plan meets the wishes
    is graded by a rubric, so that there is no single right answer.

    Args:
        split: `train`, `valid` or `test`; they have different cities, hotels and sights.
        kinds: of the tasks that are listed, default all: `direction` (get somewhere), `search` (find places),
            `compare` (recommend one of three, with reasons), `day` and `days` (plan one or several).
        manual: whether the first observation begins with the actions; leave it out for a policy that has learned them.
        render_mode: `ansi` or None.

    Reward channels, all on the last turn: `outcome` is 1 where the plan is complete and holds every hard constraint,
    which is success; `constraints` is the share of them that hold; `quality` is in [0, 1], see `rubric.py`. A plan that
    was not finished in time scores nothing.
    """

    family = "text"
    splits: tuple[str, ...] = tuple(SIZES)
    channels: tuple[str, ...] = ("outcome", "constraints", "quality")

    def __init__(
        self,
        *,
        split: str | None = None,
        kinds: str | Sequence[str] | None = None,
        manual: bool = True,
        render_mode: str | None = None,
    ) -> None:
        super().__init__(split=split, render_mode=render_mode)
        wanted = KINDS if kinds is None else (kinds,) if isinstance(kinds, str) else tuple(kinds)
        if not wanted:
            raise ConfigError(f"kinds is empty: name some of {', '.join(KINDS)}")
        for kind in wanted:
            if kind not in KINDS:
                raise UnknownNameError("kind", kind, KINDS)
        self.kinds = tuple(kind for kind in KINDS if kind in wanted)
        self.manual = manual
        self.state: Planning | None = None

    def tasks(self, split: str | None = None) -> Sequence[str]:
        split = split or self.split
        if split not in SIZES:
            raise UnknownNameError("split", split, SIZES)
        return task_ids(split, self.kinds)

    def kind(self, task_id: str) -> str:
        return parse_id(task_id)[1]

    def reference(self, task_id: str) -> Mapping[str, Any]:
        """For judges: the `request` in words, its `constraints` as pairs of name and value, the `rubric` as terms with
        weight and meaning, and `entities`, the names in the request. There is no `answer`."""
        request = load_task(task_id).request
        named = [request.origin, request.city, request.base, *request.options]
        named += [value for name, value in request.limits if name == "must"]
        return {
            "request": request.text(),
            "constraints": [[name, list(v) if isinstance(v, tuple) else v] for name, v in request.limits],
            "rubric": [{"term": t, "weight": w, "means": SCORES[t].__doc__} for t, w in weights(request).items()],
            "entities": list(dict.fromkeys(name for name in named if name)),
        }

    def begin(self, task_id: str) -> Result:
        self.state = Planning(load_task(task_id))
        return Result(f"{MANUAL if self.manual else ''}Request: {self.state.task.request.text()}")

    def act(self, action: str) -> Result:
        if len(action) > MAX_CHARS:
            return _invalid("", f"at most {MAX_CHARS} characters")
        verb, _, rest = " ".join(action.split()).partition(" ")
        verb = verb.lower()
        if verb == "finish":
            return self._finish(rest)
        rest = rest.lower()
        if verb == "plan":
            return self._plan(rest)
        if verb == "drop" and rest:
            return self._drop(rest)
        if verb == "show" and not rest:
            return Result(whole(self._planning.itinerary))
        try:
            answer = look_up(self._planning.task.world, f"{verb} {rest}".strip())
        except NotThereError as error:
            return Result(str(error))
        return _invalid(verb) if answer is None else Result(answer)

    def _plan(self, text: str) -> Result:
        state = self._planning
        meant = [parse_entry(part.strip(), state.task.request.default_day) for part in text.split(";")]
        entries = [entry for entry in meant if entry]
        if len(entries) < len(meant):
            return _invalid("plan")
        plan = state.plan
        for entry in entries:
            if problem := self._unfit(entry, plan):
                return Result(f"{problem}; nothing was added")
            plan = (*plan, entry)
        self.state = replace(state, plan=plan)
        it = self.state.itinerary
        return Result("\n".join([*(line(stop) for stop in it.stops if stop.entry in entries), totals(it)]))

    def _unfit(self, entry: Entry, plan: Plan) -> str:
        """Why an entry cannot be added to a plan; "" if it can."""
        task = self._planning.task
        if entry.is_reason:
            known = REASONS.get(task.request.sort, {}) if task.request.kind == "compare" else {}
            if entry.name.removeprefix("reason ") not in known:
                return f"no such reason here; there are {' '.join(known) or 'none'}"
        elif (thing := task.world.find(entry.name)) is None:
            return f"no {entry.name}"
        elif entry.bus and not (task.request.timed and isinstance(thing, Sight)):
            return "by bus one goes to sights"
        if any((e.name, e.day) == (entry.name, entry.day) for e in plan):
            return f"{entry.name} is in the plan"
        if len(plan) >= MAX_ENTRIES:
            return f"at most {MAX_ENTRIES} entries"
        return ""

    def _drop(self, text: str) -> Result:
        state = self._planning
        left = tuple(e for e in state.plan if text not in ("all", e.name, f"{e.name} day {e.day}", e.text()))
        if len(left) == len(state.plan):
            return Result(f"no {text[:40]} in the plan")
        self.state = replace(state, plan=left)
        return Result(totals(self.state.itinerary))

    def _finish(self, words: str) -> Result:
        it = self._planning.itinerary
        holds = share(it)
        solved = holds == 1
        rewards = {"outcome": float(solved), "constraints": holds, "quality": holds * niceness(it)}
        said = f"\nsaid: {words}" if words else ""
        return Result(f"{whole(it)}{said}", rewards, Outcome.terminated(success=solved))

    def oracle(self) -> Iterator[str]:
        return iter(list(oracle.actions(self.state.task, self.state.plan)) if self.state else ())

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Planner:
        """A planner that reads only the text, and takes the first good thing; call it right after `reset`."""
        return Planner(mistakes=mistakes, seed=seed)

    def copy_state(self, state: Planning | None) -> Planning | None:
        return state

    @property
    def _planning(self) -> Planning:
        assert self.state is not None
        return self.state


def _invalid(verb: str, why: str = "") -> Result:
    """How to write what was probably meant."""
    forms = [form for form in ACTIONS.splitlines() if form.startswith(f"{verb} ")]
    text = f"use {' or '.join(forms) if forms else ', '.join(VERBS)}"
    return Result(f"{why}; {text}" if why else text, outcome=Outcome.invalid_action(why or text))
