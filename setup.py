"""What pyproject.toml cannot say: the optional native kernel, and conf/ in the wheel."""

import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

# There is no limited API without the GIL: such a Python is served by numpy.
WITH_GIL = not sysconfig.get_config_var("Py_GIL_DISABLED")
# Not in the checkout, where a later build would take up modules that are gone since.
BUILD = tempfile.TemporaryDirectory()


class WithConfiguration(build_py):
    """Brings conf/ along as token_approx/conf; an installation in place reads the checkout's own."""

    def run(self) -> None:
        """Build the package, then copy the configuration into it."""
        super().run()
        if not self.editable_mode:
            self.copy_tree("conf", str(Path(self.build_lib, "token_approx/conf")))


setup(
    cmdclass={"build_py": WithConfiguration},
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
