"""Messages ⇄ token ids by a tokenizer's own chat template; the context only ever grows at its end.

What the policy sampled is never rendered again: an episode's context is `first(…)`, then for every further turn the
sampled ids followed by `next(…)`. Re-rendering a history would retokenize the policy's words, and many templates drop
or move parts of it (thinking, system prompt), so that the trainer would see tokens that nobody sampled.

The template is Jinja code that we treat as a black box: it renders short conversations of marker words, and the text
between the markers is what surrounds every later message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from agentrl.errors import ConfigError

_SYSTEM = "Markersystem"
_MARKER = re.compile(r"Marker(?:system|user\d|action\d)")


class Renderer:
    """Renders one kind of conversation: a system text, then observations (user) and actions (assistant) in turn.

    Args:
        tokenizer: a `transformers` tokenizer with a chat template.
        system: the instruction; templates without a system role get it at the head of the first user message.
        options: further variables of the template, e.g. `{"enable_thinking": False}`.

    Raises:
        ConfigError: the template cannot be continued by appending; the message says why.
    """

    end_id: int
    """The token that ends an assistant turn."""
    stop_token_ids: tuple[int, ...]
    """Tokens that end an action: `end_id`, and the tokenizer's end of sequence where it is another."""
    prefix_stable: bool
    """Whether rendering the whole conversation anew would give the text of this renderer, action by action.

    False for templates that write something before a new action that they do not write before a past one.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, system: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        if not tokenizer.chat_template:
            raise ConfigError("the tokenizer has no chat template; set tokenizer.chat_template")
        self._tokenizer = tokenizer
        self._options = dict(options or {})
        self._system_role = bool(system) and self._takes_system_role()
        self._preamble = f"{system}\n\n" if system and not self._system_role else ""
        self._opening, self._closing, self._header = self._pieces(system)
        self._strip = self._trims()

        added = tokenizer.added_tokens_decoder
        specials = sorted((t.content for t in added.values() if t.special), key=len, reverse=True)
        self._specials = re.compile("|".join(map(re.escape, specials)) or r"(?!)")
        self.end_id = self._encode(self._closing)[0]
        end = tokenizer.convert_ids_to_tokens(self.end_id)
        if end not in specials or not self._closing.startswith(end):
            raise ConfigError(
                f"the chat template ends an assistant turn with {self._closing[:40]!r}, not with a special token: "
                "a sampled action could not be told from what follows it"
            )
        eos = tokenizer.eos_token_id
        self.stop_token_ids = tuple(dict.fromkeys(i for i in (self.end_id, eos) if i is not None))
        # Episodes of a group see the same observations again and again.
        self._encode_cached = lru_cache(maxsize=1 << 16)(self._encode)

    def first(self, observation: str) -> list[int]:
        """Context of the first action: system text, first observation, header of the action."""
        return list(self._encode_cached(self._opening + self._clean(self._preamble + observation) + self._header))

    def next(self, action_ids: Sequence[int], observation: str) -> list[int]:
        """What to append after a sampled action: the end of its turn, the observation, header of the next action.

        The token that ends the turn is left out where the action already has it (it lacks it when cut by length).
        """
        ids = self._encode_cached(self._closing + self._clean(observation) + self._header)
        return list(ids[1:] if len(action_ids) and action_ids[-1] == self.end_id else ids)

    def action(self, text: str) -> list[int]:
        """Ids of an action that was not sampled (a demonstration), the end of its turn included."""
        return [*self._encode_cached(self._clean(text)), self.end_id]

    def action_around(self, before: str, text: str, after: str) -> tuple[list[int], range]:
        """Ids of an action that was not sampled and has `text` in it; and where: the ids with a character of it.

        Control tokens are broken in `text` alone. An id across its border counts as part of it.

        Raises:
            ConfigError: the tokenizer does not tell which characters a token stands for.
        """
        if not self._tokenizer.is_fast:
            raise ConfigError("the tokenizer gives no character offsets; use a fast one (tokenizer.json)")
        text = self._plain(text)
        encoded = self._tokenizer(f"{before}{text}{after}", add_special_tokens=False, return_offsets_mapping=True)
        first, last = len(before), len(before) + len(text)
        spans = enumerate(encoded["offset_mapping"] if text else ())
        inside = [i for i, (begin, end) in spans if begin < min(end, last) and end > first]
        return list(encoded["input_ids"]), range(inside[0], inside[-1] + 1) if inside else range(0)

    def parse(self, action_ids: Sequence[int]) -> str:
        """The text of an action for the environment: no special tokens, no space around it."""
        text = self._tokenizer.decode(list(action_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text).strip()

    # -- pieces ------------------------------------------------------------------------------------------------

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False))  # the template writes its own BOS

    def _clean(self, text: str) -> str:
        """As the template would treat `text`, except that control tokens written in it are broken into plain text."""
        return self._plain(text).strip() if self._strip else self._plain(text)

    def _plain(self, text: str) -> str:
        return self._specials.sub(lambda m: f"{m[0][0]} {m[0][1:]}" if len(m[0]) > 1 else "", text)

    def _render(self, messages: list[dict[str, str]]) -> str:
        text = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, **self._options
        )
        return str(text)

    def _messages(self, turns: int, system: str | None) -> list[dict[str, str]]:
        """`turns` finished turns of marker words and an open one, after a system message where it has that role."""
        messages = [{"role": "system", "content": system}] if system and self._system_role else []
        messages.append({"role": "user", "content": "Markeruser0"})
        for i in range(turns):
            messages.append({"role": "assistant", "content": f"Markeraction{i}"})
            messages.append({"role": "user", "content": f"Markeruser{i + 1}"})
        return messages

    def _takes_system_role(self) -> bool:
        """Whether a system message comes out once, at the front, also with later turns (Mistral moves it on)."""
        self._system_role = True
        try:
            self._takes_markers(system=True)
        except ConfigError:
            return False
        return True

    def _takes_markers(self, *, system: bool) -> list[str]:
        """Texts before, between and after the messages of a conversation of two finished turns and an open one."""
        try:
            text = self._render(self._messages(2, _SYSTEM if system else None))
        except TemplateError as error:
            raise ConfigError(f"the chat template refuses a conversation of several turns: {error}") from error
        expected = [_SYSTEM] * system + [f"Marker{m}" for m in ("user0", "action0", "user1", "action1", "user2")]
        if (found := _MARKER.findall(text)) != expected:
            raise ConfigError(
                f"the chat template does not write every message once and in order: {expected} came out as {found}"
            )
        return _MARKER.split(text)[system:]

    def _pieces(self, system: str) -> tuple[str, str, str]:
        """(text before the first observation, from an action to the next observation, from there to the action)."""
        _, past0, closing, past1, closing_again, header = self._takes_markers(system=self._system_role)
        opening, found, first_header = self._render(self._messages(0, system)).rpartition("Markeruser0")
        if not found or closing != closing_again or header != first_header:
            raise ConfigError(
                "the chat template does not treat every turn alike, so later turns cannot be appended: between action "
                f"and observation {closing!r}, then {closing_again!r}; before an action {first_header!r}, "
                f"then {header!r}"
            )
        self.prefix_stable = past0 == past1 == header
        return opening, closing, header

    def _trims(self) -> bool:
        """Whether the template strips white space around what users say."""
        messages = self._messages(1, None)
        messages[-1]["content"] = f" \n{messages[-1]['content']}\n "
        return f" \n{messages[-1]['content'].strip()}\n " not in self._render(messages)
