"""A policy from nothing: a tokenizer learned from demonstrations, and a small stock model with random weights.

Both are ordinary Hugging Face objects, so that the trained result is an ordinary checkpoint.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from transformers import Lfm2Config, PreTrainedModel, PreTrainedTokenizerFast, Qwen3Config
from transformers.models.auto.modeling_auto import AutoModelForCausalLM

from agentrl.config import ModelConfig

PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""One token a message and one at the end of each action: turns are short, so every token of ceremony counts."""

_NUMBERED = re.compile(r"([a-z]+) \d{1,2}\b")  # "shelf 12", but not "in 1874"
_CAPITAL = re.compile(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)*\b")  # "Kipel Foundry"
_ALWAYS_MERGED = 2_000
"""Extra occurrences that make a name or number one token, however rare it is in the texts."""


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE for environment text, complete for any string.

    Merges may cross spaces, so that boilerplate ("you see a") costs one token, but never the border of a number or of
    a word that a policy has to copy from observations into actions, which is a single token everywhere. These words
    are those that are somewhere followed by a number ("apple 1"); where there are none, those with a capital
    ("Kipel Foundry"), the most frequent ones if half the vocabulary does not hold all.
    """
    texts = list(texts)
    numbered = sorted({name for text in texts for name in _NUMBERED.findall(text)})
    capital = Counter(w for text in texts for name in _CAPITAL.findall(text) for w in _parts(name) if not numbered)
    numbers = sorted({number for text in texts for number in re.findall(r" \d+", text)})
    words = "|".join([*numbered, r"\d+"])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("\n"), "isolated"),
            pre_tokenizers.Split(Regex(rf" ?(?<![a-z])(?:{words})(?![a-z])"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    names = dict(capital.most_common(vocab_size // 2))
    trainer = BpeTrainer(
        vocab_size=vocab_size - len(names),
        special_tokens=[PAD, END, SYSTEM, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    whole = [*(f" {name}" for name in numbered), *numbers]
    # "\n" stands where a name was, because no merge crosses it.
    rest = (_CAPITAL.sub(lambda n: "".join("\n" if p in names else p for p in _parts(n[0])), text) for text in texts)
    tokenizer.train_from_iterator([*rest, *(word * _ALWAYS_MERGED for word in whole)], trainer)
    tokenizer.add_tokens([AddedToken(name, single_word=name[0] != " ") for name in names])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END)
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _parts(name: str) -> list[str]:
    """Words of a name with the space before them. The first has none, as in "open[Kipel Foundry]"."""
    first, *others = name.split(" ")
    return [first, *(f" {word}" for word in others)]


def build_model(config: ModelConfig, tokenizer: PreTrainedTokenizerFast, seed: int) -> PreTrainedModel:
    """A stock architecture of the given size with random weights, the same for the same seed."""
    common: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads or config.heads,
        "max_position_embeddings": config.max_context,
        "tie_word_embeddings": True,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
    }
    kind: Lfm2Config | Qwen3Config
    if config.architecture == "lfm2":
        conv = set(config.conv_layers)
        kind = Lfm2Config(
            **common,
            conv_L_cache=3,
            block_auto_adjust_ff_dim=False,
            layer_types=["conv" if i in conv else "full_attention" for i in range(config.layers)],
        )
    else:
        kind = Qwen3Config(**common, head_dim=config.hidden_size // config.heads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(kind)
    return model
