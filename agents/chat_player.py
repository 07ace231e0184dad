"""A player that is a model behind an OpenAI-compatible endpoint: texts and pictures in, texts out, no tokens."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections import deque
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

PICTURES = 3
"""What models that use computers are commonly shown; each costs as many tokens as a page of text, or more."""


class ChatPlayer:
    """Plays one episode as a conversation: what the environment shows is the user, what the model says is the action.

    What stands before `</think>` is no part of the action.

    Args:
        pictures: how many observations, the latest ones, it shows with their pictures; of older ones it shows the text.
    """

    def __init__(self, chat: Chat, seed: int = 0, pictures: int = PICTURES) -> None:
        self._chat, self._seed, self._pictures = chat, seed, pictures
        self._messages: list[dict[str, Any]] = []
        self._seen: deque[tuple[dict[str, Any], str]] = deque()
        """Messages that have pictures, and their texts alone."""

    def act(self, observation: str, info: Mapping[str, Any]) -> str:
        """
        Raises:
            ChatError: the server gave no answer.
        """
        self._messages.append({"role": "user", "content": observation or "(nothing)"})
        if images := info.get("images"):
            self._show(images)
        said = asyncio.run(self._chat.say(self._messages, self._seed))
        action = said.text.rpartition("</think>")[2].strip()
        self._messages.append({"role": "assistant", "content": action or "(nothing)"})
        return action

    def _show(self, images: Sequence[bytes]) -> None:
        """Put pictures beside the text of the last message, and take away those that are too old."""
        message = self._messages[-1]
        self._seen.append((message, message["content"]))
        urls = [f"data:image/png;base64,{base64.b64encode(image).decode()}" for image in images]
        message["content"] = [
            {"type": "text", "text": message["content"]},
            *({"type": "image_url", "image_url": {"url": url}} for url in urls),
        ]
        if len(self._seen) > self._pictures:
            old, text = self._seen.popleft()
            old["content"] = text


def play_all(
    make: Callable[[], AbstractContextManager[Episode]],
    options: ChatOptions,
    tasks: Sequence[Task],
    *,
    seed: int,
    jobs: int,
    pictures: int = PICTURES,
) -> list[Group]:
    """Play an episode of each task, some at a time. One that fails for want of a sandbox or of the server ends with the
    outcome `infra_error`, after the turns that it had; the others go on.

    Args:
        make: makes an environment, one for each episode.
        jobs: episodes at a time.
        pictures: as of a `ChatPlayer`.
    """

    def play(number: int, chat: Chat) -> Group:
        task = tasks[number]
        turns: list[Turn] = []

        def player(_: Episode, seed: int) -> ChatPlayer:
            return ChatPlayer(chat, seed, pictures)

        try:
            with make() as env:
                turns = play_with(env, player, task, seed=seed + number)
        except InfraError as error:  # in making the environment, or in closing it, when all has been played
            turns = turns or [failed_turn((), None, str(error))]
        return Group(task, turns)

    with opened(options) as chat, ThreadPoolExecutor(jobs) as threads:
        return list(threads.map(lambda number: play(number, chat), range(len(tasks))))


@contextmanager
def opened(options: ChatOptions) -> Iterator[Chat]:
    """A client that remembers no answers of other times: behind one name may be another model by now."""
    with tempfile.TemporaryDirectory() as folder:
        chat = Chat(replace(options, cache=Path(folder) / "answers.sqlite"))
        try:
            yield chat
        finally:
            chat.close()
