"""Agents: rendering, engines, the agent loop."""
