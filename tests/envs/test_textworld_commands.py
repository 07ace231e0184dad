"""What an agent may say to the game: one command of the player, nothing for the interpreter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentrl.envs.text.textworld.commands import MAX_LENGTH, normalise, refusal


@pytest.mark.parametrize(
    "action",
    [
        *("look", "go north", "take apple and pear", "x me", "unlock box with key", "score", "help", "goal", "wait"),
        *("examine Henderson's box", 'say "hi"', "put key on the undone shelf", "take the script", "thenceforth"),
        *("open the quitting box", "saver", "Take Key"),
    ],
)
def test_the_players_commands_pass(action: str) -> None:
    assert refusal(action) is None


@pytest.mark.parametrize(
    ("action", "complaint"),
    [
        ("", "Say what to do."),
        ("a" * (MAX_LENGTH + 1), "A command has at most 198 characters."),
        ("look\ninventory", "A command is one line of plain ASCII text."),
        ("look\rinventory", "A command is one line of plain ASCII text."),
        ("look\x00", "A command is one line of plain ASCII text."),
        ("take café", "A command is one line of plain ASCII text."),
        ("\\help", "A command is one line of plain ASCII text."),
        ("look. go north", "One command per turn."),
        ("look; go north", "One command per turn."),
        ("look, then go north", "One command per turn."),
        ("look THEN go north", "One command per turn."),
        ("save", "The word 'save' is not for the player."),
        ("SAVE game", "The word 'save' is not for the player."),
        ("me, save", "The word 'save' is not for the player."),
        ("transcripts on", "The word 'transcripts' is not for the player."),
        ("print_state", "The word 'print_state' is not for the player."),
        ("enable print state option", "The word 'enable' is not for the player."),
        ("tw-print player id", "The word 'tw-print' is not for the player."),
        ("oops save", "The word 'oops' is not for the player."),
    ],
)
def test_everything_else_is_refused_with_a_reason(action: str, complaint: str) -> None:
    assert refusal(action) == complaint


@pytest.mark.parametrize("word", ["save", "restore", "restart", "quit", "q", "undo", "script", "verbose", "notify"])
def test_orders_are_refused_in_any_dress(word: str) -> None:
    for action in (word, word.upper(), f"{word} on", f"me, {word}", f"me ,{word}", f", {word}"):
        assert refusal(action), action


@given(st.text())
def test_what_passes_is_one_short_printable_line(action: str) -> None:
    command = normalise(action)
    if refusal(command) is None:
        assert command.isascii()
        assert command.isprintable()
        assert 0 < len(command) <= MAX_LENGTH
        assert not set(command) & set(".;\\")


@pytest.mark.parametrize(
    ("action", "command"),
    [(" look \n", "look"), ("Take the key.", "Take the key"), ("go!!", "go"), ("...", ""), ("look .", "look")],
)
def test_normalise_takes_off_white_space_and_the_full_stop(action: str, command: str) -> None:
    assert normalise(action) == command
