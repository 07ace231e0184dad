"""Names of TextWorld levels: what `tw-make` is asked for, written as one word.

w2-o3-q4                            tw-make custom --world-size 2 --nb-objects 3 --quest-length 4 --quest-breadth 1
simple-dense[-brief]                tw-make tw-simple --rewards dense --goal brief
coin_collector-5                    tw-make tw-coin_collector --level 5
treasure_hunter-12                  tw-make tw-treasure_hunter --level 12
cooking-recipe2-take1-go6-open-cook-cut-drop
                                    tw-make tw-cooking --recipe 2 --take 1 --go 6 --open --cook --cut --drop
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from agentrl.errors import ConfigError, UnknownNameError

Options = dict[str, str | int | bool]

_CUSTOM = re.compile(r"w(\d{1,3})-o(\d{1,3})-q(\d{1,3})")
_FAMILIES = ("w<rooms>-o<objects>-q<quest length>", "simple", "cooking", "coin_collector", "treasure_hunter")
_COOKING_SWITCHES = ("open", "cook", "cut", "drop")
_MAX_ROOMS = 100  # a .z8 story file holds no more (TextWorld 1.7 dropped the larger format)


@dataclass(frozen=True, slots=True)
class Level:
    """A parsed level name."""

    name: str
    challenge: str
    """The `tw-make` subcommand: `custom`, `tw-simple`, `tw-cooking` …"""
    options: Options
    """Its options, under TextWorld's own names."""

    def options_for(self, split: str) -> Options:
        """The options with TextWorld's own partition of foods and preparations, in the families that have one."""
        if self.challenge == "tw-cooking":
            return {**self.options, "split": split}
        if self.challenge == "tw-simple":
            return {**self.options, "test": split == "test"}
        return self.options


def parse(name: str) -> Level:
    """Read a level name.

    Raises:
        UnknownNameError: no family or option of that name.
        ConfigError: a number out of range.
    """
    if custom := _CUSTOM.fullmatch(name):
        rooms, objects, quest = map(int, custom.groups())
        _within(name, "rooms (w)", rooms, 1, _MAX_ROOMS)
        _within(name, "objects (o)", objects, 1, 200)
        _within(name, "quest length (q)", quest, 1, 50)
        return Level(name, "custom", {"nb_rooms": rooms, "nb_objects": objects, "quest_length": quest})
    family, *parts = name.split("-")
    if family not in _READERS:
        raise UnknownNameError("TextWorld level", name, _FAMILIES)
    return Level(name, f"tw-{family}", _READERS[family](name, parts))


def _simple(name: str, parts: list[str]) -> Options:
    rewards, goal = (*parts, "detailed")[:2] if len(parts) in (1, 2) else ("", "")
    if rewards not in ("dense", "balanced", "sparse") or goal not in ("detailed", "brief", "none"):
        known = [f"simple-{r}{g}" for r in ("dense", "balanced", "sparse") for g in ("", "-brief", "-none")]
        raise UnknownNameError("TextWorld level", name, known)
    return {"rewards": rewards, "goal": goal, "test": False}


def _coin_collector(name: str, parts: list[str]) -> Options:
    level = _number(name, parts, "coin_collector-5")
    _within(name, "the level", level, 1, 300)
    rooms = ((level - 1) // 100 + 1) * ((level - 1) % 100 + 1)
    if rooms > _MAX_ROOMS:
        raise ConfigError(
            f"level {name!r} needs {rooms} rooms, and a game holds at most {_MAX_ROOMS}: "
            "use coin_collector-1 to -100, -101 to -150 or -201 to -233"
        )
    return {"level": level}


def _treasure_hunter(name: str, parts: list[str]) -> Options:
    level = _number(name, parts, "treasure_hunter-5")
    _within(name, "the level", level, 1, 30)
    return {"level": level}


def _cooking(name: str, parts: list[str]) -> Options:
    numbers = {"recipe": 1, "take": 0, "go": 1}
    switches = dict.fromkeys(_COOKING_SWITCHES, False)
    seen: set[str] = set()
    for part in parts:
        match = re.fullmatch(r"(recipe|take|go)(\d{1,2})", part)
        word = match[1] if match else part
        if match:
            numbers[word] = int(match[2])
        elif part in switches:
            switches[part] = True
        else:
            raise UnknownNameError(f"option in level {name!r}:", part, ["recipe1", "take1", "go6", *switches])
        if word in seen:
            raise ConfigError(f"level {name!r} names {word} twice")
        seen.add(word)
    _within(name, "recipe", numbers["recipe"], 1, 5)
    _within(name, "take", numbers["take"], 0, numbers["recipe"])
    if numbers["go"] not in (1, 6, 9, 12):
        raise ConfigError(f"level {name!r}: go is 1, 6, 9 or 12 rooms, not {numbers['go']}")
    return {**numbers, **switches, "recipe_seed": 0}


_READERS: dict[str, Callable[[str, list[str]], Options]] = {
    "simple": _simple,
    "cooking": _cooking,
    "coin_collector": _coin_collector,
    "treasure_hunter": _treasure_hunter,
}


def _number(name: str, parts: list[str], example: str) -> int:
    if len(parts) != 1 or not re.fullmatch(r"\d{1,3}", parts[0]):
        raise ConfigError(f"level {name!r} needs one number, as in {example!r}")
    return int(parts[0])


def _within(name: str, what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigError(f"level {name!r}: {what} must be between {low} and {high}, not {value}")
