"""ALFWorld's text games in plain Python: the same text, commands and score as the original engine.

The original hands every step to a PDDL planner library and derives every reply from a grammar. Here a game is compiled
into small tables, the actions of the domain are written out as methods, and what can be done at a place is remembered.

Objects, receptacles and locations are indices into their ids in sorted order: that order fixes the numbers in names
and the order of lists, as in the original.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from agentrl.envs.text.alfworld.game import Game, Object
from agentrl.envs.text.alfworld.grammar import installed_texts
from agentrl.envs.text.alfworld.oracle import plan
from agentrl.envs.text.alfworld.progress import progress_of
from agentrl.envs.text.alfworld.state import BIT, State, with_one, without

NOTHING_HAPPENS = "Nothing happens."

Action: TypeAlias = "tuple[Callable[[State, int, int], str], int, int]"
"""A method of `Engine` and its two arguments."""

_REMEMBERED = 8192
"""Menus and lists kept per game, about 2 MB at most."""


class Menu(NamedTuple):
    """What can be done in a state."""

    commands: tuple[str, ...]
    """In the original's order: sorted as strings."""
    actions: dict[str, Action]
    """What the commands do, except for those that only go elsewhere."""


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
        self._location_index = {name: i for i, name in enumerate(locations)}
        ids = [*(o.id for o in self.objects), *(r.id for r in self.receptacles), *locations]
        names = demangle(ids)
        many, more = len(self.objects), len(self.objects) + len(self.receptacles)
        self.object_names, self.receptacle_names = names[:many], names[many:more]
        self._location_names = names[more:]

        self.location_of = [self._location_index.get(r.location, -1) for r in self.receptacles]
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
        self._first = self._first_state()
        commands = self.texts.commands
        self._go = {  # command → receptacle, sorted
            commands["gotolocation"].format(r=self.receptacle_names[r]): r
            for r, location in enumerate(self.location_of)
            if location >= 0
        }
        self._go = dict(sorted(self._go.items()))
        self._go_from: list[tuple[str, ...] | None] = [None] * len(locations)
        self._always: dict[str, Action] = {
            commands["inventory"]: (self._inventory, 0, 0),
            commands["look"]: (self._look, 0, 0),
        }
        if "help" in commands:
            self._always[commands["help"]] = (self._help, 0, 0)
        self._menus: dict[tuple[object, ...], Menu] = {}
        self._lists: dict[tuple[int, ...], str] = {}

    # -- what players call -------------------------------------------------------------------------------------

    def start(self) -> State:
        """A fresh state at the start of the game."""
        return self._first.copy()

    def introduction(self, state: State) -> str:
        """The first observation, of a state from `start`: banner, room, task."""
        replies = self.texts.replies
        look = self._look(state, 0, 0) if self.receptacles_at[state.at] else self._middle(range(len(self.receptacles)))
        return replies["intro"].format(look=look, task=f"Your task is to: {self.game.objective}.")

    def step(self, state: State, command: str) -> str | None:
        """Carry out a command on `state` and return the reply; None where the original says `NOTHING_HAPPENS`."""
        command = command.strip()
        action = self.menu(state).actions.get(command)
        if action is not None:
            method, one, other = action
            return method(state, one, other)
        r = self._go.get(command)
        # Going to where one stands has no effect, so the original's planner has no such action.
        return None if r is None or self.location_of[r] == state.at else self._goto_location(state, r)

    def menu(self, state: State) -> Menu:
        """What can be done in `state`."""
        if state.menu is None:
            at, contents = state.at, state.contents
            here = self.receptacles_at[at]
            knife = state.held >= 0 and self._sharp[state.held]
            slices = tuple(self._sliceable(state)) if knife else ()
            key = (at, state.held, *[(contents[r], state.opened >> r & 1) for r in here], slices)
            state.menu = self._menus.get(key)
            if state.menu is None:
                if len(self._menus) >= _REMEMBERED:
                    self._menus.clear()
                state.menu = self._menus[key] = self._make_menu(state, slices)
        return state.menu

    def commands(self, state: State) -> tuple[str, ...]:
        """The admissible commands, sorted as in the original."""
        return self.menu(state).commands

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
        return self.texts.replies["gotolocation"].format(
            r=self.receptacle_names[r], l=self._location_names[state.at], examine=self._see(state, r, 0)
        )

    def _open(self, state: State, r: int, _: int) -> str:
        state.opened |= 1 << r
        state.menu = None
        return self.texts.replies["openobject"].format(r=self.receptacle_names[r], examine=self._see(state, r, 0))

    def _close(self, state: State, r: int, _: int) -> str:
        state.opened &= ~(1 << r)
        state.menu = None
        return self.texts.replies["closeobject"].format(r=self.receptacle_names[r])

    def _take(self, state: State, o: int, r: int) -> str:
        state.contents[r] = without(state.contents[r], o)
        state.absent[o] |= 1 << r
        state.places[o] &= ~(1 << state.at)
        state.held = o
        self._changed(state)
        return self._reply("pickupobject", o, r)

    def _put(self, state: State, o: int, r: int) -> str:
        state.contents[r] = with_one(state.contents[r], o)
        state.absent[o] &= ~(1 << r)
        state.places[o] |= 1 << state.at
        state.held = -1
        self._changed(state)
        return self._reply("putobject", o, r)

    def _clean(self, state: State, o: int, r: int) -> str:
        state.facts[o] |= BIT["isclean"]
        state.share = self._measure(state)
        return self._reply("cleanobject", o, r)

    def _heat(self, state: State, o: int, r: int) -> str:
        state.facts[o] = state.facts[o] & ~BIT["iscool"] | BIT["ishot"]
        state.share = self._measure(state)
        return self._reply("heatobject", o, r)

    def _cool(self, state: State, o: int, r: int) -> str:
        state.facts[o] = state.facts[o] & ~BIT["ishot"] | BIT["iscool"]
        state.share = self._measure(state)
        return self._reply("coolobject", o, r)

    def _slice(self, state: State, o: int, knife: int) -> str:
        state.facts[o] |= BIT["issliced"]
        return self.texts.replies["sliceobject"].format(co=self.object_names[o], ko=self.object_names[knife])

    def _use(self, state: State, o: int, _: int) -> str:
        state.facts[o] |= BIT["istoggled"]  # never taken back: a lamp that was used stays "toggled"
        state.share = self._measure(state)
        return self._about(state, o, self.texts.after_use)

    def _examine(self, state: State, o: int, _: int) -> str:
        return self._about(state, o, self.texts.about_object)

    def _see(self, state: State, r: int, _: int) -> str:
        replies, name = self.texts.replies, self.receptacle_names[r]
        if not self.openable[r]:
            return replies["on"].format(r=name, objects=self._list_objects(state.contents[r]))
        if state.opened >> r & 1:
            return replies["open"].format(r=name, objects=self._list_objects(state.contents[r]))
        return replies["closed"].format(r=name)

    def _inventory(self, state: State, _: int, __: int) -> str:
        if state.held < 0:
            return self.texts.replies["empty_handed"]
        return self.texts.replies["carrying"].format(o_with_article=f"a {self.object_names[state.held]}")

    def _look(self, state: State, _: int, __: int) -> str:
        replies, here = self.texts.replies, self.receptacles_at[state.at]
        if not here:
            return self._middle(())
        beside = [
            f"a {self.object_names[o]}"
            for o, places in enumerate(state.places)
            if places >> state.at & 1
            for r in here
            if state.absent[o] >> r & 1
        ]
        return replies["at_receptacle"].format(
            facing=replies["facing"].format(receptacles=self._join([self.receptacle_names[r] for r in here])),
            beside=replies["beside"].format(objects=self._join(beside)) if beside else replies["nothing_beside"],
        )

    def _help(self, _: State, __: int, ___: int) -> str:
        return self.texts.replies["help"]

    # -- behind them -------------------------------------------------------------------------------------------

    def _changed(self, state: State) -> None:
        state.menu = None
        state.share = self._measure(state)

    def _make_menu(self, state: State, slices: Iterable[int]) -> Menu:
        commands, names = self.texts.commands, self.object_names
        at, held = state.at, state.held
        actions = self._always.copy()
        if held >= 0:
            # Only what is held: for objects in view the domain asks for a location of the type "location,", a slip
            # that no location meets.
            actions[commands["examineobject"].format(o=names[held])] = (self._examine, held, 0)
            for o in slices:
                actions[commands["sliceobject"].format(co=names[o], ko=names[held])] = (self._slice, o, held)
        for r in self.receptacles_at[at]:
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
                self._add_uses_of_held(actions, state, r, is_open)
        elsewhere = self._go_from[at]
        if elsewhere is None:
            elsewhere = tuple(command for command, r in self._go.items() if self.location_of[r] != at)
            self._go_from[at] = elsewhere
        return Menu(_merge(elsewhere, sorted(actions)), actions)

    def _add_uses_of_held(self, actions: dict[str, Action], state: State, r: int, is_open: bool) -> None:
        commands, held, kind = self.texts.commands, state.held, self.receptacles[r].type
        o, r_name, facts = self.object_names[held], self.receptacle_names[r], state.facts[held]
        if is_open and (kind, self.objects[held].type) in self.game.can_contain:
            actions[commands["putobject"].format(o=o, r=r_name)] = (self._put, held, r)
        if kind == "sinkbasintype" and facts & BIT["cleanable"]:
            actions[commands["cleanobject"].format(o=o, r=r_name)] = (self._clean, held, r)
        elif kind == "microwavetype" and facts & BIT["heatable"]:
            actions[commands["heatobject"].format(o=o, r=r_name)] = (self._heat, held, r)
        elif kind == "fridgetype" and facts & BIT["coolable"]:
            actions[commands["coolobject"].format(o=o, r=r_name)] = (self._cool, held, r)

    def _sliceable(self, state: State) -> Iterable[int]:
        for o, facts in enumerate(state.facts):
            if facts & BIT["sliceable"] and state.places[o] >> state.at & 1:
                yield o

    def _about(self, state: State, o: int, rules: Iterable[tuple[tuple[str, ...], str]]) -> str:
        for facts, reply in rules:
            if all(state.facts[o] & BIT[fact] for fact in facts):
                inside = self.objects[o].contents
                return reply.format(o=self.object_names[o], objects=self._list_objects(self._indices(inside)))
        raise AssertionError("the last rule has no condition")  # read_grammar sees to it

    def _reply(self, key: str, o: int, r: int) -> str:
        return self.texts.replies[key].format(o=self.object_names[o], r=self.receptacle_names[r])

    def _middle(self, receptacles: Iterable[int]) -> str:
        replies = self.texts.replies
        seen = [f"a {self.receptacle_names[r]}" for r in receptacles if self.location_of[r] >= 0]
        text = replies["appliances"].format(receptacles=self._join(seen)) if seen else replies["no_appliances"]
        return replies["in_the_middle"].format(appliances=text)

    def _list_objects(self, things: tuple[int, ...]) -> str:
        text = self._lists.get(things)
        if text is None:
            if len(self._lists) >= _REMEMBERED:
                self._lists.clear()
            text = self._lists[things] = self._join([f"a {self.object_names[o]}" for o in things])
        return text

    def _join(self, items: list[str]) -> str:
        replies = self.texts.replies
        if len(items) > 1:
            return replies["list_last_separator"].join((replies["list_separator"].join(items[:-1]), items[-1]))
        return items[0] if items else replies["list_empty"]

    def _indices(self, ids: Iterable[str]) -> tuple[int, ...]:
        wanted = set(ids)
        return tuple(o for o, thing in enumerate(self.objects) if thing.id in wanted) if wanted else ()

    def _first_state(self) -> State:
        index = {r.id: i for i, r in enumerate(self.receptacles)}
        contents: list[list[int]] = [[] for _ in self.receptacles]
        for o, thing in enumerate(self.objects):
            for name in {thing.receptacle, *thing.also_in} if thing.also_in else (thing.receptacle,):
                if name is not None:
                    contents[index[name]].append(o)
        state = State(
            self._location_index[self.game.start],
            -1,
            sum(1 << i for i, r in enumerate(self.receptacles) if r.opened),
            [tuple(things) for things in contents],
            [_bits(thing.flags) for thing in self.objects],
            [self._place_bits(thing) for thing in self.objects],
            [0] * len(self.objects),
        )
        state.share = self._measure(state)
        return state

    def _place_bits(self, thing: Object) -> int:
        places = (thing.location, *thing.also_at)
        return sum({1 << self._location_index[place] for place in places if place is not None})


