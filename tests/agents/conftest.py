"""A tiny byte-level tokenizer and small chat templates of real families."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

TEMPLATES = Path(__file__).parents[1] / "fixtures" / "templates"

CONTROL = {
    "chatml": ["<|im_start|>", "<|im_end|>"],
    "chatml_thinking": ["<|im_start|>", "<|im_end|>"],
    "llama3": ["<s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "gemma": ["<s>", "<start_of_turn>", "<end_of_turn>"],
    "mistral": ["<s>", "</s>", "[INST]", "[/INST]"],
}
"""Control tokens of each family; `<s>` begins a text, `</s>` ends one."""


@pytest.fixture(scope="session")
def family_tokenizer() -> Callable[[str], PreTrainedTokenizerFast]:
    """Makes the tokenizer of a family: bytes, a few merges, its control tokens and its template."""

    def make(family: str) -> PreTrainedTokenizerFast:
        core = Tokenizer(models.BPE())
        core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
        core.decoder = decoders.ByteLevel()  # type: ignore[assignment]
        trainer = trainers.BpeTrainer(
            vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
        core.train_from_iterator(["you are in the middle of a room\n\nassistant\nuser\n"] * 2, trainer)
        control = CONTROL[family]
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=core,
            bos_token="<s>" if "<s>" in control else None,
            eos_token="</s>",
            extra_special_tokens=[t for t in control if t not in ("<s>", "</s>")],
        )
        tokenizer.chat_template = (TEMPLATES / f"{family}.jinja").read_text()
        return tokenizer

    return make
