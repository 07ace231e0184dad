"""How much of the way to the goal has been made.

    share = max(-1, 1 - |difference(now, goal)| / |difference(start, goal)|)

LOGIGEN (arXiv 2603.00540) rewards the decrease of the difference; the exact form is ours. The share falls when a
deed leads away from the goal, and a wrong deed at the very start makes it negative.
"""

from __future__ import annotations

from agentrl.envs.text.tooldesk.conversation import Conversation
from agentrl.envs.text.tooldesk.database import difference


def state_share(conversation: Conversation) -> float:
    """Share of the difference between the databases that is closed; 1 exactly where they are equal in what counts."""
    task = conversation.task
    now = task.domain.comparison.contents(conversation.db)
    return max(-1.0, 1 - difference(now, task.goal) / difference(task.start, task.goal))


def call_share(conversation: Conversation) -> float:
    """The same where tools are simulated and there is no state: by the writing calls of the script.

    A call of the script counts once, another one counts against it.
    """
    task = conversation.task
    tools = task.domain.tools
    wanted = {call.key for wish in task.script.wishes for call in wish.calls if tools[call.tool].writes}
    made = [m.call.key for m in conversation.made if tools[m.call.tool].writes]
    right = len(wanted & set(made))
    return max(-1.0, (right - (len(made) - right)) / len(wanted))
