"""Tasks in the web browser."""

from __future__ import annotations

import html
import json
from collections.abc import AsyncIterator
from pathlib import Path

from agentrl.envs.gui.desktop.session import Desktop
from agentrl.envs.gui.desktop.tasks.acting import click, find, find_by, hotkey, write
from agentrl.envs.gui.desktop.tasks.base import COMMAND_S, HOME, Task, command, text
from agentrl.envs.gui.desktop.tasks.words import CITIES, Dice

_SERVER = Path(__file__).with_name("form_server.py")
_PORT = 8765
_FOLDER = "/tmp/form"
_WAIT = f"""
import socket, time
for _ in range(200):
    try:
        socket.create_connection(("127.0.0.1", {_PORT})).close()
        break
    except OSError:
        time.sleep(0.05)
else:
    raise SystemExit("the server does not start")
"""
_STYLE = "<style>body{font:16px sans-serif;margin:2em} label,th,td{display:block;padding:.3em 1em}</style>"


class FillForm(Task):
    template = "fill_form"
    apps = ("chromium", "mousepad")
    received = f"{_FOLDER}/received.json"

    def draw(self, dice: Dice) -> None:
        note = f"{HOME}/Documents/{dice.name()}.txt"
        self.fields = {
            "Name": dice.person(),
            "City": dice.choice(CITIES),
            "Order": dice.name(),
            "Number": str(dice.number(2, 99)),
        }
        inputs = "".join(f"<label>{name} <input name='{name}' aria-label='{name}'></label>" for name in self.fields)
        page = f"<!DOCTYPE html><title>Order</title>{_STYLE}<form method=post>{inputs}<button>Send</button></form>"
        self.files = {
            note: "".join(f"{name}: {value}\n" for name, value in self.fields.items()),
            f"{_FOLDER}/page.html": page,
            f"{_FOLDER}/server.py": _SERVER.read_bytes(),
        }
        self.programs = [["mousepad", note], ["chromium", f"http://127.0.0.1:{_PORT}/"]]
        self.instruction = (
            f"Fill in the form in the web browser with what {note} says, which is open in the text editor, and send it."
        )

    async def prepare(self, desktop: Desktop) -> None:
        serve = f"setsid python3 {_FOLDER}/server.py {_PORT} {_FOLDER}/page.html {self.received}"
        await desktop.run(f"rm -f {self.received}; {serve} > /dev/null 2>&1 &", COMMAND_S)
        await command(desktop, "python3", "-c", _WAIT)

    async def grade(self, desktop: Desktop) -> float:
        """The share of right fields."""
        try:
            found = json.loads(await text(desktop, self.received) or "{}")
        except (ValueError, RecursionError):
            return 0.0
        if not isinstance(found, dict):
            return 0.0
        right = [str(found.get(name, "")).strip() == value for name, value in self.fields.items()]
        return sum(right) / len(right)

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        for name, value in self.fields.items():
            yield click(await find(desktop, "entry", name))
            yield write(value)
        yield click(await find(desktop, "push button", "Send"))
        await find_by(desktop, "receipt", lambda node: "received" in node.name + node.text)
        yield "DONE"


class LookUp(Task):
    template = "look_up"
    apps = ("chromium", "mousepad")

    def draw(self, dice: Dice) -> None:
        page, self.path = f"{HOME}/{dice.name()}.html", f"{HOME}/Documents/{dice.name()}.txt"
        rows = [(city, str(dice.number(1_000, 9_999))) for city in dice.sample(CITIES, 8)]
        self.city, self.answer = dice.choice(rows)
        cells = "".join(f"<tr><td>{html.escape(city)}: {height}</td></tr>" for city, height in rows)
        self.files = {
            page: f"<!DOCTYPE html><title>Customers</title>{_STYLE}<h1>Customers by city</h1><table>{cells}</table>",
            self.path: "",
        }
        self.programs = [["chromium", f"file://{page}"], ["mousepad", self.path]]
        self.instruction = (
            f"How many customers are there in {self.city}? The page in the web browser says it. Write the number, and "
            f"nothing else, into {self.path}, which is open in the text editor, and save it."
        )

    async def grade(self, desktop: Desktop) -> float:
        return float(await text(desktop, self.path) == self.answer)

    async def oracle(self, desktop: Desktop) -> AsyncIterator[str]:
        start = f"{self.city}: "
        cell = await find_by(desktop, "city", lambda node: (node.name or node.text).startswith(start))
        yield write((cell.name or cell.text).removeprefix(start))
        yield hotkey("ctrl", "s")
        yield "DONE"
