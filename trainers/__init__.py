"""Trainers: rewards, credit, losses, the learner and its loop."""
