"""A language model behind an OpenAI-compatible endpoint, asked for answers of a given form."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError

from agentrl.agents.judges.cache import AnswerCache
from agentrl.agents.judges.meter import Meter
from agentrl.config import JudgeConfig
from agentrl.errors import ConfigError, InfraError, MissingExtraError
from agentrl.files import cache_folder

try:
    import openai
except ImportError as error:
    raise MissingExtraError("openai", "judge") from error

Form = TypeVar("Form", bound=BaseModel)
T = TypeVar("T")
Messages = Sequence[dict[str, Any]]
"""In OpenAI's form: `role` and `content`, which is text or a list of texts and pictures."""

_FENCE = re.compile(r"^```(?:json)?\s*|\s*```$")
_log = logging.getLogger(__name__)


class ChatError(InfraError):
    """The endpoint gave no answer that can be used."""


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    """What is needed of a reply; the library takes any for granted."""

    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: Any = None

    @property
    def text(self) -> str:
        return self.choices[0].message.content or ""


class Said(BaseModel):
    """What a model said, in no form that was asked for, and what that used."""

    text: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float
    """Of the request."""


class _Details(BaseModel):
    cached_tokens: int | None = None


class _Usage(BaseModel):
    """What a reply cost, where it says so."""

    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details | None = None

    def counts(self) -> dict[str, int]:
        cached = self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens
        tokens = {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}
        return tokens | {"cached_tokens": cached or 0}


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """Whom to ask, and how."""

    url: str
    """Up to and with the version: `http://host:8000/v1`."""
    model: str
    api_key: str = field(default="", repr=False)
    """Sent as a bearer token; "" where the server wants none."""
    temperature: float = 0.6
    top_p: float = 0.8
    max_tokens: int = 4096
    """Of an answer."""
    timeout_s: float = 120.0
    """Of one request."""
    concurrency: int = 64
    """Requests at a time."""
    retries: int = 4
    """How often to ask again, with growing pauses where a request failed; and at once where the answer has another form
    than was asked for."""
    cache: Path | None = None
    """File of the answers; None for `answers.sqlite` in the cache folder of agentrl."""

    @classmethod
    def of(cls, judge: JudgeConfig, **more: Any) -> Self:
        """Those of a configuration, and `more`; a key that it lacks is that of the environment variable."""
        key = judge.api_key or os.environ.get("AGENTRL_JUDGE_API_KEY", "")
        return cls(judge.url, judge.model, key, concurrency=judge.concurrency, **more)


