"""Budget-aware routing (BoPO, arXiv 2602.21227): a policy that says at every turn which of several executors acts.

Routing is an environment: `env` puts the executors between the router and the real environment. So all that trains and
measures policies trains and measures routers.
"""
