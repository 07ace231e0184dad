"""What was found out about candidates, kept so that nothing is tried twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from agentrl.envs.swe import store
from agentrl.envs.swe.bugs.candidates import Candidate
from agentrl.envs.swe.failures import Failure
from agentrl.envs.swe.repository import Repository
from agentrl.envs.swe.validation import Verdict
from agentrl.files import json_line


class Journal:
    """Verdicts over the bugs of one repository against one suite, in the cache folder."""

    def __init__(self, repository: Repository, suite: Sequence[str]) -> None:
        digest = hashlib.sha256("\n".join((repository.commit, *suite)).encode()).hexdigest()[:8]
        self._path = store.cache_folder() / "verdicts" / f"{repository.key}.{digest}.jsonl"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Verdict] = {}
        if self._path.is_file():
            *lines, _ = self._path.read_bytes().split(b"\n")  # the last is empty, or was cut off
            for line in lines:
                row = json.loads(line)
                bug = row.pop("bug")
                self._known[bug] = _verdict(**row)

    def get(self, candidate: Candidate) -> Verdict | None:
        return self._known.get(candidate.key)

    def put(self, candidate: Candidate, verdict: Verdict) -> None:
        self._known[candidate.key] = verdict
        with self._path.open("ab") as file:
            file.write(json_line({"bug": candidate.key, **asdict(verdict)}))


def _verdict(fails: list[str], failure: dict[str, str | list[str]] | None, rejected: str) -> Verdict:
    told = Failure(str(failure["statement"]), tuple(failure["reason"])) if failure else None
    return Verdict(tuple(fails), told, rejected)
