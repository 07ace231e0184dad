"""The report is one self-contained page, whatever state the run is in."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agentrl.errors import ConfigError
from agentrl.types import Group, Outcome, Task, Turn
from tests.conftest import require

require("matplotlib")
require("torch.utils.tensorboard")

from agentrl.trainers.report import write_report
from agentrl.trainers.report_charts import MAX_POINTS, PANELS, charts
from agentrl.trainers.runs import RunWriter

HOSTILE = "</p><script>alert('x')</script><img src=http://evil.example/x>&\"'{{ 7*7 }}"
VOID = {"meta", "img", "br", "input", "link"}


class Page(HTMLParser):
    """Collects text, checks that tags are balanced and that nothing outside the page is loaded."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(html)
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert name not in ("src", "srcset", "data"), (tag, name)
            if name in ("href", "xlink:href"):
                assert (value or "").startswith("#"), value

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def rollout(group: Group, words: list[str], *, solved: bool) -> None:
    parent = None
    for i, word in enumerate(words):
        last = i == len(words) - 1
        outcome = Outcome.running()
        if last:
            outcome = Outcome.terminated(success=True) if solved else Outcome.truncated("max_turns")
        turn = Turn(
            parent, [1], [5, 6], [-0.105, -2.3], [3, 4], f"room {i}", word, {"outcome": float(last and solved)}, outcome
        )
        turn.feedback = f"after {word}"
        parent = group.add(turn)


@contextmanager
def run(path: Path, *, steps: int = 30) -> Iterator[RunWriter]:
    with RunWriter.create(path, "seed = 1\n") as writer:
        writer.log(0, {"test/success": 0.5, "test/success/heat": 0.25, "test/success/cool": 0.75})
        for step in range(steps):
            writer.log(step, {"rl/reward": 0.5, "rl/loss": math.nan if step == 3 else 0.1, "time/train": 2.0})
        group = Group(Task("ALFWorld-v0", "train:7"))
        rollout(group, ["go to desk 1", "take pen 1"], solved=True)
        rollout(group, ["look", "look", HOSTILE], solved=False)
        only_failed = Group(Task("ALFWorld-v0", "train:8"))
        rollout(only_failed, ["nothing"], solved=False)
        writer.save_rollouts(steps, [group, only_failed], [[0.5, [0.5, 0.25], -0.5, -0.5, -0.5], [0.0]])
        yield writer


def test_a_finished_run(tmp_path: Path) -> None:
    with run(tmp_path / "r") as writer:
        writer.log(30, {"test/success": 0.8, "test/success/heat": 0.9, "test/success/cool": 0.7})
        writer.write_summary({"wall_s": 3725.0, "tokens": {"trained": 1234567}, "episodes": 960})
    report = write_report(tmp_path / "r")
    assert report == tmp_path / "r" / "report.html"
    assert report.stat().st_size < 1_000_000
    html = report.read_text()
    page = Page(html)
    assert "finished" in page.text
    for words in (
        "50.0 %",
        "80.0 %",
        "+30.0",
        "1 h 2 min",
        "1\u202f234\u202f567",
        "960",
        "25.0 %",
        "90.0 %",
        "seed = 1",
    ):
        assert words.replace("\u202f", " ") in page.text.replace("\u202f", " "), words
    assert "A solved episode: 2 turns, rewards outcome 1" in page.text
    assert "A failed episode: 3 turns, rewards outcome 0" in page.text
    assert "train:8" not in page.text  # both episodes are of the task that shows both
    assert "advantage +0.50" in page.text
    assert "advantage +0.25 … +0.50" in page.text
    assert "truncated: max_turns" in page.text
    assert "token 6, log-prob -2.300, policy version 4, advantage +0.250" in html
    assert "after take pen 1" in page.text
    assert page.tags.count("svg") == 4


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    with run(tmp_path / "r"):
        pass
    html = write_report(tmp_path / "r").read_text()
    page = Page(html)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "&lt;script&gt;" in html


def test_a_killed_run_shows_what_there_is(tmp_path: Path) -> None:
    with run(tmp_path / "r", steps=5) as writer:
        writer.log(3, {"valid/success": 0.25, "valid/success/heat": 0.125})
    page = Page(write_report(tmp_path / "r").read_text())
    assert "not finished: the last step written is 3" in page.text
    assert "25.0 %" in page.text  # the test split was measured once only: the validation tells more


@pytest.mark.parametrize("solved", [True, False])
def test_a_run_whose_episodes_all_end_alike(tmp_path: Path, solved: bool) -> None:
    with RunWriter.create(tmp_path / "r", "") as writer:
        group = Group(Task("E-v0", "t"))
        rollout(group, ["a"], solved=solved)
        writer.save_rollouts(1, [group])
    page = Page(write_report(tmp_path / "r").read_text())
    assert ("A solved episode" in page.text) == solved
    assert ("A failed episode" in page.text) != solved


def test_a_run_with_nothing_in_it(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "r", "").close()
    assert "nothing measured yet" in Page(write_report(tmp_path / "r").read_text()).text


def test_no_run_no_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a run folder"):
        write_report(tmp_path)


def test_tokens_are_shown_as_text_when_there_is_a_tokenizer(tmp_path: Path) -> None:
    tokenizers = require("tokenizers")
    model = tokenizers.models.WordLevel({"go": 5, "north": 6, "[UNK]": 0}, unk_token="[UNK]")
    folder = tmp_path / "r" / "checkpoints" / "step-000001"
    with run(tmp_path / "r"):
        folder.mkdir(parents=True)
        tokenizers.Tokenizer(model).save(str(folder / "tokenizer.json"))
    html = write_report(tmp_path / "r").read_text()
    assert ">go</i>" in html
    assert ">north</i>" in html
    assert "⟨5⟩" not in html


def test_charts_have_no_colour_of_ink_and_no_common_ids() -> None:
    rows = [{"step": i, "seconds": 1.0 * i, "rl/loss": 0.1 * i, "rl/reward": 0.5, "rl/kl": None} for i in range(9)]
    drawn = charts(rows)
    assert [title for title, _ in drawn] == ["Success and reward in training", "Loss of RL"]
    ids = [i for _, svg in drawn for i in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    for _, svg in drawn:
        assert "currentColor" in svg
        assert "#010203" not in svg
        targets = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)
        assert {a or b for a, b in targets} <= set(ids)


def test_long_curves_stay_small() -> None:
    rows = [{"step": i, "seconds": 1.0 * i, "warm_start/loss": (i * 7919 % 101) / 101} for i in range(20_000)]
    ((_, svg),) = charts(rows)
    assert len(svg) < 40_000
    assert svg.count("\nL ") < MAX_POINTS + 100


def test_the_same_metrics_give_the_same_chart() -> None:
    rows = [{"step": i, "seconds": 1.0 * i, "rl/entropy": 0.5} for i in range(5)]
    assert charts(rows) == charts(rows)


def test_every_panel_has_a_pattern_with_one_group() -> None:
    assert all(re.compile(panel.pattern).groups == 1 for panel in PANELS)
