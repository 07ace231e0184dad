"""Environments of web pages."""
