"""Features of texts whose tokens are counted already -> records without the texts."""

from hydra.utils import instantiate
from omegaconf import DictConfig

from token_approx.stages.command_line import run_stage


def measure(config: DictConfig) -> None:
    """Measure what the configuration names and say what was written."""
    print(instantiate(config.what, _convert_="all"))  # noqa: T201 - the stage's result


def main() -> None:
    """Run the stage from the command line."""
    run_stage("measure", measure)


if __name__ == "__main__":
    main()
