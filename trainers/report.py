"""`report.html`: one self-contained page that tells what a run did. Works on a run that is going on or was killed."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from tokenizers import Tokenizer

from agentrl.config import EnvConfig
from agentrl.files import atomic_write
from agentrl.records import Advantages
from agentrl.trainers import report_lookahead as lookahead
from agentrl.trainers.report_charts import charts
from agentrl.trainers.report_pictures import with_pictures
from agentrl.trainers.report_routes import routes
from agentrl.trainers.report_tournament import best_tournament
from agentrl.trainers.runs import CONFIG, REPORT, Run
from agentrl.types import Group, Turn, total

RECENT_STEPS = 20
"""How many of the last steps are searched for episodes to show."""
SHOWN_TURNS = 60


@dataclass(frozen=True, slots=True)
class TokenView:
    """One action token: its text, and its colour's strength (0 certain … 1 surprising)."""

    text: str
    strength: float
    hint: str


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn as it is shown: numbers are words already, rewards of 0 are left out."""

    observation: str
    action: str
    tokens: tuple[TokenView, ...]
    rewards: dict[str, float]
    advantage: str
    outcome: str
    images: tuple[str, ...]
    """What was to be seen before acting, as data URLs."""


@dataclass(frozen=True, slots=True)
class EpisodeView:
    """One episode as it is shown."""

    title: str
    task_id: str
    step: int | None
    """Of the run that it is from."""
    turns: tuple[TurnView, ...]
    hidden: int
    """Turns left out at the end."""
    last_words: str
    last_images: tuple[str, ...]
    note: str
    """What else is to be said of it."""


@dataclass(frozen=True, slots=True)
class TypeRow:
    """Success on one kind of task; None where it was not measured."""

    name: str
    before: float | None
    after: float | None


def write_report(path: str | Path) -> Path:
    """Write `report.html` into the run folder at `path` and return where it is.

    Raises:
        ConfigError: there is no run at `path`.
        CorruptFileError: its metrics or rollouts cannot be read.
    """
    run = Run.open(path)
    rows = run.metrics()
    html = _template().render(
        name=run.path.resolve().name,
        path=str(run.path),
        summary=run.summary(),
        last=rows[-1] if rows else None,
        headline=_headline(rows, run.summary()),
        counts=_counts(run.summary() or {}),
        types=_by_type(rows),
        charts=charts(rows),
        episodes=_episodes(run),
        tournament=best_tournament(_last_groups(run)),
        tree=_tree(run),
        routes=routes(run),
        config=(run.path / CONFIG).read_text(),
    )
    target = run.path / REPORT
    with atomic_write(target) as file:
        file.write(html.encode())
    return target


def write_episodes(path: Path, name: str, groups: Sequence[Group]) -> None:
    """Write a page of episodes, all of them, turn by turn."""
    paths = [(group, path) for group in groups for path in group.rollouts(with_infra_errors=True)]
    ends = [group.turns[path[-1]].outcome for group, path in paths]
    html = _template("rollout_page.html.jinja").render(
        name=name,
        caption=f"{sum(end.solved for end in ends)} of {len(ends)} episodes were solved",
        episodes=[
            _episode(None, end.solved, None, group, None, path) for (group, path), end in zip(paths, ends, strict=True)
        ],
    )
    with atomic_write(path) as file:
        file.write(html.encode())


def _template(name: str = "report.html.jinja") -> jinja2.Template:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters |= {"percent": _percent, "duration": _duration, "count": _count}
    return environment.get_template(name)


def _headline(rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any] | None) -> dict[str, Any]:
    """Success before and after on the test split; on the validation split where the run did not get that far."""
    for split in ("test", "valid"):
        values = [row[name] for row in rows if row.get(name := f"{split}/success") is not None]
        if values and (split == "valid" or len(values) > 1 or summary is not None):
            break
    return {"split": split, "before": values[0] if values else None, "after": values[-1] if len(values) > 1 else None}


def _counts(summary: Mapping[str, Any]) -> dict[str, float]:
    """Label → number of the tokens and episodes used, which a summary may break down by use."""
    counts: dict[str, float] = {}
    for what in ("tokens", "episodes"):
        value = summary.get(what, {})
        parts = value if isinstance(value, Mapping) else {"": value}
        counts |= {f"{what} {use}".strip(): number for use, number in parts.items() if number}
    return counts


def _by_type(rows: Sequence[Mapping[str, Any]]) -> list[TypeRow]:
    """First and last measurement of each kind of task, on the test split if it was measured twice."""
    for split in ("test", "valid"):
        prefix = f"{split}/success/"
        measured = [
            {name.removeprefix(prefix): v for name, v in row.items() if name.startswith(prefix) and v is not None}
            for row in rows
        ]
        measured = [m for m in measured if m]
        if len(measured) > 1 or (measured and split == "valid"):
            first, last = measured[0], measured[-1] if len(measured) > 1 else {}
            return [TypeRow(name, first.get(name), last.get(name)) for name in sorted(first | last)]
    return []


def _episodes(run: Run) -> list[EpisodeView]:
    """One failed and one solved episode of the last steps, of one and the same task if a group has both."""
    found: dict[bool, tuple[int, Group, Advantages | None, list[int]]] = {}
    for step in reversed(run.rollout_steps()[-RECENT_STEPS:]):
        for group, advantages in run.rollouts(step):
            here = {group.turns[path[-1]].outcome.solved: (step, group, advantages, path) for path in group.rollouts()}
            if len(here) == 2:
                found = here
                break
            found = here | found
        if len(found) == 2:
            break
    tokenizer = _tokenizer(run)
    env = EnvConfig(**run.config().get("env", {}))
    return [_episode(tokenizer, solved, *found[solved], env) for solved in (False, True) if solved in found]


def _tree(run: Run) -> lookahead.Drawing | None:
    """A lookahead tree of the last steps."""
    tokenizer = _tokenizer(run)
    steps = (
        (step, [group for group, _ in run.rollouts(step)]) for step in reversed(run.rollout_steps()[-RECENT_STEPS:])
    )
    return lookahead.best_tree(steps, lambda token: _text(tokenizer, token))


def _last_groups(run: Run) -> list[tuple[int, Group]]:
    """The groups of the last step, with its number."""
    return [(step, group) for step in run.rollout_steps()[-1:] for group, _ in run.rollouts(step)]


def _episode(
    tokenizer: Tokenizer | None,
    solved: bool,
    step: int | None,
    group: Group,
    advantages: Advantages | None,
    path: list[int],
    env: EnvConfig | None = None,
) -> EpisodeView:
    turns, note = [group.turns[i] for i in path], ""
    if env is not None and not any(turn.images for turn in turns):
        turns, note = with_pictures(env, group.task, turns)
    credit = [None if advantages is None else advantages[i] for i in path]
    views = [_turn(tokenizer, turn, a) for turn, a in zip(turns, credit, strict=True)][:SHOWN_TURNS]
    rewards = ", ".join(f"{channel} {total(turns, channel):g}" for channel in group.channels())
    return EpisodeView(
        title=f"{'A solved' if solved else 'A failed'} episode: {len(turns)} turns, rewards {rewards or 'none'}",
        task_id=f"{group.task.env_id}, {group.task.task_id}",
        step=step,
        turns=tuple(views),
        hidden=len(turns) - len(views),
        last_words=turns[-1].feedback,
        last_images=_data_urls(turns[-1].last_images),
        note=note,
    )


def _turn(tokenizer: Tokenizer | None, turn: Turn, advantage: float | Iterable[float] | None) -> TurnView:
    per_token = list(advantage) if isinstance(advantage, Iterable) else [advantage] * len(turn.action_ids)
    hints = [
        f"token {i}, log-prob {lp:.3f}, policy version {v}" + ("" if a is None else f", advantage {a:+.3f}")
        for i, lp, v, a in zip(turn.action_ids, turn.logprobs, turn.versions, per_token, strict=True)
    ]
    texts = [_text(tokenizer, i) for i in turn.action_ids]
    strengths = [round(1 - math.exp(min(lp, 0.0)), 2) for lp in turn.logprobs]
    outcome = turn.outcome
    return TurnView(
        observation=turn.observation,
        action=turn.action,
        tokens=tuple(TokenView(*view) for view in zip(texts, strengths, hints, strict=True)),
        rewards={name: value for name, value in turn.rewards.items() if value},
        advantage=_span([a for a in per_token if a is not None]),
        outcome="" if outcome.status == "running" else _words(outcome.status, outcome.success, outcome.reason),
        images=_data_urls(turn.images),
    )


def _data_urls(images: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(f"data:image/png;base64,{base64.b64encode(image).decode()}" for image in images)


def _words(status: str, success: bool | None, reason: str) -> str:
    if status == "terminated":
        return "solved" if success else "failed"
    return status.replace("_", " ") + (f": {reason}" if reason else "")


def _span(values: Sequence[float]) -> str:
    """`+0.50`, or `-0.10 … +0.50` where the tokens of a turn differ."""
    if not values:
        return ""
    low, high = f"{min(values):+.2f}", f"{max(values):+.2f}"
    return low if low == high else f"{low} … {high}"


def _tokenizer(run: Run) -> Tokenizer | None:
    """The tokenizer of the youngest checkpoint that has one."""
    files = [c / "tokenizer.json" for c in reversed(run.checkpoints())]
    return next((Tokenizer.from_file(str(f)) for f in files if f.is_file()), None)


def _text(tokenizer: Tokenizer | None, token_id: int) -> str:
    text = tokenizer.decode([token_id], skip_special_tokens=False) if tokenizer is not None else ""
    return text or f"⟨{token_id}⟩"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _count(value: float) -> str:
    return f"{round(value):,}".replace(",", "\u202f")
