"""How far generation may run ahead of training: one formula for synchronous and asynchronous runs.

Groups are numbered along the plan of the run, B to a batch; batch v trains version v of the policy into v + 1, and is
always the groups B·v … B·(v + 1) − 1, the oldest first. At version v with bound η, the groups that may have begun are

    (η + v + 1) · B,    so    capacity = (η + v + 1) · B − (accepted + running)

(arXiv 2505.24298, equation 3, counted in groups). A group that began at version v is then trained at version v + η at
the latest: its tokens are never older than η. With η = 0 that is the synchronous loop. Nothing is dropped for being
late, so what is trained has the lengths of what was generated; the price is that an episode which outlasts η training
steps makes the trainer wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The formula for one run."""

    staleness: int
    """η, in policy versions."""
    batch: int
    """B, groups of one training step."""
    steps: int
    """Training steps of the whole run: no group is begun that would not be trained."""

    def capacity(self, version: int, begun: int) -> int:
        """How many groups may begin now.

        Args:
            version: policy version, i.e. training steps done.
            begun: groups accepted (completed, trained or not) plus groups running.
        """
        allowed = min(self.staleness + version + 1, self.steps) * self.batch
        return max(allowed - begun, 0)

    def members(self, version: int) -> range:
        """Numbers of the groups that train this version."""
        return range(self.batch * version, self.batch * (version + 1))
