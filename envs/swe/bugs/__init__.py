"""Bugs made from good code: the procedural modifiers of SWE-smith for Python, combined bugs, commits undone."""
