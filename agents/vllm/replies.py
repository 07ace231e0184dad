"""Every reply of a vLLM server that is used, checked before anybody believes it.

A reply that makes no sense now but might another time is an `InfraError`; one that shows a server which does not do
what is asked of it, and would not at the next attempt, is a `RunStoppedError`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from agentrl.errors import AgentRLError, ConfigError, InfraError, RunStoppedError
from agentrl.types import FinishReason

FLOOR = -9999.0
"""What vLLM writes for the log of 0, as JSON has no −∞."""
_REASONS: Mapping[object, FinishReason] = {"stop": "stop", "length": "length", "abort": "abort"}
"""vLLM's `error` comes as status 500, and `repetition` only where it is asked for."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Tokens of one request."""

    token_ids: tuple[int, ...]
    """(A,) including the stop token; A may be 0 where `finish_reason` is `abort`."""
    logprobs: tuple[float, ...]
    """(A,) in the server's `logprobs_mode`."""
    finish_reason: FinishReason
    labels: tuple[str, ...] | None
    """(A,) label of the weights that sampled each token; None where the server does not tell."""
    tops: tuple[Mapping[int, float], ...] = ()
    """(A,) log-probs of the most likely tokens at each place; nothing where they were not asked for."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves."""

    models: tuple[str, ...]
    """Names: the model first, adapters after it."""
    max_context: int
    """Longest context of prompt and completion together, in tokens."""


def completion(reply: object, max_tokens: int, top: int = 0) -> Sampled:
    """Read the reply to `wire.completion`.

    Raises:
        RunStoppedError: it has no token ids or no log-probs: the server ignores what is asked of it.
        InfraError: lengths disagree, or a log-prob is missing or that of an impossible token.
    """
    choice = _choice(reply)
    logprobs = choice.get("logprobs")
    found = logprobs if isinstance(logprobs, Mapping) else {}
    sampled = _sampled(choice, found.get("token_logprobs"), max_tokens, None)
    if not top:
        return sampled
    places = found.get("top_logprobs") or ()
    return _with_tops(sampled, [[(_token(name), value) for name, value in place.items()] for place in places], top)


def generate(reply: object, max_tokens: int, top: int = 0) -> Sampled:
    """Read the reply to `wire.generate`; raises what `completion` does, and InfraError for incomplete spans."""
    choice = _choice(reply)
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    values = None if content is None else [_field(entry, "logprob") for entry in content]
    labels = choice.get("weight_versions")
    count = len(choice.get("token_ids") or ())
    sampled = _sampled(choice, values, max_tokens, None if labels is None else _labels(labels, count))
    if not top:
        return sampled
    places = [_field(entry, "top_logprobs") for entry in content or ()]
    return _with_tops(sampled, [[(_field(e, "token_id"), _field(e, "logprob")) for e in p] for p in places], top)


def scores(reply: object, token_ids: Sequence[int]) -> tuple[float, ...]:
    """Read the reply to `wire.score`: (L − 1,) log-probs of `token_ids` (L,) but the first.

    A token that the model deems impossible has the finite log-prob `FLOOR`.

    Raises:
        RunStoppedError: the server does not give them.
        InfraError: they are those of other tokens, or the request was aborted.
    """
    choice = _choice(reply)
    if choice.get("finish_reason") == "abort":
        raise InfraError("the server was told to end all requests, the scoring of tokens with them")
    # Both routes for tokens have them; `/inference/v1/generate` beside its choices.
    entries = choice.get("prompt_logprobs")
    if not isinstance(entries, list):
        raise RunStoppedError("the server gives no prompt_logprobs, though asked; is it vLLM 0.22 or later?")
    if len(entries) != len(token_ids):
        raise InfraError(f"the server scored {len(entries)} tokens of {len(token_ids)}")
    found = []
    for token, entry in zip(token_ids[1:], entries[1:], strict=True):
        if not isinstance(entry, Mapping) or str(token) not in entry:
            raise InfraError(f"the server's score lacks token {token}, which was asked for")
        found.append(_number(_field(entry[str(token)], "logprob")))
    return tuple(found)


def models(reply: object) -> Served:
    """Read the reply to `wire.MODELS`.

    Raises:
        InfraError: it is none.
    """
    data = _field(reply, "data")
    if not isinstance(data, list) or not data:
        raise InfraError("the server serves no model")
    names = tuple(str(_field(model, "id")) for model in data)
    length = _field(data[0], "max_model_len")
    if not isinstance(length, int):
        raise InfraError(f"the server does not tell the context length of {names[0]}")
    return Served(names, length)


def weight_version(reply: object) -> str:
    """Read the reply to `wire.WEIGHT_INFO`: the label of the weights, `default` before the first update.

    Raises:
        InfraError: it is none.
    """
    return str(_field(reply, "weight_version"))


def world_size(reply: object) -> int:
    """Read the reply to `wire.WORLD_SIZE`: how many workers will join a transfer.

    Raises:
        InfraError: it is none.
    """
    size = _field(reply, "world_size")
    if not isinstance(size, int) or size < 1:
        raise InfraError(f"the server has {size!r} workers")
    return size


