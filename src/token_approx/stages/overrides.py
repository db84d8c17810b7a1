"""The arguments of a stage, as a person or MLproject gives them, checked by name and in Hydra's grammar."""

import difflib
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from token_approx.errors import UsageError

# A stage runs where it is started, writes its own files there and says itself what it has to say.
HYDRA = (
    *("hydra/job_logging=none", "hydra/hydra_logging=none", "hydra.output_subdir=null"),
    *("hydra.run.dir=.", "hydra.sweep.dir=.", "hydra.sweep.subdir=."),
)
MULTIRUN = {"-m", "--multirun"}
QUOTES = ("'", '"')


def expand(conf: Path, config_name: str, arguments: Iterable[str]) -> list[str]:
    """Return Hydra's arguments for those of a stage with the configuration `config_name` of `conf`.

    `overrides='a=1 b=2'` becomes its parts. A value whose default is text is text, whatever it looks like;
    where the default is a list, or a group is given several options, commas make a list, unless a multirun
    sweeps over them; any other value that Hydra's grammar does not read is text too.

    Raises:
        UsageError: an argument is not name=value, or names what the configuration does not have.
    """
    flags, overrides = _sorted(list(_unbundled(arguments)))
    sweep = bool(MULTIRUN & set(flags))
    groups = [override for override in overrides if (conf / override.partition("=")[0]).is_dir()]
    chosen = [_options(conf, override, sweep=sweep) for override in groups]
    with initialize_config_dir(str(conf), version_base="1.3"):
        valid = compose(config_name, [first for first, _ in chosen])
    for flag in flags:
        if flag.startswith("-") and flag.partition("=")[0] not in _hydra_flags():
            name = flag.partition("=")[0].lstrip("-")
            raise UsageError(unknown(f"parameter {name}", name, _keys(valid)))
    others = (override for override in overrides if override not in groups)
    written = [_written(override, valid, sweep=sweep) for override in others]
    return [*flags, *HYDRA, *(override for _, override in chosen), *written]


def unknown(given: str, name: str, valid: Sequence[str], parent: str = "") -> str:
    """Return the message about a name that is none of the valid ones, with the nearest of them."""
    near = difflib.get_close_matches(name, valid, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    where = f" in {parent}" if parent else ""
    return f"unknown {given}{hint}. Valid names{where}: {', '.join(valid)}."


def _unbundled(arguments: Iterable[str]) -> Iterator[str]:
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name != "overrides":
            yield argument
            continue
        try:
            parts = shlex.split(value)
        except ValueError:
            raise UsageError(
                f"overrides={value}: a quote is opened and not closed. Write overrides=\"name='a value'\""
            ) from None
        for part in parts:
            if "=" not in part and not part.startswith(("~", "-")):
                raise UsageError(
                    f"overrides={value}: {part!r} is not name=value. Write overrides='seed=1 workers=2'."
                )
        yield from _unbundled(parts)


def _sorted(arguments: list[str]) -> tuple[list[str], list[str]]:
    # Flags with their values, which Hydra reads before the overrides alone; and the overrides.
    flags: list[str] = []
    overrides: list[str] = []
    takes_value = False
    for argument in arguments:
        name = argument.partition("=")[0]
        if argument.startswith("-") or (takes_value and "=" not in argument):
            flags.append(argument)
        elif "=" in argument or argument.startswith("~"):
            overrides.append(argument)
        else:
            raise UsageError(f"{argument} is not name=value. Write, for example, seed=1.")
        known = _hydra_flags()
        # What `mlflow run` does not know either, it passes on as `--name value`.
        takes_value = argument.startswith("-") and known.get(name, True)
    return flags, overrides


def _hydra_flags() -> dict[str, bool]:
    # Each with whether it takes a value.
    actions = get_args_parser()._option_string_actions  # noqa: SLF001 - there is no public list
    return {name: action.nargs != 0 for name, action in actions.items()}


def _options(conf: Path, override: str, *, sweep: bool) -> tuple[str, str]:
    # What to compose with, to see which names there are, and the override in Hydra's grammar.
    group, _, value = override.partition("=")
    names = [name.strip() for name in value.strip("[]").split(",")]
    valid = sorted(path.stem for path in (conf / group).glob("*.yaml"))
    for name in names:
        if name not in valid:
            raise UsageError(unknown(f"{group}={name}", name, valid))
    if value.startswith("[") or len(names) == 1:
        return override, override
    return (f"{group}={names[0]}", override) if sweep else (f"{group}=[{value}]",) * 2


def _written(override: str, valid: DictConfig, *, sweep: bool) -> str:
    name, equals, value = override.partition("=")
    added = name.startswith(("+", "~")) or name.split(".")[0] == "hydra"
    default = None if added else _default(name, valid)
    if isinstance(default, ListConfig) and not value.startswith("["):
        return f"{name}=[{','.join(_quoted(each) for each in value.split(',') if each)}]"
    try:
        read = OverridesParser.create().parse_override(override).value()
    except HydraException:
        return f"{name}={_quoted(value)}"
    if sweep or isinstance(read, list | dict) or not equals or value.startswith(QUOTES):
        return override
    if isinstance(default, str) or isinstance(read, ChoiceSweep):
        return f"{name}={_quoted(value)}"
    return override


def _default(name: str, valid: DictConfig) -> Any:  # noqa: ANN401 - whatever the configuration holds
    node: Any = valid
    parts = name.split(".")
    for depth, part in enumerate(parts):
        keys = _keys(node)
        if part not in keys:
            raise UsageError(unknown(name, part, keys, ".".join(parts[:depth])))
        try:
            node = OmegaConf.select(node, part)
        except OmegaConfBaseException:  # it refers to a value that has to be given
            node = None
    return node


def _keys(node: Any) -> list[str]:  # noqa: ANN401 - whatever the configuration holds
    if isinstance(node, DictConfig):
        return sorted(str(key) for key in node if not str(key).startswith("_"))
    return [str(index) for index in range(len(node))] if isinstance(node, ListConfig) else []


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
