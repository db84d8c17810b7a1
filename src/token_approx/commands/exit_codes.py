"""Exit codes, one per meaning: 2 is for what exceeds a limit, so wrong usage, 2 elsewhere, is not."""

DONE = 0
FAILED = 1
EXCEEDS = 2
UNSURE = 3
USAGE = 64  # EX_USAGE of BSD's sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
