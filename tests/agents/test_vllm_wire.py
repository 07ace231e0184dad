"""What is sent to vLLM and read from it, against the facts of real releases and against the strict fake."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agentrl.agents.vllm import replies, wire
from agentrl.agents.vllm.capabilities import (
    NEEDS,
    Feature,
    VLLMCapabilities,
    parse_capabilities,
    parse_version,
    probe,
)
from agentrl.errors import ConfigError, InfraError, RunStoppedError
from agentrl.types import SamplingParams

FACTS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parents[1] / "fixtures" / "vllm_routes").glob("*.json"))
}
"""Real releases; see extract.py beside the files."""
ALWAYS = {"completions", "pause", "world_size", "transfer", "collective_rpc", "reset_prefix_cache", "lora"}
PARAMS = SamplingParams(temperature=0.7, max_tokens=8, stop_token_ids=(7, 9), seed=1 << 70 | 5)
TENSORS = wire.Tensors(("a.weight", "b.bias"), ("bfloat16", "float32"), ((2, 3), (3,)))


def real(version: str) -> VLLMCapabilities:
    return parse_capabilities(FACTS[version]["version"], FACTS[version]["openapi"])


# -- capabilities ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", FACTS)
def test_capabilities_of_real_releases(version: str) -> None:
    caps, number = real(version), parse_version(version)
    expected = ALWAYS | {"tokenize", "generate"}
    expected |= {"abort_requests"} if number >= (0, 26) else set()
    expected |= {"weight_version"} if number >= (0, 27) else set()
    expected |= {"weight_spans", "weight_checker"} if number >= (0, 32) else set()
    assert caps.features == expected
    assert caps.pause_modes == {"abort", "wait", "keep"}
    assert caps.start_takes_format == (number < (0, 25))
    assert caps.finish_takes_version == (number >= (0, 27))
    assert caps.packed_in_init == ("packed" in FACTS[version]["init_info"])


@pytest.mark.parametrize("version", FACTS)
@pytest.mark.parametrize("feature", NEEDS)
def test_a_missing_route_is_named_with_what_enables_it(version: str, feature: Feature) -> None:
    document = json.loads(json.dumps(FACTS[version]["openapi"]))
    for route in NEEDS[feature].routes:
        document["paths"].pop(route.split()[1], None)
    caps = parse_capabilities(version, document)
    assert not caps.has(feature)
    with pytest.raises(ConfigError) as caught:
        caps.require("completions" if feature != "completions" else "pause", feature)
    for route in NEEDS[feature].routes:
        assert route in str(caught.value)
    old = parse_version(version) < NEEDS[feature].since
    assert (NEEDS[feature].enable in str(caught.value)) != old
    assert ("or later" in str(caught.value)) == old


def test_require_names_all_that_is_missing_and_passes_where_nothing_is() -> None:
    caps = parse_capabilities("0.30.0", {"paths": {"/v1/completions": {"post": {}}}})
    caps.require("completions")
    with pytest.raises(ConfigError, match=r"/pause.*VLLM_SERVER_DEV_MODE=1.*load_lora_adapter.*--enable-lora"):
        caps.require("pause", "lora")
    with pytest.raises(ConfigError, match="--enable-scale-out"):
        caps.require("generate")
    with pytest.raises(ConfigError, match="VLLM_SERVER_DEV_MODE=1"):
        caps.require_pause("keep")


def test_a_pause_mode_that_the_document_does_not_list_is_refused() -> None:
    document = json.loads(json.dumps(FACTS["0.22.0"]["openapi"]))
    document["paths"]["/pause"]["post"]["parameters"][0]["schema"]["enum"] = ["abort"]
    caps = parse_capabilities("0.22.0", document)
    caps.require_pause("abort")
    with pytest.raises(ConfigError, match=r"mode=keep; it knows: abort"):
        wire.pause(caps, "keep", clear_cache=True)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0.22.0", (0, 22)), ("0.33.0rc1.dev12+g1a2b3c.cpu", (0, 33)), ("v1.2", (1, 2)), ("0.100.1", (0, 100))],
)
def test_versions(text: str, number: tuple[int, int]) -> None:
    assert parse_version(text) == number


def test_old_and_strange_servers() -> None:
    with pytest.raises(ConfigError, match=r"0\.21\.3 is too old"):
        parse_capabilities("0.21.3", FACTS["0.22.0"]["openapi"])
    with pytest.raises(ConfigError, match="no vLLM version"):
        parse_capabilities("dev", {})


Answers = dict[str, tuple[int, Any]]


@pytest.mark.parametrize(
    ("answers", "error", "match"),
    [
        ({"/version": (404, {"detail": "Not Found"})}, ConfigError, "is the address that of a vLLM server"),
        ({"/version": (200, ["?"])}, ConfigError, "is the address that of a vLLM server"),
        ({"/version": (502, None)}, InfraError, "502"),
        ({"/version": (200, {"version": "0.30.0"}), "/openapi.json": (404, {})}, ConfigError, "disable-fastapi-docs"),
    ],
)
def test_probing_something_else(answers: Answers, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        asyncio.run(probe(getter(answers)))


def test_probing_a_real_document() -> None:
    answers = {"/version": (200, {"version": "0.32.0"}), "/openapi.json": (200, FACTS["0.32.0"]["openapi"])}
    assert asyncio.run(probe(getter(answers))) == real("0.32.0")


def getter(answers: Answers) -> Callable[[str], Awaitable[tuple[int, Any]]]:
    async def get(path: str) -> tuple[int, Any]:
        return answers[path]

    return get


# -- requests, against the facts of real releases --------------------------------------------------------------------


def calls(caps: VLLMCapabilities) -> dict[str, wire.Call]:
    """Every request that we make, in the form for a server."""
    made = {
        "completion": wire.completion("m", [1, 2], PARAMS, salt="v3", top=2, request_id="r1"),
        "score": wire.score("m", [1, 2, 3], salt="v3"),
        "generate": wire.generate("m", [1, 2], PARAMS, salt="v3", request_id="r1"),
        "pause": wire.pause(caps, "keep", clear_cache=False),
        "is_paused": wire.is_paused(caps),
        "resume": wire.resume(caps),
        "init": wire.init_transfer(caps, address="127.0.0.1", port=1, rank_offset=1, world_size=2, packed=False),
        "start": wire.start_update(caps),
        "update": wire.update_weights(caps, TENSORS, packed=False),
        "finish": wire.finish_update(caps, 7),
        "reload": wire.reload_weights(caps, "/weights/7"),
        "reset_prefix_cache": wire.reset_prefix_cache(caps),
        "load_lora": wire.load_lora(caps, "policy-7", "/weights/7"),
        "unload_lora": wire.unload_lora(caps, "policy-7"),
        "health": wire.HEALTH,
        "models": wire.MODELS,
        "world_size": wire.WORLD_SIZE,
    }
    if caps.has("abort_requests"):
        made["abort_requests"] = wire.abort_requests(caps, ["r1"])
    if caps.has("weight_version"):
        made |= {"update_weight_version": wire.update_weight_version(caps, 7), "weight_info": wire.WEIGHT_INFO}
    return made


@pytest.mark.parametrize("version", FACTS)
def test_requests_fit_the_real_release(version: str) -> None:
    facts, made = FACTS[version], calls(real(version))
    paths, schemas = facts["openapi"]["paths"], facts["openapi"]["components"]["schemas"]
    for call in made.values():
        operation = paths[call.path][call.method.lower()]
        assert set(call.query) <= {parameter["name"] for parameter in operation.get("parameters", [])}

    def keys(name: str) -> set[str]:
        body = made[name].body
        assert body is not None
        return set(body)

    assert keys("completion") | keys("score") <= set(schemas["CompletionRequest"]["properties"])
    assert keys("generate") <= set(schemas["GenerateRequest"]["properties"])
    assert set(made["generate"].body["sampling_params"]) <= set(facts["sampling_params"])  # type: ignore[index]
    assert keys("load_lora") <= set(schemas["LoadLoRAAdapterRequest"]["properties"])
    assert keys("unload_lora") <= set(schemas["UnloadLoRAAdapterRequest"]["properties"])
    # All that the release knows of packing must be said, as both sides' defaults differ.
    init, update = made["init"].body["init_info"], made["update"].body["update_info"]  # type: ignore[index]
    assert set(init) == set(facts["init_info"]) - {"nccl_unique_id_b64"}
    assert set(update) == set(facts["update_info"]) - {"update_kind", "num_updates_list"}  # of sparse updates
    assert ("requestBody" in paths["/finish_weight_update"]["post"]) == (made["finish"].body is not None)


def test_a_completion_leaves_nothing_to_the_models_generation_config() -> None:
    assert wire.completion("m", (1, 2), PARAMS, salt="v3").body == {
        "model": "m",
        "prompt": [1, 2],
        "max_tokens": 8,
        "temperature": 0.7,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "stop_token_ids": [7, 9],
        "ignore_eos": True,
        "seed": 5,
        "logprobs": 0,
        "return_token_ids": True,
        "cache_salt": "v3",
    }
    assert "seed" not in wire.completion("m", (1, 2), SamplingParams(), salt="v3").body  # type: ignore[operator]


@pytest.mark.parametrize("salt", ["", "a/b", "a@b", "a\\b", "a\0", "a" * 129])
def test_salts_that_vllm_refuses(salt: str) -> None:
    with pytest.raises(ConfigError, match="cache salt"):
        wire.score("m", [1, 2], salt=salt)


def test_requests_for_what_a_server_lacks() -> None:
    bare = parse_capabilities("0.24.0", {"paths": {}})
    with pytest.raises(ConfigError, match="VLLM_SERVER_DEV_MODE"):
        wire.reload_weights(bare, "/x")
    with pytest.raises(ConfigError, match=r"0\.27 or later"):
        wire.update_weight_version(bare, 1)
    with pytest.raises(ConfigError, match=r"0\.26 or later"):
        wire.abort_requests(bare, ["a"])
    with pytest.raises(ValueError, match="all requests"):
        wire.abort_requests(real("0.32.0"), [])


# -- replies ---------------------------------------------------------------------------------------------------------


def completed(**changes: Any) -> dict[str, Any]:
    choice = {"token_ids": [5, 6], "logprobs": {"token_logprobs": [-0.5, -1]}, "finish_reason": "stop"}
    return {"choices": [choice | changes]}


def test_a_completion() -> None:
    assert replies.completion(completed(), 2) == replies.Sampled((5, 6), (-0.5, -1.0), "stop", None)
    aborted = completed(token_ids=[], logprobs=None, finish_reason="abort")
    assert replies.completion(aborted, 2) == replies.Sampled((), (), "abort", None)


@pytest.mark.parametrize(
    ("reply", "error", "match"),
    [
        (completed(token_ids=None), RunStoppedError, "no token_ids"),
        (completed(logprobs=None), RunStoppedError, "no log-probs"),
        (completed(logprobs={"token_logprobs": [-0.5]}), InfraError, "2 tokens and 1 log-probs"),
        (completed(logprobs={"token_logprobs": [-0.5, None]}), InfraError, "None for the log-prob"),
        (completed(logprobs={"token_logprobs": [-0.5, float("nan")]}), InfraError, "nan for the log-prob"),
        (completed(logprobs={"token_logprobs": [-0.5, -9999.0]}), InfraError, "impossible"),
        (completed(logprobs={"token_logprobs": [-0.5, float("-inf")]}), InfraError, "impossible"),
        (completed(token_ids=[5, 6, 7]), InfraError, "3 tokens and 2"),
        (completed(token_ids=[], logprobs={"token_logprobs": []}), InfraError, "sampled nothing"),
        (completed(finish_reason="repetition"), InfraError, "repetition"),
        (completed(finish_reason=None), InfraError, "None"),
        ({"choices": []}, InfraError, "one choice"),
        ({"error": "?"}, InfraError, "no choices"),
        (None, InfraError, "no choices"),
    ],
)
def test_completions_that_cannot_be_trained_on(reply: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        replies.completion(reply, 2)


def test_more_tokens_than_asked_for() -> None:
    with pytest.raises(InfraError, match="at most 1"):
        replies.completion(completed(), 1)


def generated(spans: Any, **changes: Any) -> dict[str, Any]:
    content = [{"token_id": 5, "logprob": -0.5}, {"token": "token_id:6", "logprob": -1.0}]
    return completed(logprobs={"content": content}, weight_versions=spans, **changes)


def span(version: str, start: Any, end: Any) -> dict[str, Any]:
    return {"version": version, "start": start, "end": end}


def test_a_generation_with_and_without_spans() -> None:
    reply = generated([span("3", 0, 1), span("4", 1, 2)])
    assert replies.generate(reply, 2) == replies.Sampled((5, 6), (-0.5, -1.0), "stop", ("3", "4"))
    assert replies.generate(generated(None), 2).labels is None


def test_the_most_likely_tokens_beside_those_that_were_sampled() -> None:
    """By token ids on both routes, the most likely first; vLLM puts the sampled one there, whatever its rank."""
    assert wire.completion("m", [1], PARAMS, salt="v3", top=2).body["return_tokens_as_token_ids"]  # type: ignore[index]
    tops = [{"token_id:5": -0.5, "token_id:8": -1.2}, {"token_id:6": -1.0, "token_id:9": -0.7, "token_id:3": -1.1}]
    reply = completed(logprobs={"token_logprobs": [-0.5, -1], "top_logprobs": tops})
    found = replies.completion(reply, 2, top=2)
    assert [list(top.items()) for top in found.tops] == [[(5, -0.5), (8, -1.2)], [(9, -0.7), (6, -1.0)]]
    assert replies.completion(reply, 2).tops == ()
    assert replies.completion(completed(token_ids=[], logprobs=None, finish_reason="abort"), 2, top=2).tops == ()

    named = [[{"token_id": int(name[9:]), "logprob": value} for name, value in top.items()] for top in tops]
    content = [
        {"token_id": token, "logprob": value, "top_logprobs": top}
        for token, value, top in zip((5, 6), (-0.5, -1.0), named, strict=True)
    ]
    reply = completed(logprobs={"content": content}, weight_versions=[span("3", 0, 2)])
    assert replies.generate(reply, 2, top=2) == dataclasses.replace(found, labels=("3", "3"))


@pytest.mark.parametrize(
    ("tops", "error", "match"),
    [
        (None, InfraError, "the 2 most likely tokens of 2 places"),
        ([{"token_id:5": -0.5, "token_id:8": -1.2}], InfraError, "of 2 places"),
        ([{"token_id:5": -0.5, "token_id:8": -1.2}, {"token_id:6": -1.0}], InfraError, "of 2 places"),
        ([{"token_id:5": -0.5, "token_id:8": None}] * 2, InfraError, "None for the log-prob"),
        ([{"token_id:5": -0.5, " left": -1.2}] * 2, RunStoppedError, "by their text"),
    ],
)
def test_most_likely_tokens_that_are_none(tops: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        replies.completion(completed(logprobs={"token_logprobs": [-0.5, -1], "top_logprobs": tops}), 2, top=2)


@pytest.mark.parametrize(
    "spans",
    [
        [span("3", 0, 1)],
        [span("3", 1, 2)],
        [span("3", 0, 1), span("4", 2, 2)],
        [span("3", 0, 3)],
        [span("3", 0, "2")],
        [{"version": "3"}],
        ["3"],
        "3",
        [],
    ],
)
def test_spans_that_do_not_cover_the_tokens(spans: Any) -> None:
    with pytest.raises(InfraError, match=r"cover|has no|no sense"):
        replies.generate(generated(spans), 2)


def scored(*entries: Any) -> dict[str, Any]:
    return completed(prompt_logprobs=[None, *entries])


def test_scores() -> None:
    reply = scored({"5": {"logprob": -0.5, "rank": 2}, "9": {"logprob": -0.1, "rank": 1}}, {"6": {"logprob": -9999.0}})
    assert replies.scores(reply, [1, 5, 6]) == (-0.5, replies.FLOOR)


@pytest.mark.parametrize(
    ("reply", "error", "match"),
    [
        (completed(), RunStoppedError, "no prompt_logprobs"),
        (scored({"5": {"logprob": -0.5}}), InfraError, "2 tokens of 3"),
        (scored({"5": {"logprob": -0.5}}, {"7": {"logprob": -0.5}}), InfraError, "lacks token 6"),
        (scored({"5": {"logprob": -0.5}}, None), InfraError, "lacks token 6"),
        (scored({"5": {"logprob": None}}, {"6": {"logprob": -0.5}}), InfraError, "None for the log-prob"),
    ],
)
def test_scores_of_other_tokens(reply: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        replies.scores(reply, [1, 5, 6])


def test_questions() -> None:
    served = replies.models({"data": [{"id": "m", "max_model_len": 4096}, {"id": "m-7", "max_model_len": None}]})
    assert served == replies.Served(("m", "m-7"), 4096)
    assert replies.weight_version({"weight_version": "7"}) == wire.label(7)
    assert replies.world_size({"world_size": 8}) == 8
    assert replies.is_paused({"is_paused": True})


@pytest.mark.parametrize(
    ("read", "reply"),
    [
        (replies.models, {"data": []}),
        (replies.models, {"data": [{"id": "m"}]}),
        (replies.models, {"data": [{"id": "m", "max_model_len": None}]}),
        (replies.models, "x"),
        (replies.weight_version, {}),
        (replies.world_size, {"world_size": 0}),
        (replies.world_size, {"world_size": "1"}),
        (replies.is_paused, None),
    ],
)
def test_answers_that_are_none(read: Callable[[Any], object], reply: Any) -> None:
    with pytest.raises(InfraError):
        read(reply)


@pytest.mark.parametrize(
    ("status", "body", "error", "match"),
    [
        (503, {"error": {"message": "paused", "code": 503}}, InfraError, "503: paused"),
        (429, "slow down", InfraError, "slow down"),
        (500, {"detail": "oops"}, InfraError, "500: oops"),
        (400, {"object": "error", "message": "too long"}, ConfigError, "too long"),
        (401, {"error": "Unauthorized"}, ConfigError, "AGENTRL_ENGINE_API_KEY"),
        (403, {"error": {"message": "disabled"}}, ConfigError, "--enable-scale-out"),
        (404, {"error": {"message": "The model `x` does not exist."}}, ConfigError, "does not exist"),
    ],
)
def test_failures(status: int, body: Any, error: type[Exception], match: str) -> None:
    failed = replies.failure(status, body, "sampling at http://a:1")
    assert type(failed) is error
    with pytest.raises(error, match=match):
        raise failed
    assert str(failed).startswith("sampling at http://a:1: vLLM answers")
