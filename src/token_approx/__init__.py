"""Estimate, before a request is sent, how many tokens a provider will count for a text."""

__version__ = "0.1.0"
