"""SWE-v0: repair real repositories in sandboxes, graded by their tests."""
