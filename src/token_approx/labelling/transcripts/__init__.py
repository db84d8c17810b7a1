"""Logs of coding agents' sessions -> records of steps: what a prompt grew by between two calls."""
