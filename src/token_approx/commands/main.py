"""The `token-approx` command."""

import sys

from token_approx.errors import InputError


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        # Not at the top: most of the time is spent on this import, and an interrupt may come then, too.
        from token_approx.commands.run import run  # noqa: PLC0415

        return run()
    except InputError as error:  # of an import: a kernel that was asked for is not there
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130  # as exit_codes has it, whose import may be what was interrupted


if __name__ == "__main__":
    sys.exit(main())
