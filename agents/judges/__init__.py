"""Judges: which items of a checklist an episode has satisfied, by program or by language model; and simulated tools."""
