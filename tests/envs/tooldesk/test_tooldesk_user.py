"""The scripted user answers what it is asked, and reveals one wish at a time."""

from __future__ import annotations

import pytest

from agentrl.envs.text.tooldesk.user import (
    CONFIRMED,
    DOUBT,
    FAREWELL,
    NO_PREFERENCE,
    SLOT_WORDS,
    UserState,
    answer,
    greeting,
)
from agentrl.envs.text.tooldesk.wishes import ANSWERS, QUESTIONS, Script, Wish

CANCEL = Wish("cancel", "Please cancel order 12.", (), "", {"order": "Order 12.", "reason": "By mistake."}, ("reason",))
FORBIDDEN = Wish("home", "Send it to the moon.", (), "", {}, (), "moon")
SCRIPT = Script("mia berg", 47, False, (CANCEL, FORBIDDEN))


def heard(words: str, wish: int = 0) -> str:
    text, state = answer(SCRIPT, UserState(wish), words)
    assert state == UserState(wish), "the conversation went on"
    return text


def test_the_greeting_tells_who_it_is_only_if_the_script_says_so() -> None:
    assert greeting(SCRIPT) == "Hello. Please cancel order 12."
    assert greeting(Script("mia berg", 47, True, (CANCEL,))) == "Hello, I am mia berg, pin 47. Please cancel order 12."


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is your name and pin?", "I am mia berg, pin 47."),
        ("Could you please tell me your name", "I am mia berg, pin 47."),
        ("Why, and which order?", "Order 12. By mistake."),
        ("REASON?", "By mistake."),
        ("Which cabin do you prefer?", NO_PREFERENCE),
        ("Shall I cancel order 12?", CONFIRMED),
        ("Hello! How can I help?", "Please cancel order 12."),
        ("???", "Please cancel order 12."),
    ],
)
def test_questions(question: str, expected: str) -> None:
    assert heard(question) == expected


def test_every_question_of_the_experts_is_understood() -> None:
    for slot, question in QUESTIONS.items():
        wish = Wish("x", "text", (), "", {slot: "The answer."})
        script = Script("mia berg", 47, False, (wish,))
        expected = script.identity if slot == "identity" else "The answer."
        assert answer(script, UserState(), question) == (expected, UserState())
    assert ANSWERS.keys() <= SLOT_WORDS.keys()


def test_other_words_end_the_wish() -> None:
    text, state = answer(SCRIPT, UserState(), "Order 12 is cancelled")
    assert (text, state) == ("Thanks. Send it to the moon.", UserState(1))
    assert answer(SCRIPT, UserState(), "Done. Anything else?") == (text, state)
    text, state = answer(SCRIPT, state, "I cannot do that: moon")
    assert (text, state) == (FAREWELL, UserState(2))
    for words in ("Bye", "What is the reason?", "", "cannot"):
        assert answer(SCRIPT, state, words)[1].wish == 2


def test_a_refusal_of_what_is_allowed_is_doubted_once() -> None:
    text, state = answer(SCRIPT, UserState(), "I cannot do that")
    assert text == DOUBT
    assert state.wish == 0
    assert answer(SCRIPT, state, "I cannot do that")[1].wish == 1


def test_who_it_is_can_be_asked_at_the_end() -> None:
    assert heard("What is your name?", wish=2) == "I am mia berg, pin 47."
    assert heard("Why?", wish=2) == NO_PREFERENCE
