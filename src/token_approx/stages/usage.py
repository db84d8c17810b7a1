"""Usage -> records: what a provider counted for what was already asked, tracked in MLflow."""

import time
from collections import Counter as Tally
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from token_approx.errors import UsageError
from token_approx.files import check_writable, write_whole
from token_approx.labelling.usage import UsageReader
from token_approx.lifecycle import tracking
from token_approx.lifecycle.labelling_run import log_usage
from token_approx.stages import console
from token_approx.stages.command_line import run_stage

# Where logs are may say whose they are.
NOT_LOGGED = {"path": "not logged"}


def usage(config: DictConfig) -> None:
    """Read the usage that the configuration names."""
    reader: UsageReader = instantiate(config.reader, _convert_="all")
    chosen = HydraConfig.get().runtime.choices["reader"]
    out = Path(str(config.out or reader.out))
    if out.suffix != Path(reader.out).suffix:
        raise UsageError(
            f"out={out} does not fit what reader={chosen} writes. Give a name such as {reader.out}."
        )
    check_writable([out])
    left_out: Tally[str] = Tally()
    with tracking.parent_run(config.experiment, f"usage · {chosen}") as run:
        logged = OmegaConf.to_yaml(OmegaConf.merge(config, NOT_LOGGED))
        tracking.log_configuration(run, {"reader": chosen, "out": out.name}, logged)
        started = time.perf_counter()
        found = None
        try:
            with console.progress(chosen) as advance:
                found = reader.read(left_out, advance)
        finally:
            log_usage(run, found, left_out, time.perf_counter() - started)
        write_whole(out, found.content)
    described = found.described
    lines = {
        "records": f"{len(described)} in {console.place(out)}, of {described['source'].nunique()} sessions"
    }
    kinds = described.groupby(["model", "category"], as_index=False).size().itertuples(index=False)
    lines |= {"kinds": ", ".join(f"{number} {kind} of {model}" for model, kind, number in kinds)}
    if left_out:
        reasons = ", ".join(f"{number} {reason}" for reason, number in left_out.most_common())
        lines["left out"] = f"{left_out.total()} ({reasons})"
    console.print_lines(lines)


def main() -> None:
    """Run the stage from the command line."""
    run_stage("usage", usage)


if __name__ == "__main__":
    main()
