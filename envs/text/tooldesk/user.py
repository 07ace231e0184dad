"""The scripted user: reveals its wishes one by one, answers questions, and knows no more than a customer would.

It listens for words, so templates are understood as well as prose, and it always says something sensible:

- a question about slots gets the answers, "no preference" where it has none; any other gets the wish once more;
- where it shall confirm, it does;
- a refusal of what the policy allows is doubted once;
- anything else ends the wish: the next one follows, and after the last a farewell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agentrl.envs.text.tooldesk.wishes import Script

FAREWELL = "Thanks, that is all."
DOUBT = "I think that is allowed. Please look again."
NO_PREFERENCE = "I have no preference."
CONFIRMED = "Yes, please."

SLOT_WORDS: Mapping[str, frozenset[str]] = {
    "identity": frozenset({"name", "pin", "who", "identify", "identity"}),
    "order": frozenset({"order", "orders"}),
    "reservation": frozenset({"reservation", "booking"}),
    "item": frozenset({"item", "product"}),
    "variant": frozenset({"variant", "version", "colour", "color"}),
    "reason": frozenset({"reason", "why"}),
    "address": frozenset({"address", "where"}),
    "payment": frozenset({"payment", "pay", "card", "refund"}),
    "origin": frozenset({"origin"}),
    "destination": frozenset({"destination"}),
    "day": frozenset({"day", "date", "when"}),
    "cabin": frozenset({"cabin", "class"}),
    "bags": frozenset({"bags", "bag", "baggage", "luggage"}),
}
_CONFIRM = frozenset({"confirm", "correct", "right", "shall", "should", "proceed", "sure", "ok", "okay"})
_REFUSE = frozenset({"cannot", "can't", "sorry", "unable", "impossible", "forbidden", "not"})
_OPEN = frozenset({"what", "which", "who", "why", "where", "when", "how"})
_REQUEST = frozenset({"please", "tell", "provide"})
_ELSE = frozenset({"else", "anything", "further"})


@dataclass(frozen=True, slots=True)
class UserState:
    """Where the conversation stands."""

    wish: int = 0
    """Index of the wish talked about; the number of wishes after the farewell."""
    doubted: bool = False
    """Whether the user has already doubted the refusal of this wish."""


def greeting(script: Script) -> str:
    """The user's first message."""
    hello = f"Hello, {script.identity}" if script.introduces else "Hello."
    return f"{hello} {script.wishes[0].text}"


def answer(script: Script, state: UserState, words: str) -> tuple[str, UserState]:
    """What the user says to `words`, and where the conversation then stands."""
    heard = frozenset(re.findall(r"[a-z']+", words.lower()))
    wish = script.wishes[state.wish] if state.wish < len(script.wishes) else None
    asked = [slot for slot, known in SLOT_WORDS.items() if heard & known]
    if not heard & _ELSE and ("?" in words or (asked and heard & _REQUEST)):
        if heard & _CONFIRM and not heard & _OPEN:
            return CONFIRMED, state
        known = {**(wish.answers if wish else {}), "identity": script.identity}
        if asked:
            return " ".join(known[slot] for slot in asked if slot in known) or NO_PREFERENCE, state
        return wish.text if wish else FAREWELL, state
    if wish is not None and wish.allowed and not state.doubted and heard & _REFUSE:
        return DOUBT, replace(state, doubted=True)
    following = UserState(min(state.wish + 1, len(script.wishes)))
    if wish is None or following.wish == len(script.wishes):
        return FAREWELL, following
    return f"{'Thanks' if wish.allowed else 'I see'}. {script.wishes[following.wish].text}", following
