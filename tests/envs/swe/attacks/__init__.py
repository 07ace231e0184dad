"""Ways to have a small repository look mended without mending it, by what they attack; and honest ones."""

from __future__ import annotations

from tests.envs.swe.attacks.answers import ANSWERS
from tests.envs.swe.attacks.files import FILE_ATTACKS
from tests.envs.swe.attacks.honest import HONEST
from tests.envs.swe.attacks.ledger import FILES, INSTANCE, REPOSITORY, SOURCE, START, TESTS, Attack, submission
from tests.envs.swe.attacks.process import PROCESS
from tests.envs.swe.attacks.runner import RUNNER

CODE_ATTACKS: dict[str, Attack] = {**RUNNER, **PROCESS, **ANSWERS}
"""By what they do when they run."""

__all__ = [
    "CODE_ATTACKS",
    "FILES",
    "FILE_ATTACKS",
    "HONEST",
    "INSTANCE",
    "REPOSITORY",
    "SOURCE",
    "START",
    "TESTS",
    "submission",
]
