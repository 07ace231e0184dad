"""A real model behind the fake: samples, scores, and takes weights as vLLM does, one forward pass a step, no cache."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from agentrl.agents.sampling import sample
from agentrl.agents.vllm.fake.policy import Drawn, Row


class ModelPolicy:
    """A `Policy` of a checkpoint folder, on the CPU in float32, for models of a few million parameters.

    Args:
        folder: as `transformers` saves it.
        max_context: longest context in tokens; the model's own if not given.
        latency_s: see `Policy`.

    Raises:
        OSError: there is no model.
    """

    def __init__(self, folder: str | Path, *, max_context: int | None = None, latency_s: float = 0.0) -> None:
        self.model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.max_context = max_context or int(self.model.config.max_position_embeddings)
        self.latency_s = latency_s
        ends = self.model.generation_config.eos_token_id if self.model.generation_config else None
        self.eos_ids = frozenset([ends] if isinstance(ends, int) else ends or ())
        self._adapters: dict[str, dict[str, Tensor]] = {}
        """What each adapter adds to which weight."""

    def step(self, rows: Sequence[Row]) -> list[Drawn]:
        results: dict[int, Drawn] = {}
        by_adapter: dict[str | None, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            by_adapter[row.adapter].append(i)
        for adapter, indices in by_adapter.items():
            logits = self._logits([rows[i].ids for i in indices], adapter)
            last = torch.stack([logits[j, len(rows[i].ids) - 1] for j, i in enumerate(indices)])
            temperatures = torch.tensor([rows[i].temperature for i in indices])
            uniforms = torch.tensor([rows[i].uniform for i in indices], dtype=torch.float64)
            tokens, _ = sample(last, temperatures, uniforms)
            raw = torch.tensor([rows[i].raw for i in indices])
            scales = torch.where(raw | (temperatures == 0), 1.0, temperatures)
            every = torch.log_softmax(last / scales[:, None], -1)
            ranked, places = every.topk(max(rows[i].top for i in indices), -1)
            for j, i in enumerate(indices):
                token, top = int(tokens[j]), rows[i].top
                best = dict(zip(places[j, :top].tolist(), ranked[j, :top].tolist(), strict=True))
                results[i] = Drawn(token, float(every[j, token]), best)
        return [results[i] for i in range(len(rows))]

    def score(self, ids: Sequence[int], adapter: str | None) -> list[float]:
        logprobs = torch.log_softmax(self._logits([ids], adapter)[0, :-1], -1)
        return [float(p) for p in logprobs.gather(1, torch.tensor(ids)[1:, None])[:, 0]]

    def load_folder(self, folder: Path, *, half: bool) -> None:
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise OSError(f"no safetensors files in {folder}")
        for file in files:
            tensors = sorted(load_file(file).items())
            self.load_tensors(dict(tensors[: len(tensors) // 2] if half else tensors))

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        own = self.model.state_dict()
        for name, tensor in tensors.items():
            if name not in own:
                raise ValueError(f"There is no module or parameter named {name!r}")
            if own[name].shape != tensor.shape:
                raise ValueError(f"{name}: {tuple(tensor.shape)} does not fit {tuple(own[name].shape)}")
        with torch.no_grad():
            for name, tensor in tensors.items():
                own[name].copy_(tensor)

    def load_adapter(self, name: str, folder: Path) -> None:
        from peft import LoraConfig

        config = LoraConfig.from_pretrained(str(folder))
        scale = config.lora_alpha / (config.r**0.5 if config.use_rslora else config.r)
        tensors = load_file(folder / "adapter_model.safetensors")
        own = self.model.state_dict()
        added: dict[str, Tensor] = {}
        for key, down in tensors.items():
            module, found, _ = key.partition(".lora_A.weight")
            if not found:
                continue
            target = module.removeprefix("base_model.model.") + ".weight"
            if target not in own:
                raise ValueError(f"{key}: the model has no {target}")
            added[target] = scale * (tensors[f"{module}.lora_B.weight"].float() @ down.float())
        if len(added) * 2 != len(tensors):
            raise ValueError(f"{folder} has other tensors than lora_A and lora_B")
        self._adapters[name] = added

    def unload_adapter(self, name: str) -> None:
        del self._adapters[name]

    def checksum(self) -> str:
        import hashlib

        digest = hashlib.blake2b(digest_size=8)
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    @torch.inference_mode()
    def _logits(self, batch: Sequence[Sequence[int]], adapter: str | None) -> Tensor:
        """(B, L, V), padded on the right, where a causal model's padding touches nothing before it."""
        width = max(len(ids) for ids in batch)
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in batch])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in batch])
        inputs = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        if adapter is None:
            return _float(self.model(**inputs).logits)
        own = dict(self.model.named_parameters())
        changed = {name: own[name] + more for name, more in self._adapters[adapter].items()}
        return _float(torch.func.functional_call(self.model, changed, args=(), kwargs=inputs).logits)


def _float(logits: Tensor) -> Tensor:
    return logits.float()
