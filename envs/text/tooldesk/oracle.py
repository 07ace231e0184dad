"""The oracle: knows the user's script, and does what is left of it."""

from __future__ import annotations

from collections.abc import Iterator

from agentrl.envs.text.tooldesk.calls import Action, Call, Done, Say
from agentrl.envs.text.tooldesk.conversation import Conversation, DeskTask
from agentrl.envs.text.tooldesk.wishes import QUESTIONS, Wish


def plan(conversation: Conversation) -> Iterator[Action]:
    """Actions that solve the rest, as a good agent would: identify, look up, ask, act, tell.

    What was done already is not done again. What was done wrongly is made good only where a call that is still to
    come does so.
    """
    task, script = conversation.task, conversation.task.script
    begun = conversation.user.wish
    if not conversation.identified:
        if not script.introduces:
            yield Say(QUESTIONS["identity"])
        yield Call("find_user", {"name": script.name, "pin": script.pin})
    made = {m.call.key for m in conversation.made}
    for number, wish in enumerate(script.wishes):
        lookups, deeds = split_calls(task, wish)
        if number >= begun:
            unknown = [call for call in lookups if call.key not in made]
            yield from unknown[:1]  # what the wish is about; what else to look up may depend on the answers
            yield from (Say(QUESTIONS[slot]) for slot in wish.asks)
            yield from unknown[1:]
        later = {deed_of(call) for w in script.wishes[number + 1 :] for call in w.calls if call.key in made}
        yield from (call for call in deeds if call.key not in made and deed_of(call) not in later)
        if number >= begun:
            yield Say(wish.reply)
    yield Done()


def split_calls(task: DeskTask, wish: Wish) -> tuple[list[Call], list[Call]]:
    """The calls of a wish that look something up, and those that write."""
    tools = task.domain.tools
    return [c for c in wish.calls if not tools[c.tool].writes], [c for c in wish.calls if tools[c.tool].writes]


def deed_of(call: Call) -> tuple[str, object]:
    """What a writing call sets, of what: a later one of the same overwrites it."""
    return call.tool, next(iter(call.arguments.values()), None)
