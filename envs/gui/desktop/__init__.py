"""`Desktop-v0`: real programs on a real desktop, in a sandbox."""
