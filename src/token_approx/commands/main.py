"""The `token-approx` command."""

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        # Not at the top: most of the time is spent on this import, and an interrupt may come then, too.
        from token_approx.commands.run import run  # noqa: PLC0415

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
