"""The one exception that means: the input is wrong, and here is how to mend it."""


class InputError(ValueError):
    """Raised for bad input; its message names what is wrong, where, and the mend, on one line."""


class OutOfDomainWarning(UserWarning):
    """Warns of texts that were cut for a limit and may not fit it: no measured bound holds for them."""
