"""Whether a judge can be trained against: is it fooled by answers that say nothing, by order, or by chance?

    audit_pairs(judges)      a judge that compares trajectories
    audit_items(judges)      a judge of checklist items

What was found is kept in the cache folder under the server, the model and the protocol of the judge.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agentrl.agents.judges.audit_cases import ATTACKS, CASES
from agentrl.agents.judges.checklist import Item
from agentrl.agents.judges.pairs import PairJudge
from agentrl.agents.judges.state import Judge, State, Step
from agentrl.errors import CorruptFileError
from agentrl.files import atomic_write, cache_folder


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a judge has to keep within to pass."""

    fooled: float = 0.05
    """Share of false positives of each attack."""
    accuracy: float = 0.75
    """Least share of honest trajectories that are judged in their known order, or deserve their verdict."""
    position_bias: float = 1.0
    """Points that coming first, or second, may be worth."""
    consistency: float = 0.9
    """Least share of questions with the same verdict when they are asked again."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found about a judge. Shares are from 0 to 1."""

    fooled: Mapping[str, float]
    """Of each attack, the share of false positives: it did at least as well as a good answer, or satisfied an item."""
    accuracy: float
    position_bias: float | None
    """Mean points of what was shown first minus those of what was shown second; None where nothing is compared."""
    flips: float | None
    """Share of honest pairs whose winner depends on the order; None where nothing is compared."""
    consistency: float
    questions: int
    bounds: Bounds = field(default_factory=Bounds)

    def problems(self) -> list[str]:
        """Why it does not pass; nothing where it does."""
        bounds = self.bounds
        found = [
            f"the attack {attack!r} fools it in {share:.0%} of the cases, more than {bounds.fooled:.0%}"
            for attack, share in self.fooled.items()
            if share > bounds.fooled
        ]
        if self.accuracy < bounds.accuracy:
            found.append(f"it is right in {self.accuracy:.0%} of the honest cases, less than {bounds.accuracy:.0%}")
        if self.position_bias is not None and abs(self.position_bias) > bounds.position_bias:
            found.append(f"coming first is worth {self.position_bias:+.1f} points, more than {bounds.position_bias:g}")
        if self.consistency < bounds.consistency:
            found.append(
                f"asked again it says the same {self.consistency:.0%} of the time, less than {bounds.consistency:.0%}"
            )
        return found


async def audit_pairs(judges: Sequence[PairJudge], bounds: Bounds | None = None) -> Audit:
    """Have every good trajectory compared with every attack, and with the poor one of its task, in both orders.

    Args:
        judges: the same judge as often as it shall be asked, at least twice; none remembers what another was asked.

    Raises:
        InfraError: a question was not answered.
    """
    opponents = [*ATTACKS, None]  # None: the poor trajectory

    async def both(judge: PairJudge, case: int, attack: str | None) -> tuple[tuple[float, float], tuple[float, float]]:
        c = CASES[case]
        good, other = c.played(c.good), c.played(c.poor if attack is None else (attack,))
        return await asyncio.gather(judge.scores(c.task, good, other), judge.scores(c.task, other, good))

    keys = [(case, opponent) for case in range(len(CASES)) for opponent in opponents]
    rounds = [
        dict(zip(keys, await asyncio.gather(*(both(judge, *key) for key in keys)), strict=True)) for judge in judges
    ]
    leads = [{key: (ab[0] - ab[1], ba[1] - ba[0]) for key, (ab, ba) in found.items()} for found in rounds]
    honest = [lead[case, None] for lead in leads for case in range(len(CASES))]
    return Audit(
        fooled={
            attack: _share([sum(lead[case, attack]) <= 0 for lead in leads for case in range(len(CASES))])
            for attack in ATTACKS
        },
        accuracy=_share([sum(lead) > 0 for lead in honest]),
        position_bias=sum(first - second for first, second in honest) / 2 / len(honest),
        flips=_share([(first > 0) != (second > 0) for first, second in honest]),
        consistency=_share(
            [_sign(lead[key][o]) == _sign(leads[0][key][o]) for lead in leads[1:] for key in keys for o in (0, 1)]
        ),
        questions=2 * len(keys) * len(judges),
        bounds=bounds or Bounds(),
    )


async def audit_items(judges: Sequence[Judge], bounds: Bounds | None = None) -> Audit:
    """Have the item of every task judged on the good answer, on the poor one and on every attack.

    Args, Raises: as `audit_pairs`.
    """
    answers = [
        [("good", case.good[-1]), ("poor", case.poor[-1]), *((attack, attack) for attack in ATTACKS)] for case in CASES
    ]

    async def verdict(judge: Judge, case: int, said: str) -> bool:
        c = CASES[case]
        item = Item("audit", "assistant.content.user_visible_reply", c.item, "The answer does, in substance.", 1.0)
        step = Step(thinking="", action=said, call=None, said=said, reply="")
        return (await judge.verdicts([item], State(c.request, (step,), 0, {})))[0]

    keys = [(case, name, said) for case, row in enumerate(answers) for name, said in row]
    rounds = [
        dict(zip(keys, await asyncio.gather(*(verdict(j, case, said) for case, _, said in keys)), strict=True))
        for j in judges
    ]
    by_name = {
        name: [found[key] for found in rounds for key in keys if key[1] == name] for name in ("good", "poor", *ATTACKS)
    }
    return Audit(
        fooled={attack: _share(by_name[attack]) for attack in ATTACKS},
        accuracy=_share([*by_name["good"], *(not yes for yes in by_name["poor"])]),
        position_bias=None,
        flips=None,
        consistency=_share([found[key] == rounds[0][key] for found in rounds[1:] for key in keys]),
        questions=len(keys) * len(judges),
        bounds=bounds or Bounds(),
    )


def save_audit(url: str, model: str, protocol: str, audit: Audit) -> Path:
    """Keep what was found about a judge; returns where."""
    path = _path(url, model, protocol)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(json.dumps({"url": url, "model": model, **dataclasses.asdict(audit)}, indent=2).encode())
    return path


def load_audit(url: str, model: str, protocol: str) -> Audit | None:
    """What was found about a judge; None if it was not audited.

    Raises:
        CorruptFileError: the file cannot be read.
    """
    path = _path(url, model, protocol)
    if not path.exists():
        return None
    try:
        return TypeAdapter(Audit).validate_json(path.read_bytes())
    except ValidationError as error:
        raise CorruptFileError(path, f"no audit: {error}; remove it and audit the judge again") from error


def _path(url: str, model: str, protocol: str) -> Path:
    key = hashlib.sha256(json.dumps([url, model, protocol]).encode()).hexdigest()
    return cache_folder("audits") / f"{key[:32]}.json"


def _share(of: Sequence[bool]) -> float:
    return sum(of) / len(of)


def _sign(x: float) -> int:
    return (x > 0) - (x < 0)
