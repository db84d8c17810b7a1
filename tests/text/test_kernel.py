"""The native kernel: the same integers as numpy, no error of memory, and what serves where it is not."""

import os
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT, native_kernel
from tests.ctok_python import PYTHON as NEWER_PYTHON
from tests.text import kernel_corpus
from tests.text.made_tables import TABLES, TEXTS, mixed_bytes, oracle_costs
from token_approx.errors import InputError
from token_approx.text import kernel
from token_approx.text.counts import count, encode
from token_approx.text.measuring import Meter

SOURCE = ROOT / "src/token_approx"
# Every object gets memory of its own, so that a byte past its end is found; what CPython keeps is no leak.
SANITIZED = {"PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0", "TOKEN_APPROX_KERNEL": "native"}
SANITIZE = "-fsanitize=address,undefined -fno-sanitize-recover=all"
BITMAPS = st.none() | st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).bytes(8192))


@pytest.mark.usefixtures("each_kernel")
@settings(deadline=None)  # a plan is made for each example
@given(text=TEXTS, name=st.sampled_from(sorted(TABLES)), pairs=BITMAPS, threes=BITMAPS)
def test_a_measure_is_the_definition_s(
    text: str | bytes, name: str, pairs: bytes | None, threes: bytes | None
) -> None:
    """Counts, cost and the places of unseen n-grams are, in one pass, what a scan in Python finds."""
    table = TABLES[name]
    data = encode(text) if isinstance(text, str) else text
    folded = (b"\n\n\n" + data).translate(table.fold_table)
    unseen = [0, 0]
    for end in range(4, len(folded) + 1):
        pair = int.from_bytes(folded[end - 2 : end], "big")
        hashed = int.from_bytes(folded[end - 3 : end], "big") * table.multiplier % 2**32 >> 16
        for place, (bitmap, bit) in enumerate(((pairs, pair), (threes, hashed))):
            unseen[place] += bitmap is not None and not bitmap[bit // 8] >> bit % 8 & 1
    counts = count(text)
    expected = (
        counts.bytes,
        counts.runes,
        counts.words,
        counts.lines,
        sum(oracle_costs(table, text)),
        *unseen,
    )
    meter = Meter(table, pairs, threes)
    assert meter.measure(text) == expected
    many = meter.measure_many([text, b"", text])
    rows = [*many.counts.values(), *many[1:]]
    assert [row[0] for row in rows] == [row[2] for row in rows] == list(expected)
    assert [row[1] for row in rows] == [0] * 7


def test_kernels_agree_on_the_corpus() -> None:
    """On random tables, bitmaps and texts, broken ones of all lengths too, the results are equal."""
    native_kernel()
    assert kernel_corpus.compare(150) > 1000


def test_kernels_agree_on_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand of each odd piece, and a text of several blocks, have equal measures in both kernels."""
    meters = [Meter(table, mixed_bytes(8192), mixed_bytes(16384)) for table in TABLES.values()]
    texts = [piece * 10_000 for piece in kernel_corpus.PIECES] + [mixed_bytes(100_000)]
    measured = []
    for native in (native_kernel(), None):
        monkeypatch.setattr(kernel, "native", native)
        measured.append([meter.measure(text) for meter in meters for text in texts])
    assert measured[0] == measured[1]


def test_threads_measure_at_once() -> None:
    """Threads that measure texts, lists of texts and cumulative costs at once get what one thread gets."""
    native_kernel()
    meter = Meter(TABLES["all orders"], mixed_bytes(8192), mixed_bytes(8192))
    texts = [mixed_bytes(100_000 + size) for size in range(16)]

    def all_of(place: int) -> list[object]:
        text = texts[place]
        sums = meter.table.cumulative(text).tolist()
        many = meter.measure_many([text[start:] for start in range(0, len(text), 10_000)])
        return [meter.measure(text), meter.table.score(text), sums[-1], [row.tolist() for row in many[1:]]]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(all_of, range(16))) == [all_of(place) for place in range(16)]


def runs_meanwhile(call: Callable[[], object]) -> bool:
    """Return whether this thread runs before a call has ended that another thread makes."""
    started, ended = threading.Event(), threading.Event()

    def run() -> None:
        started.set()
        call()
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    meanwhile = not ended.is_set()
    thread.join()
    return meanwhile


def test_other_threads_run_while_a_large_text_is_read() -> None:
    """While the kernel reads large texts the GIL is free; while Python computes it is not."""
    native_kernel()
    meter = Meter(TABLES["all orders"])
    text = mixed_bytes(1_000_000) * 20
    interval = sys.getswitchinterval()
    # Nobody is asked to give the GIL up: another thread runs only where a call does so by itself.
    sys.setswitchinterval(1000)
    try:
        for call in (
            lambda: meter.table.score(text),
            lambda: meter.measure(text),
            lambda: meter.measure_many([text[:20_000]] * 1000),
            lambda: meter.table.cumulative(text),
        ):
            # On a busy machine this thread may wake up too late.
            assert any(runs_meanwhile(call) for _ in range(10))
        assert not runs_meanwhile(lambda: sum(range(3_000_000)))
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("K.Plan((), 1, b'')", "fold: has 0 bytes, not 256"),
        ("K.Plan(((5, 1, W),), 1, FOLD)", "order 5, bits 1: out of range"),
        ("K.Plan(((3, 19, W),), 1, FOLD)", "order 3, bits 19: out of range"),
        ("K.Plan(((3, 2, W),), 1, FOLD)", "weights: has 4 bytes, not 8"),
        ("K.Plan(((3,),), 1, FOLD)", "takes exactly 3 arguments"),
        ("K.Plan((), 1, FOLD, b'x')", "seen_pairs: has 1 bytes, not 8192"),
        ("K.Plan((), 1, FOLD, None, b'xyz')", "seen_threes: has 3 bytes"),
        ("K.Plan((), 1, FOLD, None, bytes(2**16))", "seen_threes: has 65536 bytes"),
        ("K.Plan([], 1, FOLD)", "must be tuple"),
        ("K.Plan((), 1, FOLD).score('a')", "score takes 2 arguments, not 1"),
        ("K.Plan((), 1, FOLD).score('a', None)", "a text is a str or bytes, not NoneType"),
        ("K.Plan((), 1, FOLD).cumulative('ab', b'', bytearray(15))", "sums: has 15 bytes, not 16"),
        ("K.Plan((), 1, FOLD).cumulative('ab', b'', bytes(16))", "not writable"),
        ("K.measure('plan', 'a')", "plan: is neither a Plan nor None"),
        ("K.measure(None, 7)", "a text is a str or bytes, not int"),
        ("K.measure_many(None, ('a',), None, None, None)", "bad argument"),
        ("K.measure_many(None, ['a'], None, None, None)", "counts are not asked for"),
        ("K.measure_many(None, ['a', 7], None, bytearray(64), None)", "not int"),
        ("K.measure_many(None, ['a'], None, bytearray(8), None)", "counts: has 8 bytes, not 32"),
        (
            "K.measure_many(None, ['a'], bytearray(8), bytearray(32), bytearray(8))",
            "unseen: has 8 bytes, not 16",
        ),
        ("K.count_prefixes(b'abc', 0, 2, 1, b'')", "are not ascending places"),
        ("K.count_prefixes(b'abc', 0, 0, 4, b'')", "are not ascending places"),
        ("K.count_prefixes(b'abc', 0, 0, 1, bytearray(31))", "counts: has 31 bytes, not 32"),
        ("K.count_prefixes(b'abc', 'x', 0, 1, b'')", "integer"),
    ],
)
def test_wrong_arguments_are_refused(call: str, error: str) -> None:
    """What does not fit what the C code would read or write is an exception, and no memory is touched."""
    names = {"K": native_kernel(), "FOLD": bytes(256), "W": np.zeros(2, np.int16)}
    with pytest.raises((ValueError, TypeError, SystemError, BufferError), match=error):
        eval(call, names)  # noqa: S307 - the calls above


@pytest.fixture
def numpy_alone(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package as it is installed where there is no compiler."""
    shutil.copytree(SOURCE, tmp_path / "token_approx", ignore=shutil.ignore_patterns("*.so", "*.pyd"))
    return tmp_path


def run_python(code: str, folder: Path, **variables: str) -> str:
    """Run a program with the package in a folder, and return what it prints or the error that ends it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), **variables}
    ran = subprocess.run(
        [sys.executable, *code.split(" ", 2)] if code.startswith("-m") else [sys.executable, "-c", code],
        env=environment, cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ran.stdout.strip() if not ran.returncode else f"{ran.returncode}: {ran.stderr}"


def test_without_the_native_kernel_numpy_serves(numpy_alone: Path) -> None:
    """Where it was not built there is the same estimate, by numpy; who names it is told why it cannot be."""
    code = """
from token_approx import Estimator
from token_approx.text import kernel
print(kernel.name(), Estimator.for_model("o200k_base").estimate("How many tokens will this be?" * 9))
"""
    installed = run_python(code, SOURCE.parent, **{kernel.VARIABLE: "numpy"})
    assert installed.startswith("numpy ")
    assert run_python(code, numpy_alone, **{kernel.VARIABLE: ""}) == installed
    assert "native kernel was not built" in run_python(code, numpy_alone, **{kernel.VARIABLE: "native"})


def test_a_kernel_is_named() -> None:
    """The kernel `numpy` can be asked for, and an unknown one is refused with the names that there are."""
    assert kernel.chosen("numpy") is None
    with pytest.raises(InputError, match=r"TOKEN_APPROX_KERNEL=rust is not a kernel. Give native or numpy."):
        kernel.chosen("rust")


@pytest.mark.parametrize("python", sorted({sys.executable, NEWER_PYTHON}))
def test_the_same_file_serves_every_python(python: str, numpy_alone: Path) -> None:
    """Compiled by a newer Python, where None lives forever, the kernel does not use up this one's None."""
    if not shutil.which("gcc"):
        assert not os.environ.get("CI"), "install gcc"
        pytest.skip("there is no gcc")
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"]
    include = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    build(SOURCE / "text/_kernel.c", numpy_alone, include, checks="")
    code = """
import sys
from token_approx import Estimator
from token_approx.text import kernel
estimator = Estimator.for_model("o200k_base")
estimator.split("How many tokens? " * 99, 50)
before = sys.getrefcount(None)
for _ in range(500):
    estimator.estimate_many(["How many?"] * 3)
    estimator.split("How many tokens? " * 99, 50)
print(kernel.name(), abs(sys.getrefcount(None) - before) < 100)
"""
    found = run_python(code, numpy_alone, **{kernel.VARIABLE: "native"})
    assert found == "native True"


def sanitizer_library() -> str:
    """Return the path of gcc's AddressSanitizer; skip the test without one, and fail where CI is set."""
    path = ""
    if gcc := shutil.which("gcc"):
        asked = [gcc, "-print-file-name=libasan.so"]
        path = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    # Without a folder, gcc has found nothing of that name.
    if not Path(path).is_absolute():
        assert not os.environ.get("CI"), "gcc has no AddressSanitizer: install it"
        pytest.skip("gcc has no AddressSanitizer")
    return path


def build(
    source: Path, folder: Path, include: str = sysconfig.get_path("include"), checks: str = SANITIZE
) -> None:
    """Compile a kernel, with sanitizers, into the copy of the package in a folder; a warning is an error."""
    flags, target = (
        f"-shared -fPIC -g -O1 -Wall -Wextra -Werror {checks}",
        "token_approx/text/_kernel.abi3.so",
    )
    command = ["gcc", *flags.split(), f"-I{include}", str(source), "-o", str(folder / target)]
    subprocess.run(command, check=True)


def test_sanitizers_find_nothing(numpy_alone: Path) -> None:
    """Built with AddressSanitizer and UndefinedBehaviorSanitizer, the kernel is not stopped on the corpus."""
    library = sanitizer_library()
    build(SOURCE / "text/_kernel.c", numpy_alone)
    found = run_python("-m tests.text.kernel_corpus 60", numpy_alone, LD_PRELOAD=library, **SANITIZED)
    assert found.startswith("native "), found


def test_sanitizers_would_find_something(numpy_alone: Path) -> None:
    """A kernel that reads too far is stopped in the same set-up: silence above means something."""
    library = sanitizer_library()
    # One byte past a text is the 0 that ends every bytes object; the next one is nobody's.
    source = (SOURCE / "text/_kernel.c").read_text("utf-8")
    broken = source.replace("for (; place < size; place++) {", "for (; place < size + 2; place++) {")
    assert broken != source
    (numpy_alone / "broken.c").write_text(broken, "utf-8")
    build(numpy_alone / "broken.c", numpy_alone)
    code = """
from token_approx.text.ngrams import NgramTable
NgramTable.load("o200k_base").score(bytes(4097), b"")
"""
    found = run_python(code, numpy_alone, LD_PRELOAD=library, **SANITIZED)
    assert "AddressSanitizer" in found
