"""Tournaments between the rollouts of a group."""
