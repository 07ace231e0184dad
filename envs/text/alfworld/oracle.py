"""The privileged oracle: commands that win from any state that can be won, planned over the true state.

It plans on a copy of the state and carries each command out there, so what it yields is valid by construction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentrl.envs.text.alfworld.state import BIT, State
from agentrl.errors import AgentRLError

if TYPE_CHECKING:
    from agentrl.envs.text.alfworld.engine import Engine

_TREATMENTS = {
    "pick_clean_then_place_in_recep": ("cleanobject", "sinkbasintype", "cleanable", "isclean"),
    "pick_heat_then_place_in_recep": ("heatobject", "microwavetype", "heatable", "ishot"),
    "pick_cool_then_place_in_recep": ("coolobject", "fridgetype", "coolable", "iscool"),
}
"""Task type → action, receptacle that does it, what the object has to be, what it becomes."""


class NoPlanError(AgentRLError):
    """The goal is out of reach from here, e.g. because the object in hand fits into no receptacle of the scene."""


def plan(engine: Engine, state: State) -> list[str]:
    """Commands that lead from `state` to the goal; empty if it holds already.

    Raises:
        NoPlanError: it cannot be reached.
    """
    planner = _Planner(engine, state.copy())
    if engine.share(state) < 1:
        planner.solve()
    return planner.commands


class _Planner:
    def __init__(self, engine: Engine, state: State) -> None:
        self.engine, self.state, self.goal = engine, state, engine.game.goal
        self.commands: list[str] = []
        self.kinds = [o.type for o in engine.objects]
        self.homes = [r for r, receptacle in enumerate(engine.receptacles) if receptacle.type == self.goal.receptacle]

    def solve(self) -> None:
        if self.goal.task_type == "look_at_obj_in_light":
            self._look()
        elif self.goal.task_type == "pick_two_obj_and_place":
            self._place_two()
        else:
            self._place_one()
        if self.engine.share(self.state) < 1:
            raise NoPlanError(f"{self.engine.game.game_id}: no plan from here reaches the goal")

    # -- the tasks ---------------------------------------------------------------------------------------------

    def _place_one(self) -> None:
        action, appliance, able, done = _TREATMENTS.get(self.goal.task_type, ("", "", "pickupable", ""))
        targets = [o for o in self._targets() if self.state.has(o, able)]
        thing = self._pick(targets, done)
        self._hold(thing)
        if action and not self.state.has(thing, done):
            where = self._nearest([r for r, it in enumerate(self.engine.receptacles) if it.type == appliance])
            self._go(where)
            self._do(action, o=thing, r=where)
        self._put(thing, self._nearest(self.homes))

    def _place_two(self) -> None:
        targets = set(self._targets())
        home = max(self._reachable(self.homes), key=lambda r: len(targets & {*self.state.contents[r]}), default=None)
        if home is None:
            raise self._no_plan("there is no place to put it")
        while self.engine.share(self.state) < 1:
            thing = self._pick([o for o in targets if o not in self.state.contents[home]])
            self._hold(thing)
            self._put(thing, home)

    def _look(self) -> None:
        lamps = [
            o
            for o, kind in enumerate(self.kinds)
            if kind == self.goal.toggle and self.state.has(o, "toggleable") and o != self.state.held
        ]
        lamp = next((o for o in lamps if self._where(o) is not None), None)
        if lamp is None:
            raise self._no_plan("there is no lamp")
        self._hold(self._pick([o for o in self._targets() if o != lamp]))
        where = self._where(lamp)
        assert where is not None
        self._go(where)
        if not self.state.has(lamp, "istoggled"):
            self._do("toggleobject", o=lamp)

    # -- their parts -------------------------------------------------------------------------------------------

    def _targets(self) -> list[int]:
        return [o for o, kind in enumerate(self.kinds) if kind == self.goal.object]

    def _pick(self, targets: list[int], done: str = "") -> int:
        """Of the objects that can be had, the one in hand, else one that is treated already, else the first."""
        can = [o for o in sorted(targets) if o == self.state.held or (self._where(o) is not None and self._movable(o))]
        if not can:
            raise self._no_plan("there is no such object to take")
        bit = BIT.get(done, 0)
        return min(can, key=lambda o: (o != self.state.held, not self.state.facts[o] & bit))

    def _hold(self, thing: int) -> None:
        if self.state.held == thing:
            return
        if self.state.held >= 0:
            self._drop()
        where = self._where(thing)
        if where is None:
            raise self._no_plan("there is no such object to take")
        self._open_up(where)
        self._do("pickupobject", o=thing, r=where)

    def _drop(self) -> None:
        """Put down what is held, here if possible."""
        fits = {r for r, it in enumerate(self.engine.receptacles) if self._fits(self.state.held, it.type)}
        # The goal's receptacle last: an untreated or surplus object would only have to come out again.
        self._put(self.state.held, self._nearest(sorted(fits - {*self.homes}) or sorted(fits)))

    def _put(self, thing: int, where: int) -> None:
        self._open_up(where)
        self._do("putobject", o=thing, r=where)

    def _open_up(self, r: int) -> None:
        self._go(r)
        if self.engine.openable[r] and not self.state.opened >> r & 1:
            self._do("openobject", r=r)

    def _go(self, r: int) -> None:
        if self.engine.location_of[r] != self.state.at:
            self._do("gotolocation", r=r)

    def _do(self, action: str, *, o: int | None = None, r: int | None = None) -> None:
        engine = self.engine
        command = engine.texts.commands[action].format(
            o="" if o is None else engine.object_names[o], r="" if r is None else engine.receptacle_names[r]
        )
        if engine.step(self.state, command) is None:
            raise self._no_plan(f"{command!r} is impossible")
        self.commands.append(command)

    # -- what it knows -----------------------------------------------------------------------------------------

    def _where(self, thing: int) -> int | None:
        """A receptacle that holds the object and can be reached."""
        holders = [r for r, contents in enumerate(self.state.contents) if thing in contents]
        return next(iter(self._reachable(holders)), None)

    def _movable(self, thing: int) -> bool:
        return self.state.has(thing, "pickupable")

    def _fits(self, thing: int, receptacle_type: str) -> bool:
        return (receptacle_type, self.kinds[thing]) in self.engine.game.can_contain

    def _reachable(self, receptacles: list[int]) -> list[int]:
        return [r for r in receptacles if self.engine.location_of[r] >= 0]

    def _nearest(self, receptacles: list[int]) -> int:
        """One where the agent stands, else the first."""
        reachable = self._reachable(receptacles)
        if not reachable:
            raise self._no_plan("there is no place for it")
        return min(reachable, key=lambda r: self.engine.location_of[r] != self.state.at)

    def _no_plan(self, reason: str) -> NoPlanError:
        return NoPlanError(f"{self.engine.game.game_id}: {reason}")
