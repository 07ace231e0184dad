"""Routes that sample tokens, and that tell what is served."""

from __future__ import annotations

import itertools
import time
from collections import deque
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from agentrl.agents.vllm.fake import bodies
from agentrl.agents.vllm.fake.http import RefusedError, read, while_connected
from agentrl.agents.vllm.fake.scheduler import Request as Generation
from agentrl.agents.vllm.fake.scheduler import Scheduler
from agentrl.agents.vllm.fake.weights import Weights

FLOOR = -9999.0


class TokenRoutes:
    """Handlers; `attach` adds those that the release has."""

    def __init__(self, scheduler: Scheduler, weights: Weights) -> None:
        self.scheduler, self.weights = scheduler, weights
        self.release, self.flags = weights.release, weights.flags
        self.seen: deque[dict[str, Any]] = deque(maxlen=10_000)
        """Bodies of requests for tokens, for tests."""
        self._serial = itertools.count()

    def attach(self, app: FastAPI) -> None:
        app.add_api_route("/health", self.health, methods=["GET"])
        app.add_api_route("/version", self.version, methods=["GET"])
        app.add_api_route("/v1/models", self.models, methods=["GET"])
        app.add_api_route("/v1/completions", self.completions, methods=["POST"])
        gated = self.release.gates_scale_out and not self.flags.enable_scale_out
        app.add_api_route(
            "/inference/v1/generate",
            self.gated if gated else self.generate,
            methods=["POST"],
            include_in_schema=not gated,
            responses={200: {"model": bodies.GenerateTokensResponse}} if self.release.gives_spans else None,
        )

    async def health(self) -> Response:
        return Response(status_code=200)

    async def version(self) -> dict[str, str]:
        return {"version": self.release.name}

    async def models(self) -> dict[str, Any]:
        base = {"id": self.flags.served_model_name, "root": self.flags.served_model_name, "parent": None}
        cards: list[dict[str, Any]] = [base | {"max_model_len": self.scheduler.policy.max_context}]
        for name, folder in self.weights.adapters.items():
            cards.append({"id": name, "root": folder, "parent": base["id"], "max_model_len": None})
        return {"object": "list", "data": [{"object": "model", "owned_by": "vllm"} | card for card in cards]}

    async def gated(self) -> Response:
        raise RefusedError(403, "Scale-out endpoints are disabled. Restart vllm serve with --enable-scale-out.")

    async def completions(self, request: Request) -> Response:
        body = await read(request, bodies.CompletionBody)
        self.seen.append(body.model_dump(exclude_unset=True))
        name = f"cmpl-{body.request_id or next(self._serial)}"
        done = await while_connected(request, self._generate(f"{name}-0", body.model, body.prompt, body))
        logprobs = None
        if body.logprobs is not None:
            shown = [max(value, FLOOR) for value in done.logprobs]
            name_of = "token_id:{}".format if body.return_tokens_as_token_ids else "<{}>".format
            logprobs = {
                "token_logprobs": shown,
                "tokens": [name_of(token) for token in done.tokens],
                "top_logprobs": [{name_of(token): value for token, value in place} for place in _tops(done)],
                "text_offset": list(range(len(shown))),
            }
        choice = {
            "index": 0,
            "text": "",
            "logprobs": logprobs,
            "finish_reason": done.done.result(),
            "stop_reason": None,
            "token_ids": done.tokens if body.return_token_ids else None,
            "prompt_token_ids": done.prompt if body.return_token_ids else None,
            "prompt_logprobs": _prompt_logprobs(done),
        }
        usage = {
            "prompt_tokens": len(done.prompt),
            "completion_tokens": len(done.tokens),
            "total_tokens": len(done.ids),
        }
        head = {"id": name, "object": "text_completion", "created": int(time.time()), "model": body.model}
        return JSONResponse(head | {"choices": [choice], "usage": usage})

    async def generate(self, request: Request) -> Response:
        body = await read(request, bodies.GenerateBody)
        self.seen.append(body.model_dump(exclude_unset=True))
        name = f"generate-tokens-{body.request_id or next(self._serial)}"
        done = await while_connected(request, self._generate(name, body.model, body.token_ids, body.sampling_params))
        content = None
        if body.sampling_params.logprobs is not None:
            content = [
                ({"token_id": token} if self.release.gives_spans else {"token": f"token_id:{token}"})
                | {"logprob": max(value, FLOOR), "top_logprobs": [{"token_id": t, "logprob": p} for t, p in place]}
                for token, value, place in zip(done.tokens, done.logprobs, _tops(done), strict=True)
            ]
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": done.done.result(),
            "token_ids": done.tokens,
            "logprobs": None if content is None else {"content": content},
        }
        if self.release.gives_spans:
            choice["weight_versions"] = _spans(done.labels)
        return JSONResponse({"request_id": name, "choices": [choice], "prompt_logprobs": _prompt_logprobs(done)})

    async def _generate(self, name: str, model: str | None, prompt: list[int], sampling: bodies.Sampling) -> Generation:
        adapter = None if model in (None, self.flags.served_model_name) else model
        if adapter is not None and adapter not in self.weights.adapters:
            raise RefusedError(404, f"The model `{adapter}` does not exist.")
        limit = self.scheduler.policy.max_context
        if len(prompt) >= limit:
            raise RefusedError(
                400, f"This model's maximum context length is {limit} tokens. However, the prompt has {len(prompt)}."
            )
        if self.release.refuses_while_paused and self.scheduler.paused == "new":
            raise RefusedError(503, "The engine is paused for a weight update.")
        return await self.scheduler.generate(name, prompt, sampling, adapter)


def _tops(done: Generation) -> list[list[tuple[int, float]]]:
    """The sampled token of each place, and then the most likely ones."""
    places = zip(done.tokens, done.logprobs, done.tops, strict=True)
    return [[(t, max(p, FLOOR)) for t, p in {token: value, **top}.items()] for token, value, top in places]


def _prompt_logprobs(done: Generation) -> list[dict[str, Any] | None] | None:
    if done.prompt_logprobs is None:
        return None
    entries = zip(done.prompt[1:], done.prompt_logprobs, strict=True)
    return [None, *({str(t): {"logprob": max(p, FLOOR), "rank": 1, "decoded_token": f"<{t}>"}} for t, p in entries)]


def _spans(labels: list[str]) -> list[dict[str, Any]] | None:
    spans: list[dict[str, Any]] = []
    for i, (label, group) in enumerate(itertools.groupby(labels)):
        start = spans[i - 1]["end"] if i else 0
        spans.append({"version": label, "start": start, "end": start + len(list(group))})
    return spans or None
