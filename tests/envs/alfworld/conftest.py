"""A small kitchen, written by hand, that the tests of the engine know by heart."""

from __future__ import annotations

import pytest

from agentrl.envs.text.alfworld.game import Game, Goal, Object, Receptacle

FOOD = frozenset({"pickupable", "cleanable", "heatable", "coolable", "sliceable"})
THING = frozenset({"pickupable"})


@pytest.fixture
def kitchen() -> Game:
    """At `loc_bar_1`: a counter and a sink; at `loc_bar_2`: a fridge and a microwave; at `loc_bar_3` a desk."""
    return Game(
        game_id="kitchen",
        scene="FloorPlan1",
        objective="put a hot apple in fridge",
        goal=Goal("pick_heat_then_place_in_recep", "appletype", "fridgetype"),
        receptacles=(
            Receptacle("countertop_bar_1", "countertoptype", "loc_bar_1"),
            Receptacle("desk_bar_1", "desktype", "loc_bar_3"),
            Receptacle("fridge_bar_1", "fridgetype", "loc_bar_2", openable=True),
            Receptacle("microwave_bar_1", "microwavetype", "loc_bar_2", openable=True),
            Receptacle("sink_bar_1_bar_sinkbasin", "sinkbasintype", "loc_bar_1"),
        ),
        objects=(
            Object("apple_bar_1", "appletype", "countertop_bar_1", "loc_bar_1", FOOD),
            Object("apple_bar_2", "appletype", "fridge_bar_1", "loc_bar_2", FOOD),
            Object("book_bar_1", "booktype", "desk_bar_1", "loc_bar_3", THING),
            Object("desklamp_bar_1", "desklamptype", "desk_bar_1", "loc_bar_3", frozenset({"toggleable"})),
            Object("knife_bar_1", "knifetype", "countertop_bar_1", "loc_bar_1", THING | {"cleanable"}),
        ),
        can_contain=frozenset(
            (place, thing)
            for place in ("countertoptype", "desktype", "fridgetype", "microwavetype", "sinkbasintype")
            for thing in ("appletype", "knifetype", "booktype")
        ),
        locations=("loc_bar_0", "loc_bar_1", "loc_bar_2", "loc_bar_3"),
        start="loc_bar_0",
    )
