"""The pages of MiniWoB++, as they ship in the wheel `miniwob`. Its Python, which is for Selenium, is not imported."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from agentrl.envs.web.browser import files
from agentrl.envs.web.browser.sites import Site
from agentrl.errors import MissingExtraError

HOST = "miniwob.test"
SIZE = (160, 210)
"""Of the area of a task, in pixels; beside it the pages show times and rewards, which agents do not see."""
_HARNESS = "#reward-display, #sync-task-cover, #click-canvas"
"""CSS selector of what belongs to the experiment, not to the task."""
SKIPPED = _HARNESS + ", #query"
"""What an observation leaves out; the query is told once, when the episode begins."""

_START = f"""(mode, seed) => {{
    for (const e of document.querySelectorAll("[data-tampered]")) e.removeAttribute("data-tampered");
    for (const e of document.querySelectorAll("[style='']")) e.removeAttribute("style");
    document.querySelector("#reward-display").innerHTML = core.DISPLAY_HTML;
    [core.wob_scores, core.wob_latest, WOB_EPISODE_ID] = [[], "-", 0];
    core.EP_TIMER = core.CD_TIMER = core.ept0 = null;
    core.setDataMode(mode);
    core.EPISODE_MAX_TIME = 2 ** 31 - 1;
    Math.seedrandom(seed);
    for (const e of document.querySelectorAll("{_HARNESS}")) e.style.visibility = "hidden";
    core.startEpisodeReal();
    const said = core.getUtterance();
    return said.utterance ?? said;
}}"""
"""Begins a task, in a document that was just loaded or one that had others, and returns what it asks for."""
STOP = "clearInterval(core.CD_TIMER); clearTimeout(core.EP_TIMER)"
"""Ends the timers of a task."""
ONCE = frozenset(
    [
        "book-flight",
        "book-flight-nodelay",
        "choose-date",
        "choose-date-easy",
        "choose-date-medium",
        "choose-date-nodelay",
        "click-dialog",
        "click-menu-2",
        "drag-box",
        "drag-items",
        "drag-items-grid",
        "drag-sort-numbers",
        "form-sequence",
        "resize-textarea",
        "scroll-text",
        "search-engine",
        "simon-says",
        "use-autocomplete",
        "use-autocomplete-nodelay",
        "use-colorwheel",
        "use-slider",
        "use-slider-2",
        "use-spinner",
    ]
)
"""Pages that keep something of a task when they begin the next; each of theirs gets a new document."""
READ = "[WOB_DONE_GLOBAL, WOB_RAW_REWARD_GLOBAL]"


@cache
def root() -> Path:
    """The folder of the pages.

    Raises:
        MissingExtraError: the wheel is not installed.
    """
    found = find_spec("miniwob")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("miniwob", "web")
    return Path(found.submodule_search_locations[0]) / "html"


@cache
def names() -> tuple[str, ...]:
    """Of all tasks, sorted; raises what `root` does."""
    return tuple(sorted(page.stem for page in (root() / "miniwob").glob("*.html")))


def site() -> Site:
    """What `HOST` answers; raises what `root` does."""
    return files(root())


def start(mode: str, seed: int) -> str:
    """Expression that begins a task of the page, and whose value is what it asks for."""
    return f"({_START})({mode!r}, {seed})"


def address(name: str) -> str:
    return f"http://{HOST}/miniwob/{name}.html"
