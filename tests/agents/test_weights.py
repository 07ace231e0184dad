"""Published weights are taken whole or not at all."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from agentrl.agents.weights import cast_weights, load_weights
from agentrl.errors import ConfigError, UnknownNameError


class Tied(nn.Module):
    """An embedding, an output layer that shares its weight, and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.norm = nn.LayerNorm(3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight


def test_values_are_copied_in_place_and_in_the_models_type() -> None:
    model, source = Tied().to(torch.bfloat16), Tied()
    before = model.embed.weight.data_ptr()
    load_weights(model, source.state_dict())
    assert model.embed.weight.data_ptr() == before
    assert torch.equal(model.embed.weight, source.embed.weight.bfloat16())


def test_a_tied_weight_is_needed_once() -> None:
    model, source = Tied(), Tied()
    weights = source.state_dict()
    del weights["head.weight"]
    load_weights(model, weights)
    assert torch.equal(model.head.weight, source.embed.weight)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"norm.weigth": torch.ones(3)}, UnknownNameError, "norm.weight"),
        ({"norm.weight": torch.ones(4)}, ConfigError, r"\(4,\), not \(3,\)"),
        ({"norm.weight": None}, ConfigError, r"lack norm\.weight"),
    ],
)
def test_wrong_weights_change_nothing(
    changes: dict[str, torch.Tensor | None], error: type[Exception], message: str
) -> None:
    model = Tied()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    weights = {k: v for k, v in {**Tied().state_dict(), **changes}.items() if v is not None}
    with pytest.raises(error, match=message):
        load_weights(model, weights)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_another_type_keeps_ties_and_the_frequencies_of_positions() -> None:
    model = Tied()
    model.register_buffer("frequencies", torch.tensor([0.1, 0.001]), persistent=False)
    cast_weights(model, torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert model.head.weight is model.embed.weight
    assert torch.equal(model.get_buffer("frequencies"), torch.tensor([0.1, 0.001]))
