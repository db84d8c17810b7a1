"""The optional native kernel: what pyproject.toml cannot say of it."""

import sys

from setuptools import Extension, setup

# Loops over bytes become vector instructions at -O3 alone, in some compilers.
FLAGS = [] if sys.platform == "win32" else ["-O3", "-std=c11"]

setup(
    ext_modules=[
        Extension(
            "token_approx.text._kernel",
            ["src/token_approx/text/_kernel.c"],
            extra_compile_args=FLAGS,
            py_limited_api=True,
            # Where there is no compiler, the package is installed without it.
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