class Chat:
    """A client with one bound on its requests, whichever threads and event loops they come from.

    What was answered once is read from disk from then on, and who asks the same at the same time waits for the same
    answer: a question has one answer, although the model's answers are drawn.

    Args:
        options: whom to ask, and how.
        meter: counts the requests that were answered, useful or not; what is read from disk costs nothing.
    """

    def __init__(self, options: ChatOptions, meter: Meter | None = None) -> None:
        self.options = options
        self.requests = 0
        """Sent so far, those excepted that the library repeated."""
        self._meter = meter or Meter()
        self._cache = AnswerCache(options.cache or cache_folder("chat") / "answers.sqlite")
        self._client = openai.AsyncOpenAI(
            base_url=options.url,
            api_key=options.api_key or "none",
            timeout=options.timeout_s,
            max_retries=options.retries,
        )
        self._structured = True
        """Whether the server takes a schema for its answers, as far as is known."""
        self._asked: dict[str, asyncio.Task[str]] = {}
        self._places = asyncio.Semaphore(options.concurrency)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agentrl-chat", daemon=True)
        self._thread.start()

    async def ask(self, messages: Messages, form: type[Form]) -> Form:
        """The model's answer.

        Raises:
            ChatError: none could be had.
            ConfigError: the server does not know the key or the model.
        """
        return await asyncio.wrap_future(self._submit(self._ask(messages, form)))

    def ask_blocking(self, messages: Messages, form: type[Form]) -> Form:
        """`ask` for threads without an event loop."""
        return self._submit(self._ask(messages, form)).result()

    async def say(self, messages: Messages, seed: int) -> Said:
        """What the model says next, in its own words; drawn once for each seed.

        Raises:
            ChatError: no answer could be had.
            ConfigError: the server does not know the key or the model, or does not tell what an answer used.
        """
        return await asyncio.wrap_future(self._submit(self._say(messages, seed)))

    def close(self) -> None:
        """End what is in flight, and the connections."""

        async def end() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._client.close()

        self._submit(end()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._cache.close()

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _ask(self, messages: Messages, form: type[Form]) -> Form:
        request = self._request(messages)
        key = _key([request, form.model_json_schema()])
        return form.model_validate_json(await self._once(key, lambda: self._fetch(key, request, form)))

    async def _say(self, messages: Messages, seed: int) -> Said:
        request = self._request(messages) | {"seed": seed}
        key = _key([self.options.url, request])
        return Said.model_validate_json(await self._once(key, lambda: self._speak(key, request)))

    def _request(self, messages: Messages) -> dict[str, Any]:
        options = self.options
        return {
            "model": options.model,
            "messages": list(messages),
            "temperature": options.temperature,
            "top_p": options.top_p,
            "max_tokens": options.max_tokens,
        }

    async def _once(self, key: str, fetch: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """The answer from disk, or that of the one request that is made for it."""
        answer = self._cache.get(key)
        if answer is None:
            if key not in self._asked:
                self._asked[key] = asyncio.create_task(fetch())
                self._asked[key].add_done_callback(lambda task: self._ended(key, task))
            answer = await asyncio.shield(self._asked[key])
        return answer

    def _ended(self, key: str, task: asyncio.Task[str]) -> None:
        del self._asked[key]
        if not task.cancelled():
            task.exception()  # those who asked may have gone

    async def _speak(self, key: str, request: dict[str, Any]) -> str:
        begun = time.perf_counter()
        async with self._places:
            try:
                reply = await self._reply(request)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                raise ChatError(f"{self._whom}: {error}") from error
        try:
            used = _Usage.model_validate(reply.usage).counts()
        except ValidationError as error:
            raise ConfigError(f"{self._whom} does not tell what an answer used, so it cannot be priced") from error
        said = Said(text=reply.text, seconds=time.perf_counter() - begun, **used)
        return self._cache.put(key, said.model_dump_json())

    async def _fetch(self, key: str, request: dict[str, Any], form: type[Form]) -> str:
        async with self._places:
            for _ in range(self.options.retries + 1):
                said = await self._complete(request, form)
                # Without a schema models write fences around JSON, and what they think before it.
                answer = _FENCE.sub("", said.rpartition("</think>")[2].strip())
                try:
                    form.model_validate_json(answer)
                except ValidationError as error:
                    wrong = error.errors(include_url=False)[0]
                    problem = f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}; it said {said!r:.200}"
                else:
                    return self._cache.put(key, answer)
        raise ChatError(
            f"{self._whom}: {self.options.retries + 1} answers without the form asked for; the last, {problem}"
        )

    async def _complete(self, request: dict[str, Any], form: type[Form]) -> str:
        """What the model says. A server that refuses the schema is asked without, from then on if that helps."""
        schema = {"name": "answer", "schema": form.model_json_schema(), "strict": True}
        if self._structured:
            try:
                return await self._send(request | {"response_format": {"type": "json_schema", "json_schema": schema}})
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                refusal = error
        try:
            said = await self._send(request)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise ChatError(f"{self._whom}: {error}") from error
        if self._structured:
            self._structured = False
            _log.warning("%s takes no schema for its answers, which are only checked then: %s", self._whom, refusal)
        return said

    async def _send(self, request: dict[str, Any]) -> str:
        return (await self._reply(request)).text

    async def _reply(self, request: dict[str, Any]) -> _Completion:
        self.requests += 1
        begun = time.perf_counter()
        try:
            reply = await self._client.chat.completions.with_raw_response.create(**request)
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise ConfigError(f"{self._whom}: {error}; correct url, model or api_key") from error
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            raise
        except openai.OpenAIError as error:
            raise ChatError(f"{self._whom}: {type(error).__name__}: {error}") from error
        try:
            completion = _Completion.model_validate_json(reply.content)
        except ValidationError as error:
            raise ChatError(f"{self._whom}: no chat completion but {reply.content!r:.200}") from error
        self._count(completion.usage, time.perf_counter() - begun)
        return completion

    def _count(self, usage: Any, seconds: float) -> None:
        try:
            counts = _Usage.model_validate(usage).counts()
        except ValidationError:
            counts = {"unmetered": 1}
        self._meter.add(requests=1, seconds=seconds, **counts)

    @property
    def _whom(self) -> str:
        return f"{self.options.model} at {self.options.url}"


def _key(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
