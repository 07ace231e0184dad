"""The modifiers by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import libcst as cst

from agentrl.envs.swe.bugs.classes import class_rm_base, class_rm_funcs, class_shuffle_funcs
from agentrl.envs.swe.bugs.constants import op_change_const
from agentrl.envs.swe.bugs.control import ctrl_invert_if, ctrl_shuffle
from agentrl.envs.swe.bugs.operators import flip_operators, op_break_chains, op_change, op_swap
from agentrl.envs.swe.bugs.removal import remove_assign, remove_cond, remove_loop, remove_wrapper

Modifier = Callable[[cst.CSTNode], Iterator[cst.CSTNode]]
"""Everything that a node can be replaced by, always in the same order; nothing where the modifier does not apply."""

MODIFIERS: dict[str, Modifier] = {
    modifier.__name__: modifier
    for modifier in (
        class_rm_base,
        class_rm_funcs,
        class_shuffle_funcs,
        ctrl_invert_if,
        ctrl_shuffle,
        op_change,
        flip_operators,
        op_swap,
        op_break_chains,
        op_change_const,
        remove_loop,
        remove_cond,
        remove_assign,
        remove_wrapper,
    )
}
"""Those of SWE-smith's procedural generation for Python, under its names."""
