"""Sandboxes: where untrusted things run."""
