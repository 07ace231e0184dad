"""`WebShop-v0`: things to be bought as instructed."""

from __future__ import annotations

import os
import random
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from agentrl.envs.base import Demonstrator, Result, TextEnv
from agentrl.envs.web.shop import generator, original
from agentrl.envs.web.shop.goals import GeneratedGoals
from agentrl.envs.web.shop.nouns import plain_nouns, tagger
from agentrl.envs.web.shop.products import Goal
from agentrl.envs.web.shop.shopper import Shopper
from agentrl.envs.web.shop.surface import Step, Surface, TextSurface
from agentrl.envs.web.shop.views import WORDS
from agentrl.envs.web.shop.visit import Shop, Visit
from agentrl.errors import ConfigError, UnknownNameError
from agentrl.types import Outcome

if TYPE_CHECKING:
    from agentrl.envs.web.shop.site import Site

PRODUCTS = 10_000
_MODES = ("text", "compact")


class GoalSource(Protocol):
    """Where goals come from."""

    @property
    def splits(self) -> tuple[str, ...]: ...
    def ids(self, split: str) -> Sequence[str]: ...
    def goal(self, task_id: str, /) -> Goal: ...
    def kind(self, task_id: str) -> str: ...


class WebShopEnv(TextEnv):
    """Buy what an instruction asks for, in a shop of some ten thousand products, by `search[words]` and `click[what]`.

    Pages, actions and reward are those of WebShop (Yao et al., 2022). By default the products are generated, which
    takes a second, once in a process.

    Args:
        split: `train`, `valid` or `test`; goals of different splits are after different products.
        observation: `text` is WebShop's mode of that name: the words of the page, separated by `[SEP]`. `compact` is
            for small models: at most `words` words and marks, see `views.compact`.
        words: of a compact observation, default 200.
        browser: whether the agent uses the site in Chromium instead, by BrowserGym's actions on its accessibility tree
            (extra `web`).
        screenshots: with `browser`, whether `info["images"]` has a picture of the page, beside the text.
        seed: of the generated products.
        products: how many, default 10,000; with `folder`, the first ones of the file, default all.
        folder: with WebShop's own files, to play in its shop: `items_shuffle*.json`, `items_ins_v2*.json` and, unless
            `human` is False, `items_human_ins.json`; also `reviews.json`, where it is there.
        human: with `folder`, whether the instructions are those that people wrote, or WebShop's synthetic ones.
        spacy_model: an installed model of spaCy that finds the nouns of titles for the reward, `en_core_web_lg` in
            WebShop; by default rules do, see `nouns.py`.
        render_mode: `ansi` or None.

    `info` has WebShop's `has_search_bar` and `clickables`. An action that the page does not offer changes nothing and
    is an invalid action.

    Reward channels, all when something is bought: `outcome` is WebShop's reward, of which 1 is success; `type` is its
    factor for the type of the product; `attributes`, `options` and `price` are the shares that hold.

    Raises:
        ConfigError: arguments do not fit together, or a file is missing.
        CorruptFileError: a file of `folder` cannot be used.
    """

    family = "web"
    splits: tuple[str, ...] = ("train", "valid", "test")
    channels: tuple[str, ...] = ("outcome", "type", "attributes", "options", "price")
    pictured: ClassVar[Mapping[str, Any]] = {"browser": True, "screenshots": True}

    def __init__(
        self,
        *,
        split: str | None = None,
        observation: Literal["text", "compact"] = "text",
        words: int | None = None,
        browser: bool = False,
        screenshots: bool = False,
        seed: int = 0,
        products: int | None = None,
        folder: str | os.PathLike[str] | None = None,
        human: bool = True,
        spacy_model: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        if observation not in _MODES:
            raise UnknownNameError("observation", observation, _MODES)
        if words is not None and (observation != "compact" or words < 20):
            raise ConfigError("words is for observation='compact', and at least 20")
        if browser and observation != "text":
            raise ConfigError("observation='compact' is for text actions, not for browser=True")
        if screenshots and not browser:
            raise ConfigError("screenshots are of a browser: ask for browser=True too")
        if products is not None and products < 1:
            raise ConfigError(f"products={products}: at least 1")
        if folder is None and not human:
            raise ConfigError("human=False is for WebShop's own files: give their folder")
        if folder is not None and seed:
            raise ConfigError("seed is for generated products, not for those of a folder")
        with _making:
            self.shop, self._goals = (
                _generated(seed, products or PRODUCTS, spacy_model)
                if folder is None
                else _given(os.fspath(folder), human, products, spacy_model)
            )
        self._generated = folder is None
        self._observation, self.blocking, self._screenshots = observation, browser, screenshots
        self._surface: Surface = TextSurface(self.shop, (words or WORDS) if observation == "compact" else None)
        if browser:
            self._surface = _browser(self.shop, seed, products, str(folder), human, spacy_model)
        self.splits = self._goals.splits
        super().__init__(split=split, render_mode=render_mode)

    def tasks(self, split: str | None = None) -> Sequence[str]:
        if (split := split or self.split) not in self.splits:
            raise UnknownNameError("split", split, self.splits)
        return self._goals.ids(split)

    def kind(self, task_id: str) -> str:
        return self._goals.kind(task_id)

    def reference(self, task_id: str) -> Mapping[str, Any]:
        """What is asked for: `attributes`, `options` (group → value), `price_upper` in cents or None; the `product`
        that it was made from, by its id; and as `entities` the attributes and options."""
        goal = self._goals.goal(task_id)
        return {
            "product": goal.product.asin,
            "attributes": list(goal.attributes),
            "options": dict(goal.options),
            "price_upper": goal.price_upper,
            "entities": list(dict.fromkeys([*goal.attributes, *goal.options.values()])),
        }

    def begin(self, task_id: str) -> Result:
        self.state = None  # a browser session that it may hold can be used again
        return self._seen(self._surface.begin(Visit(self._goals.goal(task_id))))

    def act(self, action: str) -> Result:
        return self._seen(self._surface.act(self.state, action))

    def _seen(self, step: Step) -> Result:
        self.state = step.state
        visit = self._surface.visit(step.state)
        clickables = self.shop.clickables(visit)
        info = {"has_search_bar": visit.page == "index", "clickables": clickables}
        commands = None if self.blocking else [f"click[{what}]" for what in clickables]
        rewards: Mapping[str, float] = {}
        outcome = Outcome.invalid_action(step.refusal) if step.refusal else Outcome.running()
        if visit.verdict:
            rewards, outcome = visit.verdict.channels(), Outcome.terminated(success=visit.verdict.total == 1)
        elif step.given_up:
            outcome = Outcome.terminated(success=False)
        images = (self.screenshot(),) if self._screenshots else ()
        return Result(step.page, rewards, outcome, commands, info, images)

    def screenshot(self) -> bytes:
        """The page as PNG, with `browser`.

        Raises:
            BrowserError: the browser failed.
        """
        return self._surface.screenshot(self.state)

    def oracle(self) -> Iterator[str]:
        return self._surface.oracle(self.state) if self.state else iter(())

    def demonstrator(self, *, seed: int = 0, mistakes: float = 0.0) -> Demonstrator:
        """A shopper who reads the pages and knows how generated instructions are written; call it right after `reset`.

        For instructions of files, and in a browser, the oracle.
        """
        if not self._generated or self.blocking:
            return super().demonstrator(seed=seed, mistakes=mistakes)
        return Shopper(compact=self._observation == "compact", mistakes=mistakes, seed=seed)

    def copy_state(self, state: Any) -> Any:
        return None if state is None else self._surface.copy(state)

    def close(self) -> None:
        self.state = None
        super().close()

    def site(self) -> Site:
        """This shop as a site for browsers, on which the tasks of the split can be played.

        Raises:
            MissingExtraError: jinja2 is not installed.
        """
        from agentrl.envs.web.shop.site import Site

        tasks = self.tasks()
        return Site(self.shop, lambda task: Visit(self._goals.goal(task or random.choice(tasks))))


_making = threading.Lock()


@cache
def _browser(shop: Shop, *made_of: object) -> Surface:
    from agentrl.envs.web.shop.browsing import BrowserSurface

    return BrowserSurface(shop, f"webshop-{zlib.crc32(repr(made_of).encode()):08x}.test")


@lru_cache(maxsize=4)
def _generated(seed: int, count: int, spacy_model: str | None) -> tuple[Shop, GoalSource]:
    products = generator.generate(seed, count)
    shop = Shop(products, tagger(spacy_model) if spacy_model else plain_nouns)
    return shop, GeneratedGoals(products, shop.search, seed)


@lru_cache(maxsize=4)
def _given(folder: str, human: bool, count: int | None, spacy_model: str | None) -> tuple[Shop, GoalSource]:
    products, goals = original.load(folder, human=human, count=count)
    return Shop(products, tagger(spacy_model) if spacy_model else plain_nouns), goals
