"""The type of what a request holds at any place: it comes from outside and may be anything."""

from typing import Any, TypeAlias

# A string, a number, a list, a mapping ...: every reader checks for itself what it was given.
Json: TypeAlias = Any
