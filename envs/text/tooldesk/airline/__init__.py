"""An airline: reservations, cabins, bags."""

from agentrl.envs.text.tooldesk.airline.goals import GOALS, PHRASES, TRAPS, populate
from agentrl.envs.text.tooldesk.airline.policy import COMPARISON, RULES, TABLES
from agentrl.envs.text.tooldesk.airline.services import SERVICES
from agentrl.envs.text.tooldesk.airline.tools import TOOLS
from agentrl.envs.text.tooldesk.domain import Domain

AIRLINE = Domain(
    name="airline",
    role="You serve the customers of an airline. Today is day 20.",
    tables=TABLES,
    rules=RULES,
    tools=TOOLS,
    comparison=COMPARISON,
    populate=populate,
    goals=GOALS,
    traps=TRAPS,
    phrases=PHRASES,
    services=SERVICES,
)