def _merge(block: tuple[str, ...], others: list[str]) -> tuple[str, ...]:
    """Two sorted sequences as one; quick where nothing of `others` falls inside `block`."""
    if not block:
        return tuple(others)
    cut = bisect(others, block[0])
    if cut < len(others) and others[cut] < block[-1]:
        return tuple(sorted([*block, *others]))
    return (*others[:cut], *block, *others[cut:])


_BITS: dict[frozenset[str], int] = {}


def _bits(flags: frozenset[str]) -> int:
    bits = _BITS.get(flags)
    if bits is None:
        bits = _BITS[flags] = sum(BIT[flag] for flag in flags if flag in BIT)
    return bits


def demangle(ids: list[str]) -> list[str]:
    """The names that players see, e.g. `cabinet 2` for `cabinet_bar__plus_00_…`.

    A name is the part before `_bar_`, with "basin" where the id has it; numbers go down in the order of the ids
    (alfworld's `Demangler` without shuffling).
    """
    kinds: dict[str, int] = {}
    split = []
    for name in ids:
        kind, bar, _ = name.partition("_bar_")
        if bar and "basin" in name:
            kind += "basin"
        split.append((kind, bar))
        if bar:
            kinds[kind] = kinds.get(kind, 0) + 1
    names = [""] * len(ids)
    for i in sorted(range(len(ids)), key=ids.__getitem__):
        kind, bar = split[i]
        if bar:
            names[i] = f"{kind} {kinds[kind]}"
            kinds[kind] -= 1
        else:
            names[i] = f"{kind} "  # the original leaves the blank
    return names
