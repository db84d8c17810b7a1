"""What .gitignore files leave out of a folder, decided entry by entry on the way down, as git does.

Not by `git ls-files`: it speaks of repositories alone, and of those whose owner it trusts; a folder would
then hold other files where git is missing, too old or wary. Patterns are pathspec's.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pathspec import RegexPattern
from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

IGNORE_FILE = ".gitignore"
GIT = ".git"
OnError = Callable[[OSError], None]


@dataclass(frozen=True)
class IgnoreRules:
    """One .gitignore file: its patterns hold for what is below its folder."""

    folder: Path
    for_files: list[RegexPattern]
    for_folders: list[RegexPattern]

    def verdict(self, path: Path, *, is_folder: bool) -> bool | None:
        """Return whether a path is ignored (True), called back by a ! (False), or not spoken of (None)."""
        below = path.relative_to(self.folder).as_posix()
        for pattern in reversed(self.for_folders if is_folder else self.for_files):
            found = pattern.match_file(below)
            # What a pattern captures is the slash behind a folder. Then it spoke of that folder, on the way.
            if found and not any(found.match.groupdict().values()):
                return pattern.include
        return None


def walk(root: str, on_error: OnError) -> Iterator[str]:
    """Yield the regular files below a folder, by name, without links and without what is ignored.

    Patterns are git's but for classes such as [[:alpha:]], which pathspec does not know.

    The .gitignore files above it count too, up to the folder with the repository, unless they leave out the
    folder itself. What cannot be listed or read is passed to `on_error`, and the walk goes on.
    """
    real = Path(root).resolve()
    pending = [(root, real, _rules_above(real, on_error))]
    while pending:
        shown, real, rules = pending.pop()
        try:
            with os.scandir(shown) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            on_error(error)
            continue
        if any(entry.name == IGNORE_FILE for entry in entries):
            rules = [*rules, *_rules_in(real, on_error)]
        folders = []
        for entry in entries:
            path, is_folder = real / entry.name, entry.is_dir(follow_symlinks=False)
            if entry.name == GIT or not (is_folder or entry.is_file(follow_symlinks=False)):
                continue
            if _is_ignored(path, rules, is_folder=is_folder):
                continue
            if is_folder:
                folders.append((entry.path, path, rules))
            else:
                yield entry.path
        pending += reversed(folders)


def _is_ignored(path: Path, rules: list[IgnoreRules], *, is_folder: bool) -> bool:
    # The deepest file that speaks of the path decides.
    verdicts = (rule.verdict(path, is_folder=is_folder) for rule in reversed(rules))
    return next((verdict for verdict in verdicts if verdict is not None), False)


def _rules_above(root: Path, on_error: OnError) -> list[IgnoreRules]:
    above: list[Path] = []
    for folder in root.parents:
        above.append(folder)
        if (folder / GIT).exists():
            break
    else:
        return []
    if (root / GIT).exists():
        return []
    rules: list[IgnoreRules] = []
    for folder, below in pairwise([*reversed(above), root]):
        rules += _rules_in(folder, on_error)
        if _is_ignored(below, rules, is_folder=True):
            return []
    return rules


def _rules_in(folder: Path, on_error: OnError) -> list[IgnoreRules]:
    path = folder / IGNORE_FILE
    try:
        text = os.fsdecode(path.read_bytes()) if path.is_file() else ""
    except OSError as error:
        on_error(error)
        return []
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    # Whether an entry is a folder is known here, so that no pattern need match a folder by what is below it.
    for_files = [line for line in lines if not _of_folders(line)]
    for_folders = [line.rstrip().removesuffix("/") if _of_folders(line) else line for line in lines]
    return [IgnoreRules(folder, _patterns(for_files), _patterns(for_folders))]


def _of_folders(line: str) -> bool:
    return line.rstrip().endswith("/")


def _patterns(lines: list[str]) -> list[RegexPattern]:
    patterns = []
    for line in lines:
        # git passes over what is not a pattern, too, and some of its classes are unknown to Python.
        with suppress(GitIgnorePatternError), warnings.catch_warnings(action="ignore"):
            patterns.append(GitIgnoreSpecPattern(line))
    return [pattern for pattern in patterns if pattern.include is not None]
