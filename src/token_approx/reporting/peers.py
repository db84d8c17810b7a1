"""What an estimate is compared with: rules of thumb, published ones, and exact tokenizers if installed."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator
from token_approx.text.counts import count
from token_approx.text.ngrams import NgramTable

Count = Callable[[str], float]
TARGET = "o200k_base"


# Rules that need a record's counts alone. Programs without a tokenizer take a token for 4 or 3.5 characters;
# the third is what petasbytes/token-approx published: least squares on 20 samples of Oliver Twist, of some
# 36,000 bytes each.
BASELINES: Mapping[str, Estimator] = {
    "chars/4": Estimator("any", 0.0, {"runes": 1 / 4}),
    "chars/3.5": Estimator("any", 0.0, {"runes": 1 / 3.5}),
    "published bytes+words": Estimator(
        "claude-3-7-sonnet-latest",
        -4001.201841273387,
        {"bytes": 0.5758117480861196, "words": -1.1822491809479783},
    ),
}


def runes_over_4(text: str) -> float:
    """Return the rule of thumb that most programs use: a token is four characters."""
    return len(text) / 4


def basic_counts() -> Count:
    """Return the four basic counts with weights of one: what computing them costs."""
    return lambda text: float(sum(asdict(count(text)).values()))


def ngram_table() -> Count:
    """Return the cost under the shipped table of o200k_base."""
    return NgramTable.load(TARGET).tokens


def tiktoken() -> Count:
    """Return tiktoken's o200k_base, from the vocabulary that bpe-openai carries.

    Raises:
        ImportError, InputError: tiktoken or the vocabulary is not there.
    """
    from token_approx.pretraining.tokenizers import openai_tokenizer  # noqa: PLC0415 - an extra

    encode = openai_tokenizer(TARGET).encode_ordinary
    return lambda text: len(encode(text))


def rs_bpe() -> Count:
    """Return rs-bpe's o200k_base.

    Raises:
        ImportError: rs-bpe is not installed.
    """
    from rs_bpe.bpe import openai  # noqa: PLC0415 - an extra

    counter: Count = openai.o200k_base().count
    return counter


def bpe_openai() -> Count:
    """Return bpe-openai's o200k_base.

    Raises:
        ImportError: bpe-openai is not installed.
    """
    import bpe_openai as package  # noqa: PLC0415 - an extra

    encode = package.get_encoding(TARGET).encode_ordinary
    return lambda text: len(encode(text))


PEERS: Mapping[str, Callable[[], Count]] = {
    "chars/4": lambda: runes_over_4,
    "basic counts": basic_counts,
    "n-gram table": ngram_table,
    "tiktoken": tiktoken,
    "rs-bpe": rs_bpe,
    "bpe-openai": bpe_openai,
}


def available(peers: Mapping[str, Callable[[], Count]] = PEERS) -> tuple[dict[str, Count], dict[str, str]]:
    """Return the peers that load, by name, and why each of the others does not."""
    loaded: dict[str, Count] = {}
    absent: dict[str, str] = {}
    for name, load in peers.items():
        try:
            loaded[name] = load()
        except (ImportError, InputError) as error:
            absent[name] = str(error)
    return loaded, absent
