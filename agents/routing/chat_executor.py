"""An executor on an OpenAI-compatible server: messages in, a text and its usage out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from agentrl.agents.judges.chat import Chat, ChatOptions
from agentrl.agents.routing.executors import Draft, Usage
from agentrl.config import ExecutorConfig, Price
from agentrl.errors import ConfigError

MESSAGE_TOKENS = 16
"""That a chat template writes around a message, at most."""


@dataclass(frozen=True, slots=True)
class ChatExecutor:
    """A model that is asked over HTTP. It tells no log-probs."""

    name: str
    chat: Chat
    system: str
    price: Price

    def begin(self, observation: str) -> ChatTalk:
        """See `Executor.begin`."""
        opening = [{"role": "system", "content": self.system}] if self.system else []
        return ChatTalk(self.chat, self.price, [*opening, {"role": "user", "content": observation}])

    def close(self) -> None:
        """See `Executor.close`."""
        self.chat.close()


class ChatTalk:
    """An episode as messages."""

    def __init__(self, chat: Chat, price: Price, messages: Sequence[dict[str, str]]) -> None:
        self._chat, self._price, self._messages = chat, price, list(messages)

    def worst(self) -> float:
        """See `Talk.worst`. The server alone knows its tokens: there are no more of them than bytes."""
        dearest = self._price.model_copy(update={"input": max(self._price.input, self._price.cached)})
        return dearest.money({"prompt_tokens": self._bound(), "completion_tokens": self._chat.options.max_tokens})

    async def draft(self, seed: int, turn: int) -> Draft:
        """See `Talk.draft`. What a server said once to the same messages and seed is read from disk.

        Raises:
            ChatError: the server gave no answer.
            ConfigError: it counts more tokens than there can be, so that no budget could be kept.
        """
        said = await self._chat.say(self._messages, seed)
        if said.prompt_tokens > self._bound() or said.completion_tokens > self._chat.options.max_tokens:
            raise ConfigError(
                f"{self._chat.options.url} counts {said.prompt_tokens} tokens of prompt and {said.completion_tokens} of"
                f" answer where there are {self._bound()} and {self._chat.options.max_tokens} at most"
            )
        money = self._price.money(said.model_dump(include={"prompt_tokens", "cached_tokens", "completion_tokens"}))
        usage = Usage(said.prompt_tokens, said.completion_tokens, said.seconds, money)
        return Draft(said.text.rpartition("</think>")[2].strip(), usage, None)

    def hear(self, action: str, feedback: str, *, own: bool) -> None:
        """See `Talk.hear`."""
        done = action or "(nothing)"  # servers refuse messages without a word
        self._messages += [{"role": "assistant", "content": done}, {"role": "user", "content": feedback or "(nothing)"}]

    def fork(self) -> ChatTalk:
        """See `Talk.fork`."""
        return ChatTalk(self._chat, self._price, self._messages)

    def close(self) -> None:
        """See `Talk.close`. Nothing is kept."""

    def _bound(self) -> int:
        """Tokens of the prompt, at most."""
        return sum(len(m["content"].encode()) + MESSAGE_TOKENS for m in self._messages) + MESSAGE_TOKENS


def chat_executor(name: str, section: ExecutorConfig) -> ChatExecutor:
    """The executor of a configuration; a key that it lacks is that of the environment variable."""
    options = ChatOptions(
        section.url,
        section.model,
        section.api_key or os.environ.get("AGENTRL_EXECUTOR_API_KEY", ""),
        temperature=section.temperature,
        top_p=1.0,
        max_tokens=section.max_tokens,
    )
    return ChatExecutor(name, Chat(options), section.system_prompt, section.price)
