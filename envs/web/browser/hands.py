"""What an agent can do to a session, by the names of BrowserGym. The signatures are the grammar of the actions."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Literal

from agentrl.envs.web.browser.grammar import Hand
from agentrl.errors import ActionError

if TYPE_CHECKING:
    from playwright.async_api import ElementHandle

    from agentrl.envs.web.browser.session import Session

Button = Literal["left", "middle", "right"]
Modifier = Literal["Alt", "Control", "ControlOrMeta", "Meta", "Shift"]
Keys = tuple[Modifier, ...]


async def _at(session: Session, bid: str) -> tuple[float, float]:
    found = await session.script("locate", bid)
    if "error" in found:
        raise ActionError(found["error"])
    return found["x"], found["y"]


async def _element(session: Session, bid: str) -> ElementHandle:
    handle = await session.page.evaluate_handle("id => window.__agentrl?.element(id)", bid)
    if (element := handle.as_element()) is None:
        raise ActionError(f"there is no element {bid}")
    return element


async def _refuse(why: Awaitable[str | None]) -> None:
    if error := await why:
        raise ActionError(error)


async def click(session: Session, bid: str, button: Button = "left", modifiers: Keys = ()) -> None:
    await _press_mouse(session, await _at(session, bid), button, modifiers, 1)


async def dblclick(session: Session, bid: str, button: Button = "left", modifiers: Keys = ()) -> None:
    await _press_mouse(session, await _at(session, bid), button, modifiers, 2)


async def _press_mouse(session: Session, at: tuple[float, float], button: Button, modifiers: Keys, clicks: int) -> None:
    page = session.page
    for key in modifiers:
        await page.keyboard.down(key)
    try:
        await page.mouse.click(*at, button=button, click_count=clicks)
    finally:
        for key in modifiers:
            await page.keyboard.up(key)


async def hover(session: Session, bid: str) -> None:
    await session.page.mouse.move(*await _at(session, bid))


async def fill(session: Session, bid: str, value: str) -> None:
    await _refuse(session.script("unusable", bid, True))
    await (await _element(session, bid)).fill(value)


async def clear(session: Session, bid: str) -> None:
    await fill(session, bid, "")


async def select_option(session: Session, bid: str, options: str | list[str]) -> None:
    await _refuse(session.script("choose", bid, [options] if isinstance(options, str) else options))


async def check(session: Session, bid: str) -> None:
    await _set_checked(session, bid, True)


async def uncheck(session: Session, bid: str) -> None:
    await _set_checked(session, bid, False)


async def _set_checked(session: Session, bid: str, checked: bool) -> None:
    await _refuse(session.script("unusable", bid, False))
    await (await _element(session, bid)).set_checked(checked)


async def press(session: Session, bid: str, key_comb: str) -> None:
    await (await _element(session, bid)).focus()
    await session.page.keyboard.press(key_comb)


async def focus(session: Session, bid: str) -> None:
    await (await _element(session, bid)).focus()


async def drag_and_drop(session: Session, from_bid: str, to_bid: str) -> None:
    start = await _at(session, from_bid)
    await _drag(session, start, await _at(session, to_bid))


async def scroll(session: Session, delta_x: float, delta_y: float) -> None:
    await session.page.mouse.wheel(delta_x, delta_y)
    await session.script("painted", None)  # the wheel turns with the next frame


async def mouse_move(session: Session, x: float, y: float) -> None:
    await session.page.mouse.move(x, y)


async def mouse_down(session: Session, x: float, y: float, button: Button = "left") -> None:
    await session.page.mouse.move(x, y)
    session.reusable = False  # for who comes next, a button may be down
    await session.page.mouse.down(button=button)


async def mouse_up(session: Session, x: float, y: float, button: Button = "left") -> None:
    await session.page.mouse.move(x, y)
    await session.page.mouse.up(button=button)


async def mouse_click(session: Session, x: float, y: float, button: Button = "left") -> None:
    await session.page.mouse.click(x, y, button=button)


async def mouse_dblclick(session: Session, x: float, y: float, button: Button = "left") -> None:
    await session.page.mouse.dblclick(x, y, button=button)


async def mouse_drag_and_drop(session: Session, from_x: float, from_y: float, to_x: float, to_y: float) -> None:
    await _drag(session, (from_x, from_y), (to_x, to_y))


async def _drag(session: Session, start: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = session.page.mouse
    await mouse.move(*start)
    await mouse.down()
    await mouse.move(*end, steps=4)  # pages that follow the mouse want to see it move
    await mouse.up()


async def keyboard_down(session: Session, key: str) -> None:
    session.reusable = False
    await session.page.keyboard.down(key)


async def keyboard_up(session: Session, key: str) -> None:
    await session.page.keyboard.up(key)


async def keyboard_press(session: Session, key: str) -> None:
    await session.page.keyboard.press(key)


async def keyboard_type(session: Session, text: str) -> None:
    await session.page.keyboard.type(text)


async def keyboard_insert_text(session: Session, text: str) -> None:
    await session.page.keyboard.insert_text(text)


async def goto(session: Session, url: str) -> None:
    await session.goto(url)


async def go_back(session: Session) -> None:
    await session.travel(-1)


async def go_forward(session: Session) -> None:
    await session.travel(1)


async def new_tab(session: Session) -> None:
    await session.new_tab()


async def tab_close(session: Session) -> None:
    await session.close_tab()


async def tab_focus(session: Session, index: int) -> None:
    if not 0 <= index < len(session.pages):
        raise ActionError(f"there is no tab {index}; there are {len(session.pages)}, from 0")
    session.page = session.pages[index]
    await session.page.bring_to_front()


async def send_msg_to_user(session: Session, text: str) -> None:
    session.messages.append(text)


async def report_infeasible(session: Session, reason: str) -> None:
    session.infeasible = reason


async def noop(session: Session, wait_ms: float = 1000) -> None:
    if wait_ms < 0 or wait_ms > 60_000:
        raise ActionError("wait between 0 and 60000 ms")
    session.wait_ms = wait_ms


HANDS: dict[str, Hand] = {
    hand.__name__: hand
    for hand in (
        click,
        dblclick,
        hover,
        fill,
        clear,
        select_option,
        check,
        uncheck,
        press,
        focus,
        drag_and_drop,
        scroll,
        mouse_move,
        mouse_down,
        mouse_up,
        mouse_click,
        mouse_dblclick,
        mouse_drag_and_drop,
        keyboard_down,
        keyboard_up,
        keyboard_press,
        keyboard_type,
        keyboard_insert_text,
        goto,
        go_back,
        go_forward,
        new_tab,
        tab_close,
        tab_focus,
        send_msg_to_user,
        report_infeasible,
        noop,
    )
}
"""Every action, by name."""
