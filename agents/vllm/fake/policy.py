"""What the fake samples from: a policy whose weights can be changed, and a fast scripted one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """One request that wants its next token."""

    ids: Sequence[int]
    """Prompt and tokens so far."""
    temperature: float
    uniform: float
    """In [0, 1): decides which token is sampled."""
    adapter: str | None
    raw: bool
    """Whether log-probs are those before the temperature."""
    top: int = 0
    """Of how many of the most likely tokens log-probs are wanted."""


class Drawn(NamedTuple):
    """The next token of a row."""

    token: int
    logprob: float
    top: Mapping[int, float]
    """Log-probs of the most likely tokens, in descending order."""


class Policy(Protocol):
    """Weights, and what follows from them. Between two calls of `step` weights may change."""

    max_context: int
    eos_ids: frozenset[int]
    """Where generation ends unless the request ignores them."""
    latency_s: float
    """Wall time of a step, for tests that want to meet requests on their way."""

    def step(self, rows: Sequence[Row]) -> list[Drawn]:
        """The next token of each row."""
        ...

    def score(self, ids: Sequence[int], adapter: str | None) -> list[float]:
        """Log-prob of each token but the first, at temperature 1."""
        ...

    def load_folder(self, folder: Path, *, half: bool) -> None:
        """Take the weights of a checkpoint folder, or of half of its tensors, as if the load had broken off.

        Raises:
            OSError, ValueError: it cannot be loaded.
        """
        ...

    def load_tensors(self, tensors: Mapping[str, Any]) -> None:
        """Take some weights by their checkpoint names; raises ValueError for unknown names and other shapes."""
        ...

    def load_adapter(self, name: str, folder: Path) -> None:
        """Take a LoRA adapter; raises OSError, ValueError."""
        ...

    def unload_adapter(self, name: str) -> None: ...

    def checksum(self) -> str:
        """Of all weights but the adapters."""
        ...


class ScriptedPolicy:
    """A deterministic policy of no cost: each context has a favourite token, by a hash of context and weights.

    A true distribution nonetheless: the favourite has probability p in [0.3, 0.9), by the hash, and the others share
    the rest; so log-probs, temperatures and scores agree with each other.

    Args:
        vocab_size: tokens 0 … vocab_size − 1.
        max_context: see `Policy`.
        latency_s: see `Policy`.
        eos_ids: see `Policy`.
    """

    def __init__(
        self,
        vocab_size: int = 64,
        *,
        max_context: int = 1 << 15,
        latency_s: float = 0.0,
        eos_ids: frozenset[int] = frozenset(),
    ) -> None:
        self.vocab_size, self.max_context, self.latency_s, self.eos_ids = vocab_size, max_context, latency_s, eos_ids
        self.weights: dict[str, bytes] = {}
        """Digest of each tensor that was published."""
        self.adapters: dict[str, bytes] = {}
        self._keys: dict[str | None, bytes] = {}

    def step(self, rows: Sequence[Row]) -> list[Drawn]:
        return [self._sample(row) for row in rows]

    def score(self, ids: Sequence[int], adapter: str | None) -> list[float]:
        key = self._key(adapter)
        return [self._logprob(ids[:i], ids[i], key, 1.0) for i in range(1, len(ids))]

    def load_folder(self, folder: Path, *, half: bool) -> None:
        from safetensors import deserialize

        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise OSError(f"no safetensors files in {folder}")
        for file in files:
            tensors = sorted(deserialize(file.read_bytes()))  # type: ignore[no-untyped-call]
            for name, tensor in tensors[: len(tensors) // 2] if half else tensors:
                self.weights[name] = _digest(tensor["data"])
        self._keys.clear()

    def load_tensors(self, tensors: Mapping[str, Any]) -> None:
        for name, tensor in tensors.items():
            self.weights[name] = _digest(_data(tensor))
        self._keys.clear()

    def load_adapter(self, name: str, folder: Path) -> None:
        file = folder / "adapter_model.safetensors"
        self.adapters[name] = _digest(file.read_bytes())
        self._keys.clear()

    def unload_adapter(self, name: str) -> None:
        del self.adapters[name]

    def checksum(self) -> str:
        return self._key(None).hex()

    def _key(self, adapter: str | None) -> bytes:
        if adapter not in self._keys:
            parts = [name.encode() + digest for name, digest in sorted(self.weights.items())]
            if adapter is not None:
                parts.append(self.adapters[adapter])
            self._keys[adapter] = _digest(b"".join(parts))
        return self._keys[adapter]

    def _favourite(self, ids: Sequence[int], key: bytes) -> tuple[int, float]:
        """The favourite after a context, of which the last 32 tokens and the length count, and its probability."""
        text = np.asarray([len(ids), *ids[-32:]], np.int64).tobytes()
        number = int.from_bytes(hashlib.blake2b(text, key=key, digest_size=8).digest(), "big")
        return number % self.vocab_size, 0.3 + 0.6 * (number >> 32) / 2**32

    def _probabilities(self, p: float, temperature: float) -> tuple[float, float]:
        """Of the favourite and of each other token."""
        others = self.vocab_size - 1
        ratio = ((1 - p) / others / p) ** (1 / temperature)
        favourite = 1 / (1 + others * ratio)
        return favourite, favourite * ratio

    def _logprob(self, ids: Sequence[int], token: int, key: bytes, temperature: float) -> float:
        favourite, p = self._favourite(ids, key)
        return math.log(self._probabilities(p, temperature)[token != favourite])

    def _sample(self, row: Row) -> Drawn:
        key = self._key(row.adapter)
        favourite, p = self._favourite(row.ids, key)
        token = favourite
        if row.temperature > 0:
            mass, each = self._probabilities(p, row.temperature)
            if row.uniform >= mass:
                skip = min(int((row.uniform - mass) / each), self.vocab_size - 2)
                token = (favourite + 1 + skip) % self.vocab_size
        shown = 1.0 if row.raw or row.temperature == 0 else row.temperature
        likely, other = (math.log(p) for p in self._probabilities(p, shown))
        ranked = [(favourite + i) % self.vocab_size for i in range(row.top)]
        return Drawn(
            token, likely if token == favourite else other, {t: likely if t == favourite else other for t in ranked}
        )


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).digest()


def _data(tensor: Any) -> bytes:
    """The bytes of a torch tensor, of whatever type."""
    import torch

    flat = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8)
    return bytes(flat.numpy().tobytes())
