"""Credit assignment: from the rewards of groups to one advantage per turn or action token. Pure numpy."""

from agentrl.trainers.credit.assign import Credited, assign
from agentrl.trainers.credit.base import Batch, Credit, Rollout
from agentrl.trainers.credit.gae import GAE
from agentrl.trainers.credit.gigpo import GiGPO
from agentrl.trainers.credit.grpo import GRPO
from agentrl.trainers.credit.reinforce_pp import ReinforcePP
from agentrl.trainers.credit.rloo import RLOO

__all__ = ["GAE", "GRPO", "RLOO", "Batch", "Credit", "Credited", "GiGPO", "ReinforcePP", "Rollout", "assign"]
