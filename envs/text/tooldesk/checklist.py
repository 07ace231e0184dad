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
from agentrl.envs.text.tooldesk.wishes import QUESTIONS, REFUSAL

_WEIGHTS = {"identify": 1.0, "lookup": 0.5, "deed": 4.0, "question": 0.5, "reply": 1.0, "refusal": 4.0}
"""How much items weigh in relation to each other; what the wish is about weighs most."""
_STRICT = frozenset({"identify", "deed", "refusal"})
"""Without these the user does not go on."""
_NEEDS = {"lookup": ("identify",), "deed": ("identify", "deed"), "reply": ("deed",)}
"""Which earlier items of the turn an item depends on."""
_SLOTS = {question: slot for slot, question in QUESTIONS.items()}


def checklist(task: DeskTask, dialogue: Dialogue) -> list[list[dict[str, Any]]]:
    """The items of every user turn, as plain values. Their weights sum to 1 per turn."""
    return [_items(task, turn, steps) for turn, (_, steps) in enumerate(dialogue.turns)]


def _items(task: DeskTask, turn: int, steps: Sequence[Step]) -> list[dict[str, Any]]:
    parts = [_part(task, step) for step in steps]
    total = sum(_WEIGHTS[role] for _, role in parts)
    items = []
    for number, (step, (name, role)) in enumerate(zip(steps, parts, strict=True)):
        item = _tool_item(step.action) if isinstance(step.action, Call) else _reply_item(name, role, _words(step))
        evidence = {"turn": turn, "step": number, "from": item["focus_on"], "snippet": step.action.text()}
        items.append(
            {
                "id": name,
                "evidence": [evidence],
                **item,
                "required_for_next_turn": role in _STRICT,
                "dependence": [other for other, its in parts[:number] if its in _NEEDS.get(role, ())],
                "weight": _WEIGHTS[role] / total,
            }
        )
    return items


def _part(task: DeskTask, step: Step) -> tuple[str, str]:
    """The item's id, which no other of the turn has, and its role."""
    if isinstance(step.action, Call):
        name = step.action.tool
        return name, "identify" if name == "find_user" else "deed" if task.domain.tools[name].writes else "lookup"
    words = _words(step)
    if words in _SLOTS:
        return f"ask_{_SLOTS[words]}", "question"
    role = "refusal" if words.startswith(REFUSAL) else "reply"
    return role, role


def _words(step: Step) -> str:
    return step.action.words if isinstance(step.action, Say) else ""


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


def _reply_item(name: str, role: str, words: str) -> dict[str, Any]:
    if role == "question":
        slot = name.removeprefix("ask_")
        question, said = f"Did the assistant ask the user for the {slot}?", "name" if slot == "identity" else slot
        passes, failure = "A question to the user that asks for it.", f"The assistant guesses the {slot}."
    elif role == "refusal":
        question, said = "Did the assistant tell the user that it cannot do what the user asks for?", "cannot"
        passes = f"A reply to the user that declines; the rule is {words.removeprefix(f'{REFUSAL}: ')}."
        failure = "The assistant says that it is done."
    else:
        number = re.search(r"\d+", words)
        question, said = f"Did the assistant tell the user the result: {words}?", number[0] if number else words
        passes, failure = "A reply to the user that names what was changed.", "The reply names another one."
    return {
        "focus_on": "assistant.content.user_visible_reply",
        "question": question,
        "pass_condition": passes,
        "failure_examples": [failure, "Nothing is said to the user."],
        "check": {"said": said},
    }
