"""Tasks with the calculator."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.acting import click, find, hotkey, press, write
from agentrl.envs.gui.desktop.tasks.base import HOME, Task, text
from agentrl.envs.gui.desktop.tasks.words import Dice


class Calculate(Task):
    template = "calculate"
    apps = ("galculator", "mousepad")

    def draw(self, dice: Dice) -> None:
        self.path = f"{HOME}/Documents/{dice.name()}.txt"
        a, b, c = dice.number(12, 99), dice.number(12, 99), dice.number(12, 99)
        sign = dice.choice("+-")
        self.sum = f"{a}*{b}{sign}{c}"
        self.result = a * b + (c if sign == "+" else -c)
        self.files = {self.path: ""}
        self.programs = [["mousepad", self.path], ["galculator"]]
        self.instruction = (
            f"Compute {a} times {b} {'plus' if sign == '+' else 'minus'} {c} with the calculator, write the result, "
            f"and nothing else, into {self.path}, which is open in the text editor, and save it."
        )

    async def grade(self, desktop: Desktop) -> float:
        try:
            found = float(await text(desktop, self.path) or "nan")
        except ValueError:
            return 0.0
        return float(math.isclose(found, self.result))

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        for key in [*self.sum, "enter"]:
            yield press(key)  # one after the other: it loses keys that come too fast
        result = (await find(desktop, "text", app="galculator")).text
        yield click(await find(desktop, "text", app="mousepad"))
        yield write(result)
        yield hotkey("ctrl", "s")
        yield "DONE"
