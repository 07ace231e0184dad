"""A shop to buy in: search, compare, choose options, pay."""

from agentrl.envs.web.shop.env import WebShopEnv

__all__ = ["WebShopEnv"]
