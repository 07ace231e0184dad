"""Checklists in the schema of CM2 (arXiv 2602.12268), made from a reference dialogue: one list of items per user turn.

As every item comes from a script, it also carries a `check` for a judge that is a program:

- `{"tool": name, "arguments": {…}}`: in this turn the tool was called successfully, with these arguments;
- `{"said": text}`: in this turn something said to the user contains the text as whole words, in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from agentrl.envs.text.tooldesk.calls import Call, Say
from agentrl.envs.text.tooldesk.conversation import DeskTask
from agentrl.envs.text.tooldesk.reference import Dialogue, Step
from agentrl.envs.text.tooldesk.user import SLOT_WORDS
from agentrl.envs.text.tooldesk.wishes import QUESTIONS, REFUSAL

_WEIGHTS = {"identify": 1.0, "lookup": 0.5, "deed": 4.0, "question": 0.5, "reply": 1.0, "refusal": 4.0}
"""How much items weigh in relation to each other; what the wish is about weighs most."""
_STRICT = frozenset({"identify", "deed", "refusal"})
"""Without these the user does not go on."""
_NEEDS = {"lookup": {"identify"}, "deed": {"identify", "deed"}, "reply": {"deed"}}
"""Which earlier items of the turn an item depends on."""
_WORDS = {QUESTIONS[slot]: slot for slot in QUESTIONS}


def checklist(task: DeskTask, dialogue: Dialogue) -> list[list[dict[str, Any]]]:
    """The items of every user turn, as plain values. Their weights sum to 1 per turn."""
    return [_items(task, turn, steps) for turn, (_, steps) in enumerate(dialogue.turns)]


def _items(task: DeskTask, turn: int, steps: Sequence[Step]) -> list[dict[str, Any]]:
    roles = [_role(task, step) for step in steps]
    total = sum(_WEIGHTS[role] for role in roles)
    ids: list[str] = []
    items = []
    for number, (step, role) in enumerate(zip(steps, roles, strict=True)):
        name = step.action.tool if isinstance(step.action, Call) else role
        ids.append(f"{name}-{ids.count(name) + 1}" if name in ids else name)
        item = _tool_item(step.action) if isinstance(step.action, Call) else _reply_item(role, step)
        evidence = {"turn": turn, "step": number, "from": item["focus_on"], "snippet": step.action.text()}
        needed = _NEEDS.get(role, set())
        items.append(
            {
                "id": ids[-1],
                "evidence": [evidence],
                **item,
                "required_for_next_turn": role in _STRICT,
                "dependence": [i for i, r in zip(ids, roles[:number], strict=False) if r in needed],
                "weight": _WEIGHTS[role] / total,
            }
        )
    return items


def _role(task: DeskTask, step: Step) -> str:
    if isinstance(step.action, Call):
        if step.action.tool == "find_user":
            return "identify"
        return "deed" if task.domain.tools[step.action.tool].writes else "lookup"
    assert isinstance(step.action, Say)
    if step.action.words in _WORDS:
        return "question"
    return "refusal" if step.action.words.startswith(REFUSAL) else "reply"


def _tool_item(call: Call) -> dict[str, Any]:
    arguments = ", ".join(f"{key} {value}" for key, value in call.arguments.items())
    return {
        "focus_on": "assistant.tool_calls",
        "question": f"Did the assistant call {call.tool} with {arguments}, and did the call succeed?",
        "pass_condition": f"A call of {call.tool} with exactly these arguments, whose output is no error.",
        "failure_examples": [
            f"{call.tool} is called with other arguments.",
            "The call is only announced to the user.",
            "The output of the call begins with error.",
        ],
        "check": {"tool": call.tool, "arguments": dict(call.arguments)},
    }


def _reply_item(role: str, step: Step) -> dict[str, Any]:
    words = step.action.words if isinstance(step.action, Say) else ""
    if role == "question":
        slot = _WORDS[words]
        question, said = f"Did the assistant ask the user for the {slot}?", "name" if slot == "identity" else slot
        passes, failure = "A question to the user that asks for it.", f"The assistant guesses the {slot}."
        assert said in SLOT_WORDS[slot]
    elif role == "refusal":
        rule = words.removeprefix(f"{REFUSAL}: ")
        question, said = "Did the assistant tell the user that it cannot do what the user asks for?", "cannot"
        passes = f"A reply to the user that declines; the rule is {rule}."
        failure = "The assistant says that it is done."
    else:
        number = re.search(r"\d+", words)
        question, said = f"Did the assistant tell the user the result: {words}?", number[0] if number else words
        passes, failure = "A reply to the user that names what was changed.", "The reply names another order."
    return {
        "focus_on": "assistant.content.user_visible_reply",
        "question": question,
        "pass_condition": passes,
        "failure_examples": [failure, "Nothing is said to the user."],
        "check": {"said": said},
    }
