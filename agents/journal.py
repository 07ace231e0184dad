"""What a killed run needs to finish what it had begun: the groups in flight, turn by turn, on disk.

    inflight/group-00000012.jsonl    its task and seed, then every turn of its rollouts as it was completed, and the
                                     rewards that a rollout got at its end; and notes on the group

A line is written with one system call when its turn is complete, so that a killed process loses the turns in the
making alone; a torn last line is ignored. A group's file goes when a checkpoint holds what was learned from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agentrl.agents.rollout import RolloutSpec
from agentrl.errors import CorruptFileError
from agentrl.files import json_line
from agentrl.records import turn_from_json, turn_to_json
from agentrl.types import Task, Turn

_NAME = re.compile(r"group-(\d+)\.jsonl")


class GroupLog:
    """The file of one group."""

    def __init__(
        self, path: Path, spec: RolloutSpec, turns: list[list[Turn]], rewarded: set[int], notes: dict[str, Any]
    ) -> None:
        self.spec = spec
        self.turns = turns
        """Of each rollout, the turns of a killed process; they are complete and none of them failed."""
        self.rewarded = rewarded
        """Rollouts that were played to their end, and rewarded for it."""
        self.notes = notes
        """By topic, as they were last."""
        self._path = path

    def add(self, rollout: int, turn: Turn) -> None:
        """Keep a turn that is complete."""
        self._append({"rollout": rollout, "turn": turn_to_json(turn)})

    def note(self, topic: str, value: Any) -> None:
        """Keep a note on the group, in JSON values."""
        self._append({"topic": topic, "note": value})

    def reward(self, rollout: int, turns: list[Turn]) -> None:
        """Keep the rewards that the turns of a rollout have at its end."""
        given = [{"rewards": turn.rewards, "scored_version": turn.scored_version} for turn in turns]
        self._append({"rollout": rollout, "given": given})

    def restart(self, rollout: int) -> None:
        """The rollout begins anew: its turns so far are of no use."""
        self._append({"rollout": rollout, "turn": None})

    def _append(self, record: dict[str, Any]) -> None:
        with self._path.open("ab", buffering=0) as file:
            file.write(json_line(record))


class Journal:
    """The groups in flight of one run.

    Args:
        folder: is made when the first group begins.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, number: int, spec: RolloutSpec) -> GroupLog:
        """Start the file of a group, or read it if a killed process had started it.

        Raises:
            CorruptFileError: the file is damaged other than by a kill.
        """
        path = self._path(number)
        found = self._read(path) if path.exists() else None
        if found is not None:
            return found
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(json_line(asdict(spec)))
        return GroupLog(path, spec, [[] for _ in range(spec.rollouts)], set(), {})

    def forget(self, below: int) -> None:
        """Remove the groups whose number is lower: a checkpoint has what was learned from them."""
        for number, path in self._files():
            if number < below:
                path.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[int, Path]]:
        for path in self._folder.glob("group-*.jsonl"):
            if match := _NAME.fullmatch(path.name):
                yield int(match[1]), path

    def _path(self, number: int) -> Path:
        return self._folder / f"group-{number:08d}.jsonl"

    def _read(self, path: Path) -> GroupLog | None:
        """The group of a file; None where not even its first line was completed."""
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            path.write_bytes(whole)  # a killed process tore the last line
        lines = whole.splitlines()
        if not lines:
            return None
        try:
            header = json.loads(lines[0])
            spec = RolloutSpec(**{**header, "task": Task(**header["task"])})
            turns: list[list[Turn]] = [[] for _ in range(spec.rollouts)]
            rewarded: set[int] = set()
            notes: dict[str, Any] = {}
            for line in lines[1:]:
                record = json.loads(line)
                if "topic" in record:
                    notes[record["topic"]] = record["note"]
                    continue
                rollout = turns[record["rollout"]]
                if "given" in record:
                    rewarded.add(record["rollout"])
                    rollout[:] = [replace(turn, **given) for turn, given in zip(rollout, record["given"], strict=True)]
                elif record["turn"] is None:
                    rollout.clear()
                else:
                    rollout.append(turn_from_json(record["turn"]))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise CorruptFileError(path, f"not the turns of a group: {type(error).__name__}: {error}") from error
        return GroupLog(path, spec, turns, rewarded, notes)
