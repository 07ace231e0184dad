"""Routes that pause the server and change its weights."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from agentrl.agents.vllm.capabilities import PauseMode
from agentrl.agents.vllm.fake import bodies
from agentrl.agents.vllm.fake.http import RefusedError, documented, nothing, read
from agentrl.agents.vllm.fake.scheduler import Scheduler
from agentrl.agents.vllm.fake.weights import Weights, WorkerError

Method = Literal["GET", "POST"]


class ControlRoutes:
    """Handlers; `attach` adds those that the release has with these flags."""

    def __init__(self, scheduler: Scheduler, weights: Weights) -> None:
        self.scheduler, self.weights, self.release = scheduler, weights, weights.release

    def attach(self, app: FastAPI) -> None:
        release = self.release
        if self.weights.flags.enable_lora:
            app.add_api_route("/v1/load_lora_adapter", self.load_lora, methods=["POST"])
            app.add_api_route("/v1/unload_lora_adapter", self.unload_lora, methods=["POST"])
        if not self.weights.flags.dev_mode:
            return

        def add(path: str, handler: Any, method: Method = "POST", extra: dict[str, Any] | None = None) -> None:
            app.add_api_route(path, handler, methods=[method], openapi_extra=extra)

        add("/pause", self.pause if release.declares_bodies else self.old_pause)
        add("/resume", self.resume)
        add("/is_paused", self.is_paused, "GET")
        add("/get_world_size", self.world_size, "GET")
        add("/collective_rpc", self.collective_rpc)
        add("/reset_prefix_cache", self.reset_prefix_cache)
        declared = release.declares_bodies
        add("/init_weight_transfer_engine", self.init, extra=_body(bodies.InitBody, declared))
        add("/start_weight_update", self.start)
        add("/update_weights", self.update, extra=_body(bodies.UpdateBody, declared))
        versioned = release.has_weight_version
        add("/finish_weight_update", self.finish, extra=_body(bodies.FinishBody, versioned, required=False))
        if versioned:
            add("/weight_info", self.weight_info, "GET")
            add("/update_weight_version", self.update_version, extra=_body(bodies.VersionBody, True))
        if release.has_abort_requests:
            add("/abort_requests", self.abort)
        if declared:
            add("/shutdown_weight_transfer_engine", self.shutdown)
            add("/weight_checker", self.check_weights, extra=_body(bodies.CheckBody, True))

    # -- pause -------------------------------------------------------------------------------------------------

    async def pause(self, mode: PauseMode = "abort", clear_cache: bool = True) -> dict[str, str]:
        await self.scheduler.pause(mode)
        return {"status": "paused"}

    async def old_pause(
        self, mode: PauseMode = "abort", wait_for_inflight_requests: bool = False, clear_cache: bool = True
    ) -> dict[str, str]:
        return await self.pause("wait" if wait_for_inflight_requests else mode, clear_cache)

    async def resume(self) -> dict[str, str]:
        await self.scheduler.resume()
        return {"status": "resumed"}

    async def is_paused(self) -> dict[str, bool]:
        return {"is_paused": bool(self.scheduler.paused)}

    async def abort(self, request: Request) -> dict[str, Any]:
        body = await read(request, bodies.AbortBody)
        return {"status": "aborted", "aborted": await self.scheduler.abort(body.request_ids)}

    # -- weights -----------------------------------------------------------------------------------------------

    async def world_size(self) -> dict[str, int]:
        return {"world_size": 1}

    async def init(self, request: Request) -> dict[str, str]:
        await self.weights.init((await read(request, bodies.InitBody)).init_info)
        return {"message": "Weight transfer initialized"}

    async def start(self, request: Request) -> dict[str, str]:
        if not self.release.start_wants_format:
            await nothing(request)
        elif not (await read(request, bodies.StartBody)).is_checkpoint_format:
            raise WorkerError("the fake takes weights in checkpoint format alone")
        self.weights.start()
        return {"message": "Weight update started"}

    async def update(self, request: Request) -> dict[str, str]:
        await self.weights.update((await read(request, bodies.UpdateBody)).update_info)
        return {"message": "Weights updated"}

    async def finish(self, request: Request) -> dict[str, str]:
        if not self.release.has_weight_version:
            await nothing(request)
        self.weights.finish((await read(request, bodies.FinishBody, optional=True)).weight_version)
        return {"message": "Weight update finished"}

    async def shutdown(self) -> dict[str, str]:
        self.weights.shutdown()
        return {"message": "Weight transfer shut down"}

    async def weight_info(self) -> dict[str, str]:
        return {"weight_version": self.weights.label}

    async def update_version(self, request: Request) -> dict[str, Any]:
        self.weights.label = (await read(request, bodies.VersionBody)).new_version
        return {"success": True, "new_version": self.weights.label}

    async def check_weights(self, request: Request) -> dict[str, Any]:
        body = await read(request, bodies.CheckBody)
        checksums = {"model": self.weights.policy.checksum()}
        if body.action == "checksum":
            return {"checksums": checksums}
        if body.baseline is None:
            raise RefusedError(400, "action='compare' requires a 'baseline' object")
        keys = checksums.keys() | body.baseline.keys()
        mismatches = sorted(key for key in keys if checksums.get(key) != body.baseline.get(key))
        return {"match": not mismatches, "mismatches": mismatches}

    async def collective_rpc(self, request: Request) -> dict[str, Any]:
        self.weights.call(await read(request, bodies.RpcBody))
        return {"results": [None]}

    async def reset_prefix_cache(self, request: Request) -> Response:
        await nothing(request)
        return JSONResponse({"success": True}) if self.release.has_abort_requests else Response(status_code=200)

    # -- adapters ----------------------------------------------------------------------------------------------

    async def load_lora(self, request: Request) -> Response:
        body = await read(request, bodies.LoadLoraBody)
        if body.lora_name == self.weights.flags.served_model_name:
            raise RefusedError(400, f"The lora adapter '{body.lora_name}' conflicts with a served base model.")
        if body.lora_name in self.weights.adapters and not body.load_inplace:
            raise RefusedError(400, f"The lora adapter '{body.lora_name}' has already been loaded.")
        if not self.weights.has_adapter_folder(body.lora_path):
            raise RefusedError(404, f"Loading lora {body.lora_name} failed: No adapter found for {body.lora_path}")
        self.weights.load_adapter(body.lora_name, body.lora_path)
        return Response(f"Success: LoRA adapter '{body.lora_name}' added successfully.")

    async def unload_lora(self, request: Request) -> Response:
        body = await read(request, bodies.UnloadLoraBody)
        if body.lora_name not in self.weights.adapters:
            raise RefusedError(404, f"The lora adapter '{body.lora_name}' cannot be found.")
        self.weights.unload_adapter(body.lora_name)
        return Response(f"Success: LoRA adapter '{body.lora_name}' removed successfully.")


def _body(kind: type[bodies.Body], declared: bool, *, required: bool = True) -> dict[str, Any] | None:
    return documented(kind, required=required) if declared else None
