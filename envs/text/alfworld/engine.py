"""ALFWorld's text games in plain Python: the same text, commands and score as the original engine.

The original hands every step to a PDDL planner library and derives every reply from a grammar. Here a game is compiled
into small tables, the actions of the domain are written out as methods, and what can be done at a place is remembered.

Objects, receptacles and locations are indices into their ids in sorted order: that order fixes the numbers in names
and the order of lists, as in the original.
"""

from __future__ import annotations

from bisect import bisect

from agentrl.envs.text.alfworld.game import Game, Rule
from agentrl.envs.text.alfworld.grammar import installed_texts
from agentrl.envs.text.alfworld.names import demangle
from agentrl.envs.text.alfworld.oracle import plan
from agentrl.envs.text.alfworld.progress import progress_of
from agentrl.envs.text.alfworld.replies import Replies
from agentrl.envs.text.alfworld.state import BIT, Action, Menu, State, first_state, with_one, without

NOTHING_HAPPENS = "Nothing happens."

_REMEMBERED = 2048
"""Menus kept per game, a few megabytes at most."""


class Engine:
    """One game, compiled. It never changes visibly, so any number of states may share it.

    Raises:
        MissingExtraError: the game has no texts of its own and `alfworld` is not installed.
    """

    def __init__(self, game: Game) -> None:
        self.game = game
        self.task_type = game.goal.task_type
        self.texts = game.texts or installed_texts()
        self.receptacles = tuple(sorted(game.receptacles, key=lambda r: r.id))
        self.objects = tuple(sorted(game.objects, key=lambda o: o.id))
        locations = sorted(game.locations)
        names = demangle([*(o.id for o in self.objects), *(r.id for r in self.receptacles), *locations])
        many, more = len(self.objects), len(self.objects) + len(self.receptacles)
        self.object_names, self.receptacle_names = names[:many], names[many:more]
        self._say = Replies(self.texts, self.object_names, self.receptacle_names, names[more:])

        index = {name: i for i, name in enumerate(locations)}
        self.location_of = [index.get(r.location, -1) for r in self.receptacles]
        """Receptacle → its location, -1 where it has none."""
        self.receptacles_at: list[list[int]] = [[] for _ in locations]
        """Location → receptacles there, ascending."""
        for r, location in enumerate(self.location_of):
            if location >= 0:
                self.receptacles_at[location].append(r)
        self.openable = [r.openable for r in self.receptacles]
        self._sharp = [o.type in ("knifetype", "butterknifetype") for o in self.objects]
        self._measure = progress_of(
            game.goal, [o.type for o in self.objects], [r.type for r in self.receptacles], self.location_of
        )
        self._first = first_state(self.receptacles, self.objects, locations, game.start)
        self._first.share = self._measure(self._first)

        commands = self.texts.commands
        self._go = dict(sorted((commands["gotolocation"].format(r=name), r) for r, name in self._reachable()))
        """Command → receptacle, sorted."""
        self._elsewhere: list[tuple[str, ...] | None] = [None] * len(locations)
        """Location → commands to go elsewhere, once they were asked for."""
        self._always: dict[str, tuple[Action, int, int]] = {
            commands["inventory"]: (self._inventory, 0, 0),
            commands["look"]: (self._look, 0, 0),
        }
        if "help" in commands:
            self._always[commands["help"]] = (self._help, 0, 0)
        self._menus: dict[tuple[object, ...], Menu] = {}

    # -- what players call -------------------------------------------------------------------------------------

    def start(self) -> State:
        """A fresh state at the start of the game."""
        return self._first.copy()

    def introduction(self, state: State) -> str:
        """The first observation, of a state from `start`: banner, room, task."""
        in_front = self.receptacles_at[state.at]
        look = self._look(state, 0, 0) if in_front else self._say.in_the_middle(r for r, _ in self._reachable())
        return self._say.intro(look, self.game.objective)

    def step(self, state: State, command: str) -> str | None:
        """Carry out a command on `state` and return the reply; None where the original says `NOTHING_HAPPENS`."""
        command = command.strip()
        found = self.menu(state).actions.get(command)
        if found is not None:
            action, one, other = found
            return action(state, one, other)
        r = self._go.get(command)
        # Going to where one stands has no effect, so the original's planner has no such action.
        return None if r is None or self.location_of[r] == state.at else self._goto_location(state, r)

    def commands(self, state: State) -> tuple[str, ...]:
        """The admissible commands, sorted as in the original."""
        return self.menu(state).commands

    def menu(self, state: State) -> Menu:
        """What can be done in `state`."""
        if state.menu is None:
            at, held, contents, opened = state.at, state.held, state.contents, state.opened
            slices = self._sliceable(state) if held >= 0 and self._sharp[held] else ()
            key = (at, held, slices, *[(contents[r], opened >> r & 1) for r in self.receptacles_at[at]])
            state.menu = self._menus.get(key)
            if state.menu is None:
                if len(self._menus) >= _REMEMBERED:
                    self._menus.clear()
                state.menu = self._menus[key] = self._make_menu(state, slices)
        return state.menu

    def share(self, state: State) -> float:
        """Share of the goal reached, see `progress.py`; 1 when the original says "won"."""
        return state.share

    def plan(self, state: State) -> list[str]:
        """Commands that lead from `state` to the goal, planned with full knowledge.

        Raises:
            NoPlanError: it cannot be reached from there.
        """
        return plan(self, state)

    # -- actions of the domain ---------------------------------------------------------------------------------

    def _goto_location(self, state: State, r: int) -> str:
        state.at = self.location_of[r]
        self._changed(state)
        return self._say.arrived(r, state.at, self._see(state, r, 0))

    def _open(self, state: State, r: int, _: int) -> str:
        state.opened |= 1 << r
        state.menu = None
        return self._say.opened(r, self._see(state, r, 0))

    def _close(self, state: State, r: int, _: int) -> str:
        state.opened &= ~(1 << r)
        state.menu = None
        return self._say.done("closeobject", 0, r)

    def _take(self, state: State, o: int, r: int) -> str:
        state.contents[r] = without(state.contents[r], o)
        state.absent[o] |= 1 << r
        state.places[o] &= ~(1 << state.at)
        state.held = o
        self._changed(state)
        return self._say.done("pickupobject", o, r)

    def _put(self, state: State, o: int, r: int) -> str:
        state.contents[r] = with_one(state.contents[r], o)
        state.absent[o] &= ~(1 << r)
        state.places[o] |= 1 << state.at
        state.held = -1
        self._changed(state)
        return self._say.done("putobject", o, r)

    def _clean(self, state: State, o: int, r: int) -> str:
        state.facts[o] |= BIT["isclean"]
        state.share = self._measure(state)
        return self._say.done("cleanobject", o, r)

    def _heat(self, state: State, o: int, r: int) -> str:
        state.facts[o] = state.facts[o] & ~BIT["iscool"] | BIT["ishot"]
        state.share = self._measure(state)
        return self._say.done("heatobject", o, r)

    def _cool(self, state: State, o: int, r: int) -> str:
        state.facts[o] = state.facts[o] & ~BIT["ishot"] | BIT["iscool"]
        state.share = self._measure(state)
        return self._say.done("coolobject", o, r)

    def _slice(self, state: State, o: int, knife: int) -> str:
        state.facts[o] |= BIT["issliced"]
        return self._say.sliced(o, knife)

    def _use(self, state: State, o: int, _: int) -> str:
        state.facts[o] |= BIT["istoggled"]  # never taken back: a lamp that was used stays "toggled"
        state.share = self._measure(state)
        return self._about(state, o, self.texts.after_use)

    def _examine(self, state: State, o: int, _: int) -> str:
        return self._about(state, o, self.texts.about_object)

    def _see(self, state: State, r: int, _: int) -> str:
        how = "on" if not self.openable[r] else "open" if state.opened >> r & 1 else "closed"
        return self._say.contents(r, how, state.contents[r])

    def _inventory(self, state: State, _: int, __: int) -> str:
        return self._say.carrying(state.held)

    def _look(self, state: State, _: int, __: int) -> str:
        here = self.receptacles_at[state.at]
        if not here:
            return self._say.in_the_middle(())  # unlike the introduction, which lists the room
        # An object counts as beside a receptacle that it was taken from, also if it is in another one here.
        beside = [
            o
            for o, places in enumerate(state.places)
            if places >> state.at & 1
            for r in here
            if state.absent[o] >> r & 1
        ]
        return self._say.facing(here, beside)

    def _help(self, _: State, __: int, ___: int) -> str:
        return self._say.texts["help"]

    # -- behind them -------------------------------------------------------------------------------------------

    def _changed(self, state: State) -> None:
        state.menu = None
        state.share = self._measure(state)

    def _make_menu(self, state: State, slices: tuple[int, ...]) -> Menu:
        commands, names, held = self.texts.commands, self.object_names, state.held
        actions = self._always.copy()
        if held >= 0:
            # Only what is held: for objects in view the domain asks for a location of the type "location,", a slip
            # that no location meets.
            actions[commands["examineobject"].format(o=names[held])] = (self._examine, held, 0)
            for o in slices:
                actions[commands["sliceobject"].format(co=names[o], ko=names[held])] = (self._slice, o, held)
        for r in self.receptacles_at[state.at]:
            name = self.receptacle_names[r]
            actions[commands["examinereceptacle"].format(r=name)] = (self._see, r, 0)
            is_open = True
            if self.openable[r]:
                is_open = bool(state.opened >> r & 1)
                if is_open:
                    actions[commands["closeobject"].format(r=name)] = (self._close, r, 0)
                else:
                    actions[commands["openobject"].format(r=name)] = (self._open, r, 0)
            for o in state.contents[r]:
                if is_open and held < 0 and state.facts[o] & BIT["pickupable"]:
                    actions[commands["pickupobject"].format(o=names[o], r=name)] = (self._take, o, r)
                if state.facts[o] & BIT["toggleable"]:
                    actions[commands["toggleobject"].format(o=names[o])] = (self._use, o, 0)
            if held >= 0:
                for action, method in self._uses_of_held(state, r, is_open):
                    actions[commands[action].format(o=names[held], r=name)] = (method, held, r)
        return Menu(self._with_elsewhere(state.at, sorted(actions)), actions)

    def _uses_of_held(self, state: State, r: int, is_open: bool) -> list[tuple[str, Action]]:
        """What can be done with the object in hand at a receptacle: PDDL action and method."""
        kind, facts = self.receptacles[r].type, state.facts[state.held]
        uses: list[tuple[str, Action]] = []
        if is_open and (kind, self.objects[state.held].type) in self.game.can_contain:
            uses.append(("putobject", self._put))
        if kind == "sinkbasintype" and facts & BIT["cleanable"]:
            uses.append(("cleanobject", self._clean))
        elif kind == "microwavetype" and facts & BIT["heatable"]:
            uses.append(("heatobject", self._heat))
        elif kind == "fridgetype" and facts & BIT["coolable"]:
            uses.append(("coolobject", self._cool))
        return uses

    def _with_elsewhere(self, at: int, others: list[str]) -> tuple[str, ...]:
        """The sorted commands `others` and those to go elsewhere, sorted."""
        block = self._elsewhere[at]
        if block is None:
            block = tuple(command for command, r in self._go.items() if self.location_of[r] != at)
            self._elsewhere[at] = block
        cut = bisect(others, block[0]) if block else 0
        if block and cut < len(others) and others[cut] < block[-1]:
            return tuple(sorted([*others, *block]))
        return (*others[:cut], *block, *others[cut:])  # the usual case: nothing falls inside the block

    def _sliceable(self, state: State) -> tuple[int, ...]:
        """Objects that can be sliced here, even in a closed receptacle."""
        return tuple(
            o for o, facts in enumerate(state.facts) if facts & BIT["sliceable"] and state.places[o] >> state.at & 1
        )

    def _about(self, state: State, o: int, rules: tuple[Rule, ...]) -> str:
        inside = self.objects[o].contents
        things = tuple(i for i, thing in enumerate(self.objects) if thing.id in inside) if inside else ()
        return self._say.about(o, state.facts[o], rules, things)

    def _reachable(self) -> list[tuple[int, str]]:
        """Receptacles that have a location, and their names."""
        return [(r, name) for r, name in enumerate(self.receptacle_names) if self.location_of[r] >= 0]
