"""What the user wants, as data: made by a domain's goals, spoken by `user.py`, carried out by the oracle."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentrl.envs.text.tooldesk.calls import Call
from agentrl.envs.text.tooldesk.world import World

QUESTIONS: Mapping[str, str] = {
    "identity": "What is your name and pin?",
    "order": "Which order is it?",
    "item": "Which item is it?",
    "variant": "Which variant do you want?",
    "reason": "What is the reason?",
    "address": "What is the new address?",
    "payment": "Which payment method?",
    "reservation": "Which reservation is it?",
    "day": "On which day?",
    "cabin": "Which cabin?",
    "bags": "How many bags in all?",
}
"""A question for each slot, as the experts ask it. The user understands others, see `user.SLOT_WORDS`."""

ANSWERS: Mapping[str, str] = {
    "order": "Order {order}.",
    "item": "The {item}.",
    "variant": "The {variant} one.",
    "reason": "{reason}.",
    "address": "To {address}.",
    "payment": "Payment {payment}, please.",
    "reservation": "Reservation {reservation}.",
    "destination": "To {destination}.",
    "origin": "From {origin}.",
    "day": "On day {day}.",
    "cabin": "In {cabin}.",
    "bags": "{bags} bags.",
}
"""How the user answers."""

REFUSAL = "I cannot do that"
"""How the experts begin a refusal; the rule's id follows."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that the user wants, told in one message and answers to questions."""

    kind: str
    """Which goal of the domain it is, e.g. `cancel`."""
    text: str
    """How the user says it."""
    calls: tuple[Call, ...]
    """What a good agent calls, lookups included; none of the writing ones where a rule forbids the wish."""
    reply: str
    """What a good agent says in the end."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Slot → what the user says when asked."""
    asks: tuple[str, ...] = ()
    """Slots that `text` leaves out, so that the agent has to ask."""
    rule: str = ""
    """The rule that forbids it; "" where it is allowed."""
    forbidden: Call | None = None
    """The call that would do it, and that the database refuses by that rule."""

    @property
    def allowed(self) -> bool:
        return not self.rule


def make_wish(
    world: World,
    kind: str,
    phrases: Sequence[str],
    fields: Mapping[str, object],
    calls: Sequence[Call],
    reply: str,
    *,
    needs: Sequence[str] = (),
    rule: str = "",
    instead: Mapping[str, object] | None = None,
    prefix: str = "",
) -> Wish:
    """Say a wish in one of the phrases; what the agent needs and the phrase leaves out, it has to ask for.

    Args:
        fields: slot → value, for the phrases and the answers.
        calls: lookups, then the deeds. Where a rule forbids the wish the last one is what it refuses.
        needs: slots without which a good agent can do nothing.
        rule: the one that forbids the wish: the reply is then a refusal.
        instead: slot → what the user says first when asked for it, before changing its mind.
        prefix: before the phrase.
    """
    phrase = world.rng.choice(phrases)
    told = {name for _, name, _, _ in string.Formatter().parse(phrase)}
    answers = {slot: ANSWERS[slot].format(**fields) for slot in fields}
    for slot, value in (instead or {}).items():
        answers[slot] = f"{ANSWERS[slot].format(**{slot: value})} No, wait. {answers[slot]}"
    return Wish(
        kind,
        prefix + phrase.format(**fields),
        tuple(calls[:-1] if rule else calls),
        f"{REFUSAL}: {rule}" if rule else reply,
        answers,
        tuple(slot for slot in needs if slot not in told),
        rule,
        calls[-1] if rule else None,
    )


@dataclass(frozen=True, slots=True)
class Script:
    """All that the scripted user knows."""

    name: str
    pin: int
    introduces: bool
    """Whether the first message tells name and pin."""
    wishes: tuple[Wish, ...]

    @property
    def identity(self) -> str:
        return f"I am {self.name}, pin {self.pin}."