def is_paused(reply: object) -> bool:
    """Read the reply to `wire.is_paused`.

    Raises:
        InfraError: it is none.
    """
    return bool(_field(reply, "is_paused"))


def failure(status: int, body: str | Mapping[str, Any], what: str) -> AgentRLError:
    """The error that an HTTP status other than 2xx means; `what` begins the sentence: "publishing to http://…".

    A server at its limits (429) or in trouble (5xx) may do better later: `InfraError`. What it refuses it will refuse
    again: `ConfigError`.
    """
    said = f"{what}: vLLM answers {status}: {message(body)}"
    if status >= 500 or status in (408, 429):
        return InfraError(said)
    remedy = {
        401: "; set AGENTRL_ENGINE_API_KEY to the server's --api-key",
        403: "; start the server with --enable-scale-out",
    }
    return ConfigError(said + remedy.get(status, ""))


def message(body: str | Mapping[str, Any]) -> str:
    """What an error's body says, in whichever of vLLM's forms, in at most 500 characters."""
    if not isinstance(body, Mapping):
        return body[:500]
    found = body.get("error", body.get("detail", body.get("message", body)))
    if isinstance(found, Mapping):
        found = found.get("message", found)
    return str(found)[:500]


# -- checks ----------------------------------------------------------------------------------------------------------


def _choice(reply: object) -> Mapping[str, Any]:
    choices = _field(reply, "choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], Mapping):
        raise InfraError(f"the server's reply has not one choice: {_shown(reply)}")
    return choices[0]


def _sampled(choice: Mapping[str, Any], values: object, max_tokens: int, labels: tuple[str, ...] | None) -> Sampled:
    tokens, reason = choice.get("token_ids"), choice.get("finish_reason")
    if not isinstance(tokens, list):
        raise RunStoppedError("the server gives no token_ids, though asked; is it vLLM 0.22 or later?")
    if reason not in _REASONS:
        raise InfraError(f"the server ended a generation with finish_reason {reason!r}")
    if values is None and tokens:
        raise RunStoppedError("the server gives no log-probs of its tokens, though asked; is it vLLM 0.22 or later?")
    logprobs = tuple(_number(value) for value in values) if isinstance(values, list) else ()
    if len(logprobs) != len(tokens):
        raise InfraError(f"the server gave {len(tokens)} tokens and {len(logprobs)} log-probs")
    if len(tokens) > max_tokens:
        raise InfraError(f"the server sampled {len(tokens)} tokens where at most {max_tokens} were asked for")
    if not tokens and reason != "abort":
        raise InfraError(f"the server sampled nothing and says finish_reason {reason!r}")
    if any(value <= FLOOR for value in logprobs):
        # A token of probability 0 is never sampled, and its importance ratio would be infinite.
        raise InfraError("the server gave a sampled token the log-prob of an impossible one")
    return Sampled(tuple(tokens), logprobs, _REASONS[reason], labels)


def _with_tops(sampled: Sampled, places: Sequence[Sequence[tuple[int, object]]], top: int) -> Sampled:
    """With the `top` most likely tokens of each place, in descending order."""
    tops = [sorted(((token, _number(value)) for token, value in place), key=lambda e: -e[1])[:top] for place in places]
    if [len(place) for place in tops] != [top] * len(sampled.token_ids):
        raise InfraError(f"the server did not give the {top} most likely tokens of {len(sampled.token_ids)} places")
    return dataclasses.replace(sampled, tops=tuple(dict(place) for place in tops))


def _token(name: str) -> int:
    """The token of a name like `token_id:17`."""
    if not (found := re.fullmatch(r"token_id:(\d+)", name)):
        raise RunStoppedError("the server names tokens by their text, though asked for ids; is it vLLM 0.22 or later?")
    return int(found[1])


def _labels(spans: object, count: int) -> tuple[str, ...]:
    """Spans (version, start, end), end exclusive, laid out over `count` tokens."""
    labels: list[str] = []
    for span in spans if isinstance(spans, list) else _nonsense(spans):
        start, end = _field(span, "start"), _field(span, "end")
        if start != len(labels) or not isinstance(end, int):
            break
        labels += [str(_field(span, "version"))] * (end - start)
    if len(labels) != count:
        raise InfraError(f"the server's weight_versions do not cover the {count} tokens: {_shown(spans)}")
    return tuple(labels)


def _number(value: object) -> float:
    if not isinstance(value, int | float) or math.isnan(value):
        raise InfraError(f"the server gave {value!r} for the log-prob of a token")
    return max(float(value), FLOOR)


def _field(reply: object, name: str) -> Any:
    if not isinstance(reply, Mapping) or name not in reply:
        raise InfraError(f"the server's reply has no {name}: {_shown(reply)}")
    return reply[name]


def _nonsense(reply: object) -> NoReturn:
    raise InfraError(f"the server's reply makes no sense: {_shown(reply)}")


def _shown(reply: object) -> str:
    return repr(reply)[:200]
