"""Lookahead tree rollouts (LATR, arXiv 2510.24302): rollouts of a group that differ on purpose, not by luck.

Where the policy wavers, a branch is opened; after a short lookahead it is kept if it leads somewhere else, and pruned
if it says the same in other words. `tree` decides about tokens, within one action; `turns` about turns, with forked
environments.
"""
