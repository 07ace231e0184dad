"""Credit assignment: from the rewards of groups to one advantage per turn or action token. Pure numpy."""

from agentrl.trainers.credit.assign import Credited, assign
from agentrl.trainers.credit.base import ANCHORS, Batch, ChannelCredit, Credit, Rollout
from agentrl.trainers.credit.bopo import BoPO
from agentrl.trainers.credit.cm2 import CM2
from agentrl.trainers.credit.gae import GAE
from agentrl.trainers.credit.gigpo import GiGPO
from agentrl.trainers.credit.gra import GRA
from agentrl.trainers.credit.grpo import GRPO
from agentrl.trainers.credit.igpo import IGPO
from agentrl.trainers.credit.reinforce_pp import ReinforcePP
from agentrl.trainers.credit.rloo import RLOO
from agentrl.trainers.credit.verpo import VeRPO

__all__ = [
    "ANCHORS",
    "CM2",
    "GAE",
    "GRA",
    "GRPO",
    "IGPO",
    "RLOO",
    "Batch",
    "BoPO",
    "ChannelCredit",
    "Credit",
    "Credited",
    "GiGPO",
    "ReinforcePP",
    "Rollout",
    "VeRPO",
    "assign",
]
