"""Named tasks: `train/retail/17` is a world, a user and a goal, made from its id alone and proven before use."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial

from agentrl.envs.lazy_ids import LazyIds
from agentrl.envs.text.tooldesk.airline import AIRLINE
from agentrl.envs.text.tooldesk.calls import Call, Say
from agentrl.envs.text.tooldesk.conversation import Conversation, DeskTask, perform
from agentrl.envs.text.tooldesk.domain import Domain
from agentrl.envs.text.tooldesk.oracle import plan, split_calls
from agentrl.envs.text.tooldesk.retail import RETAIL
from agentrl.envs.text.tooldesk.tools import ToolError
from agentrl.envs.text.tooldesk.wishes import REFUSAL, Script, Wish
from agentrl.envs.text.tooldesk.world import World
from agentrl.errors import UnknownNameError

DOMAINS: dict[str, Domain] = {domain.name: domain for domain in (RETAIL, AIRLINE)}
SIZES = {"train": 2**20, "valid": 200, "test": 400}
"""Tasks per split and domain. No customer of one split calls in another."""

_ID = re.compile(r"(\w+)/(\w+)/(0|[1-9]\d{0,6})", re.ASCII)
_ATTEMPTS = 100


def task_ids(split: str, domains: Sequence[str]) -> LazyIds:
    """The ids of a split, the domains in turn."""
    return LazyIds(range(SIZES[split] * len(domains)), partial(_name, split, tuple(domains)))


def _name(split: str, domains: Sequence[str], number: int) -> str:
    index, domain = divmod(number, len(domains))
    return f"{split}/{domains[domain]}/{index}"


def parse_id(task_id: str) -> tuple[str, Domain, int]:
    """Split, domain and number of a task.

    Raises:
        UnknownNameError: there is no such task.
    """
    match = _ID.fullmatch(task_id)
    if match and match[1] in SIZES and match[2] in DOMAINS and int(match[3]) < SIZES[match[1]]:
        return match[1], DOMAINS[match[2]], int(match[3])
    raise UnknownNameError("task", task_id, [f"{split}/{domain}/0" for split in SIZES for domain in DOMAINS])


def kind_of(task_id: str) -> str:
    """Domain and main goal, e.g. `retail/exchange`; they take turns.

    Raises:
        UnknownNameError: there is no such task.
    """
    _, domain, number = parse_id(task_id)
    return f"{domain.name}/{list(domain.goals)[number % len(domain.goals)]}"


@lru_cache(maxsize=1024)
def load_task(task_id: str) -> DeskTask:
    """The task of an id.

    Raises:
        UnknownNameError: there is no such task.
    """
    split, domain, _ = parse_id(task_id)
    main = kind_of(task_id).partition("/")[2]
    for attempt in range(_ATTEMPTS):
        task = _draw(task_id, split, domain, main, attempt)
        if proven(task):
            return task
    raise RuntimeError(f"{task_id}: none of {_ATTEMPTS} drawn tasks could be solved; the generator is wrong")


def _draw(task_id: str, split: str, domain: Domain, main: str, attempt: int) -> DeskTask:
    """A task of the main goal and up to two other wishes, some of which a rule forbids."""
    world = World(random.Random(f"{task_id} {attempt}"), split)
    rng = world.rng
    user = domain.populate(world)
    wanted = [(main, False)]
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        trap = rng.random() < 0.5
        wanted.append((rng.choice(domain.traps if trap else list(domain.goals)), trap))
    rng.shuffle(wanted)
    wishes: list[Wish] = [wish for kind, trap in wanted for wish in domain.goals[kind](world, user, trap)]
    _, name, pin, *_ = world.row("users", user)
    script = Script(name, pin, rng.random() < 0.5, tuple(wishes))
    start = Conversation.begin(DeskTask(task_id, domain, script, domain.image(world), {}, {}))
    contents = domain.comparison.contents
    return replace(start.task, start=contents(start.db), goal=contents(_served(start).db))


def _served(conversation: Conversation) -> Conversation:
    """The conversation after all that is allowed was done; as it is, where that cannot be."""
    done, script = conversation.copy(), conversation.task.script
    try:
        done.call(Call("find_user", {"name": script.name, "pin": script.pin}))
        for wish in script.wishes:
            for deed in split_calls(conversation.task, wish)[1]:
                done.call(deed)
    except ToolError:
        return conversation
    return done


def proven(task: DeskTask) -> bool:
    """Whether the task is unsolved at first, the oracle solves it, and the database refuses all that is forbidden."""
    if task.start == task.goal:
        return False
    conversation = Conversation.begin(task)
    for action in list(plan(conversation)):
        if isinstance(action, Call):
            conversation.call(action)
        elif isinstance(action, Say):
            if action.words.startswith(REFUSAL):
                wish = task.script.wishes[conversation.user.wish]
                if wish.forbidden is None or _refusal(conversation, wish.forbidden) != wish.rule:
                    return False
            conversation.say(action.words)
    return task.domain.comparison.contents(conversation.db) == task.goal


def _refusal(conversation: Conversation, call: Call) -> str:
    """The rule by which the database refuses a call; "" where it does not."""
    try:
        perform(conversation.task.domain, conversation.copy().db, call)
    except ToolError as error:
        return error.where if error.code == "policy" else ""
    return ""
