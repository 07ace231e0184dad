"""A shop: orders, items, returns."""

from agentrl.envs.text.tooldesk.domain import Domain
from agentrl.envs.text.tooldesk.retail.goals import GOALS, PHRASES, TRAPS, populate
from agentrl.envs.text.tooldesk.retail.policy import COMPARISON, RULES, TABLES
from agentrl.envs.text.tooldesk.retail.services import SERVICES
from agentrl.envs.text.tooldesk.retail.tools import TOOLS

RETAIL = Domain(
    name="retail",
    role="You serve the customers of a shop.",
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
