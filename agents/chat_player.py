"""A player that is a model behind an OpenAI-compatible endpoint: texts in, texts out, no tokens to train on."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentrl.agents.judges.chat import Chat, ChatOptions
from agentrl.agents.players import play_with
from agentrl.agents.rollout import failed_turn
from agentrl.envs.base import Episode
from agentrl.errors import InfraError
from agentrl.types import Group, Task, Turn


class ChatPlayer:
    """Plays one episode as a conversation: what the environment shows is the user, what the model says is the action.

    What stands before `</think>` is no part of the action.
    """

    def __init__(self, chat: Chat, seed: int = 0) -> None:
        self._chat, self._seed = chat, seed
        self._messages: list[dict[str, str]] = []

    def act(self, observation: str, info: Mapping[str, Any]) -> str:
        """
        Raises:
            ChatError: the server gave no answer.
        """
        self._messages.append({"role": "user", "content": observation or "(nothing)"})
        said = asyncio.run(self._chat.say(self._messages, self._seed))
        action = said.text.rpartition("</think>")[2].strip()
        self._messages.append({"role": "assistant", "content": action or "(nothing)"})
        return action


def play_all(
    make: Callable[[], AbstractContextManager[Episode]],
    options: ChatOptions,
    tasks: Sequence[Task],
    *,
    seed: int,
    max_turns: int,
    jobs: int,
) -> list[Group]:
    """Play an episode of each task, some at a time. One that fails for want of a sandbox or of the server ends with the
    outcome `infra_error`, after the turns that it had; the others go on.

    Args:
        make: makes an environment, one for each episode.
        jobs: episodes at a time.
    """

    def play(number: int, chat: Chat) -> Group:
        task = tasks[number]
        turns: list[Turn] = []
        try:
            with make() as env:
                turns = play_with(env, lambda _, s: ChatPlayer(chat, s), task, seed=seed + number, max_turns=max_turns)
        except InfraError as error:  # in making the environment, or in closing it, when all has been played
            turns = turns or [failed_turn((), None, str(error))]
        return Group(task, turns)

    with _opened(options) as chat, ThreadPoolExecutor(jobs) as threads:
        return list(threads.map(lambda number: play(number, chat), range(len(tasks))))


@contextmanager
def _opened(options: ChatOptions) -> Iterator[Chat]:
    """A client that remembers no answers of other times: behind one name may be another model by now."""
    with tempfile.TemporaryDirectory() as folder:
        chat = Chat(replace(options, cache=Path(folder) / "answers.sqlite"))
        try:
            yield chat
        finally:
            chat.close()
