"""A causal language model as a policy: log-probs where actions are, and nowhere else.

Rows are padded on the right and no attention mask is passed: in a causal model nothing looks at what comes after it,
so padding cannot reach a real token, and attention takes its fast path.
"""

from __future__ import annotations

import copy
from typing import Any, Literal, cast

from torch import Tensor, nn
from transformers import PreTrainedModel

from agentrl.errors import ConfigError, MissingExtraError

LORA_ALPHA = 2
"""α of LoRA adapters, in ranks."""
CriticKind = Literal["none", "detached", "shared", "copy"]
"""Where the critic's value comes from: no critic; a linear head on the policy's last hidden states, with or without
its gradient flowing into the policy; or a model of its own, copied from the policy at the start, with a linear head."""


def logits_at(model: nn.Module, ids: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Run the model once and the output layer at chosen positions only.

    Args:
        model: any causal LM of `transformers`, bare or wrapped by `peft`.
        ids: (R, L) tokens, padded on the right.
        index: (N,) flat positions r·L + p; the logits there predict token p + 1 of row r.

    Returns:
        (N, V) logits with whatever the model does to them after its output layer, and (N, H) last hidden states.
    """
    head = cast(Any, model).get_output_embeddings()
    taken: list[Tensor] = []

    def take(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        taken.append(inputs[0].flatten(0, 1).index_select(0, index))
        return (taken[-1], *inputs[1:])

    handle = head.register_forward_pre_hook(take)
    try:
        logits = model(input_ids=ids, use_cache=False).logits
    finally:
        handle.remove()
    if not taken:
        raise ConfigError(
            f"{type(model).__name__} does not call its output layer as a module; it cannot be trained here"
        )
    return logits, taken[0]


class Critic(nn.Module):
    """V(context) before each action token: a linear layer, on its own trunk or on the policy's hidden states."""

    def __init__(self, model: PreTrainedModel, kind: CriticKind) -> None:
        super().__init__()
        self.detach = kind == "detached"
        self.trunk: nn.Module | None = None
        if kind == "copy":
            trunk = copy.deepcopy(model)
            trunk.set_output_embeddings(nn.Identity())
            self.trunk = trunk
        self.head = nn.Linear(model.config.get_text_config().hidden_size, 1)
        nn.init.zeros_(self.head.weight)  # an untrained critic says 0, not noise
        nn.init.zeros_(self.head.bias)

    def forward(self, ids: Tensor, index: Tensor, hidden: Tensor | None) -> Tensor:
        """(N,) values; `hidden` (N, H) are the policy's states at `index`, which a trunk of its own does not need."""
        if self.trunk is not None:
            _, hidden = logits_at(self.trunk, ids, index)
        if hidden is None:
            raise ValueError("a critic without a trunk needs the policy's hidden states")
        return cast(Tensor, self.head(hidden.detach() if self.detach else hidden)).float().squeeze(-1)


def add_lora(model: PreTrainedModel, rank: int) -> PreTrainedModel:
    """Wrap all linear layers in LoRA adapters (α = LORA_ALPHA · rank) and freeze the rest.

    Adapters of an earlier phase are merged into the weights first.

    Raises:
        MissingExtraError: `peft` is not installed.
    """
    try:
        from peft import LoraConfig, TaskType, get_peft_model
        from peft.tuners.lora import LoraLayer
    except ImportError as error:
        raise MissingExtraError("peft", "lora") from error
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge()
            model.set_submodule(name, module.get_base_layer())
    vars(model).pop("peft_config", None)  # else peft takes the new adapters for a second set
    config = LoraConfig(r=rank, lora_alpha=LORA_ALPHA * rank, target_modules="all-linear", task_type=TaskType.CAUSAL_LM)
    return cast(PreTrainedModel, get_peft_model(model, config))


def plain_weights(model: nn.Module) -> dict[str, Tensor]:
    """The policy's weights under the names of the bare model, LoRA adapters merged in; detached, not copied.

    Tied weights occur under each of their names.
    """
    if not hasattr(model, "peft_config"):
        return {name: tensor.detach() for name, tensor in model.state_dict().items()}
    weights: dict[str, Tensor] = {}
    bare = cast(Any, model).get_base_model()
    for name, tensor in bare.state_dict().items():
        if ".lora_" not in name:
            weights[name.replace(".base_layer.", ".")] = tensor.detach()
    for name, module in bare.named_modules():
        if hasattr(module, "get_delta_weight"):
            delta = sum(module.get_delta_weight(adapter) for adapter in module.active_adapters)
            weights[f"{name}.weight"] = (module.get_base_layer().weight + delta).detach()
    return weights


def reference_of(model: nn.Module) -> nn.Module:
    """A frozen copy of the policy as it is now."""
    reference = copy.deepcopy(model).eval()
    for parameter in reference.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    return reference
