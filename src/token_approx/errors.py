"""Every error that this package raises on purpose: one class per meaning, under one base.

A message names what is wrong, where, and how to correct it, on one line. `exit_codes` has the code that a
command ends with for each class.
"""


class TokenApproxError(Exception):
    """The base of all errors that this package raises on purpose."""


class InputError(TokenApproxError, ValueError):
    """Raised for bad input: a file, a text, a parameter or a model that cannot be used as it is."""


class UsageError(InputError):
    """Raised for a wrong command line: a parameter is missing, unknown, or has an impossible value."""


class MissingExtraError(TokenApproxError, ImportError):
    """Raised where a library of an optional extra is not installed; the message has the pip command."""


class StoreError(TokenApproxError):
    """Raised where MLflow's tracking server or registry, or a database, cannot be reached or used."""


class UnfinishedError(TokenApproxError):
    """Raised where labelling ends with samples missing; the same command, run again, asks for those alone."""


class DriftError(TokenApproxError):
    """Raised where a model's error is larger than the limit that was given, or its bound holds too rarely."""


class OutOfDomainWarning(UserWarning):
    """Warns of texts that were cut for a limit and may not fit it: no measured bound holds for them."""
