"""Which kernel reads a text: the native one where it was built, else numpy. Both give the same integers."""

import os
from types import ModuleType

from ..errors import InputError

__all__ = ["VARIABLE", "name", "native"]

# Names the kernel to be used, `native` or `numpy`; by default the faster of those that there are.
VARIABLE = "TOKEN_APPROX_KERNEL"


def chosen(wanted: str) -> ModuleType | None:
    """Return the native kernel, or None for numpy, given the name that is wanted ("" for the faster one).

    Raises:
        InputError: there is no kernel of that name, or the native one was not built.
    """
    if wanted not in ("", "native", "numpy"):
        raise InputError(f"{VARIABLE}={wanted} is not a kernel. Give native or numpy.")
    if wanted == "numpy":
        return None
    try:
        from . import _kernel  # noqa: PLC0415 - it is optional
    except ImportError as error:
        if wanted:
            raise InputError(
                f"{VARIABLE}=native: the native kernel was not built ({error}). Install a C compiler, then "
                "token-approx again, or give numpy."
            ) from error
        return None
    return _kernel


native = chosen(os.environ.get(VARIABLE, ""))


def name() -> str:
    """Return the name of the kernel that is in use: `native` or `numpy`."""
    return "numpy" if native is None else "native"
