"""The optional native kernel: what pyproject.toml cannot say of it."""

import sys
import sysconfig
import tempfile

from setuptools import Extension, setup

# There is no limited API without the GIL: such a Python is served by numpy.
WITH_GIL = not sysconfig.get_config_var("Py_GIL_DISABLED")
# Not in the checkout, where a later build would take up modules that are gone since.
BUILD = tempfile.TemporaryDirectory()

setup(
    ext_modules=[
        Extension(
            "token_approx.text._kernel",
            ["src/token_approx/text/_kernel.c"],
            # Loops over bytes become vector instructions at -O3 alone, in some compilers.
            extra_compile_args=[] if sys.platform == "win32" else ["-O3"],
            py_limited_api=True,
            # Where it cannot be compiled, the package is installed without it.
            optional=True,
        )
    ]
    if WITH_GIL
    else [],
    options={"build": {"build_base": BUILD.name}}
    | ({"bdist_wheel": {"py_limited_api": "cp311"}} if WITH_GIL else {}),
)
