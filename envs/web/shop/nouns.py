"""Nouns of a product's title, by which WebShop tells whether two products are of one type.

WebShop has spaCy's model `en_core_web_lg` tag the words. That model is in no package index, so `plain_nouns` goes by
rules instead; where the model is installed, `tagger("en_core_web_lg")` is the original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from agentrl.errors import ConfigError

Nouns = Callable[[str], Sequence[str]]
"""Title → its nouns and proper nouns in lower case, in order, with repetitions."""

_TOKEN = re.compile(r"[^\W\d_](?:\.[^\W\d_])+\.?|[^\W_]+(?:['’][^\W_]+)?")
_OTHER_WORDS = """
    a an the this that these those of for with without and or nor but in on at by to from into over under as per plus
    is are be it its your our their his her my you we they i all any each both more most very not no so than too up off
    adjustable available best big black blue brown casual clear comfortable cool dark deep durable easy electric
    everyday extra fast fine free fresh full general gold good gray great green grey hard heavy high hot ideal indoor
    large light little long loose low luxury mini modern natural new nice old open orange outdoor perfect pink portable
    premium pure purple quick real red regular rich right round safe sensitive sharp short silver slim small smart soft
    solid special stainless strong super sweet synthetic tall thick thin tiny universal useful vintage warm white wide
    wireless wooden yellow
    assorted braided brushed certified fitted insulated knitted lined listed organic padded plated printed quilted
    reinforced ribbed scented sized unscented used woven
"""
_NO_NOUN = frozenset(_OTHER_WORDS.split())
_ENDINGS = ("able", "ful", "ible", "ious", "less", "ly", "proof", "resistant")
_SHORTEST = 4
"""Letters before an ending, one of which makes a word no noun: `washable`, but not `table`."""


@lru_cache(maxsize=65_536)
def plain_nouns(title: str) -> tuple[str, ...]:
    """The words of a title but those that hold a digit, belong to a closed class or look like adjectives."""
    tokens = (token.lower() for token in _TOKEN.findall(title))
    return tuple(token for token in tokens if not _no_noun(token))


def _no_noun(token: str) -> bool:
    if token in _NO_NOUN or any(c.isdigit() for c in token):
        return True
    return any(token.endswith(end) and len(token) - len(end) >= _SHORTEST for end in _ENDINGS)


@cache
def tagger(model: str) -> Nouns:
    """The nouns that a model of spaCy finds, as in WebShop.

    Args:
        model: name of an installed model, or the path of one.

    Raises:
        ConfigError: spaCy or the model is not installed.
    """
    try:
        import spacy

        parse: Any = spacy.load(model)
    except (ImportError, OSError) as error:
        hint = f"pip install spacy, then python -m spacy download {model}"
        raise ConfigError(f"spacy_model={model!r} cannot be loaded; install it: {hint}") from error

    @lru_cache(maxsize=65_536)
    def nouns(title: str) -> tuple[str, ...]:
        return tuple(token.text.lower() for token in parse(title) if token.pos_ in ("NOUN", "PROPN"))

    return nouns
