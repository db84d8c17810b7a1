"""The examples, built and run as their README says, agree with golden vectors, and notice what differs."""

import base64
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from token_approx.estimator.estimator import Estimator
from token_approx.lifecycle.contract import sha256
from token_approx.lifecycle.golden import FILE, golden_vectors, write_golden_vectors
from token_approx.lifecycle.golden_texts import GoldenText, golden_texts
from token_approx.text.features import known_table

EXAMPLES = ROOT / "examples"
PROGRAMS = {
    "go": ["build/go_example"],
    "c": ["build/c_example"],
    "javascript": ["node", "examples/javascript/token_approx.mjs"],
}
TOOLS = {"go": "go", "c": "gcc", "javascript": "node"}
BASH = shutil.which("bash") or "bash"
EXPORTS = sorted(ROOT.glob("output/**/model_coefs.json"))
# Both ways to fold, weights of both signs, an intercept, all size classes, a level that no export has, fields
# that no reader knows, and strings that look like fields.
ALL_FEATURES: dict[str, Any] = {
    "schema_version": 2,
    "model": 'tricky "w0": 1, {braces] \\ and é',
    "counts_of": "\\",
    "feature_set": ["words", "ngram_claude_3", "bytes", "ngram_o200k_base", "lines", "runes"],
    "w0": -3.7000000000000006,
    "w_words": 0.1,
    "w_ngram_claude_3": 0.7123456789012345,
    "w_bytes": -1e-05,
    "w_ngram_o200k_base": 0.30000000000000004,
    "w_lines": 1.1,
    "w_runes": 0.0033333333333333335,
    "upper_bound": [
        {"confidence": level, "factor": factor, "offset": offset, "from": start, "to": end}
        for level in (0.5, 0.95, 0.995)
        for factor, offset, start, end in (
            (1.0, level, 0, 1),
            (1 + level / 3, 0.1, 1.0, 20),
            (1 + level / 7, 1.7, 20, 200),
            (1 + level / 13, 0, 200, None),
        )
    ],
    "lower_bound": [
        {"confidence": 0.95, "factor": 0.9, "offset": -0.30000000000000004, "from": 0, "to": 33.3},
        {"confidence": 0.95, "factor": 0.97, "offset": 0.1, "from": 33.3, "to": None},
    ],
    "byte_bound": {"factor": 1.3, "offset": 7, "reason": "}"},
    "domain": {
        "rare_o200k_base/ngram_o200k_base": [0.0, 0.15],
        "bytes": [1, 1000],
        "bytes/words": [2.28, 60],
        "words/ngram_claude_3": [0.01, 3.3],
        "ngram_o200k_base": [1.2, 1e9],
        "emoji": [5, 5],
        "bytes/emoji": [5, 5],
    },
    "provenance": {"w0": 5, "note": ["}", {"upper_bound": []}]},
}


def run(
    language: str, folder: Path, *arguments: Path, text: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a language's example in the folder in which it was built."""
    return subprocess.run(
        [*PROGRAMS[language], *arguments], cwd=folder, input=text, capture_output=True, check=False
    )


@pytest.fixture(scope="session")
def readme_commands() -> list[str]:
    """Return the commands of the examples' README."""
    return re.findall(r"^    (.*)$", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="session")
def built(readme_commands: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the README's builds in it; where a compiler is missing, CI fails, others skip."""
    folder = tmp_path_factory.mktemp("examples")
    for name in ("examples", "output", "src", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    missing = [tool for tool in TOOLS.values() if not shutil.which(tool)]
    if missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"not installed: {', '.join(missing)}")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"GOPROXY": "off", "GOTOOLCHAIN": "local", "PATH": path}
    for command in readme_commands:
        if command.startswith(("mkdir", "token-approx", "cp", "go build", "gcc")):
            subprocess.run([BASH, "-c", command], cwd=folder, env=environment, check=True)
    return folder


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Write an export on all basic counts and two tables, and a dozen golden vectors; return its path."""
    tables = {}
    for name in ("claude_3", "o200k_base"):
        digest = known_table(name).save(tmp_path / f"{name}.json")
        tables[f"ngram_{name}"] = {"file": f"{name}.json", "sha256": digest}
    path = tmp_path / "model_coefs.json"
    path.write_text(json.dumps(ALL_FEATURES | {"tables": tables}))
    chosen = [golden for golden in golden_texts() if golden.times == 1][::9]
    path.with_name(FILE).write_text(json.dumps(golden_vectors(Estimator.load(path), chosen)))
    return path


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    """Change the content of a JSON file in place."""
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def test_the_readme_s_commands(readme_commands: list[str], built: Path) -> None:
    """The README's commands, word for word, print that all vectors agree, or the estimator's own numbers."""
    model = built / "build/model"
    vectors = len(json.loads((model / FILE).read_bytes())["vectors"])
    estimator, text = Estimator.load(model), (ROOT / "README.md").read_bytes()
    said = f"{estimator.estimate(text)} {estimator.upper_bound(text)}"
    runs = [command for command in readme_commands if "build/model/model_coefs.json" in command]
    assert len(runs) == 6
    for command in runs:
        printed = subprocess.run([BASH, "-c", command], cwd=built, capture_output=True, text=True, check=True)
        assert printed.stdout.strip() == (said if "<" in command else f"{vectors} vectors agree"), command


@pytest.mark.parametrize("coefs", EXPORTS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("language", PROGRAMS)
def test_every_committed_export(language: str, coefs: Path, built: Path, tmp_path: Path) -> None:
    """Each committed export's vectors agree in each language, with the shipped tables that it names."""
    shutil.copy(coefs, tmp_path)
    for entry in json.loads(coefs.read_bytes())["tables"].values():
        (tmp_path / entry["file"]).write_bytes(known_table(Path(entry["file"]).stem).json())
    done = run(language, built, tmp_path / coefs.name, coefs.with_name(FILE))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) == len(golden_texts())


@pytest.mark.parametrize("language", PROGRAMS)
def test_all_features_together(language: str, built: Path, export: Path) -> None:
    """A model on four counts and two tables, with an intercept, four size classes and ratios, agrees."""
    write_golden_vectors(export)
    done = run(language, built, export, export.with_name(FILE))
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) == len(golden_texts())


@pytest.mark.parametrize("language", PROGRAMS)
def test_random_bytes(language: str, built: Path, export: Path) -> None:
    """Five hundred texts made of whole and broken sequences of UTF-8 agree: words are where bytes matter."""
    draw = random.Random(7)  # noqa: S311 - no secret
    pieces = [
        piece.encode("utf-8", "surrogatepass")
        for piece in "\t\n \x1c\x85\xa0\u1680\u2003\u2029\u205f\u3000\ud800é7a\0"
    ]
    pieces += [piece[:size] for piece in pieces for size in (1, 2)] + [b"\x85", b"\x80", b"\xff", b"\xc0\xa0"]
    texts = [
        GoldenText(f"random {n}", b"".join(draw.choices(pieces, k=n % 40)), 1 + n % 3) for n in range(500)
    ]
    export.with_name(FILE).write_text(json.dumps(golden_vectors(Estimator.load(export), texts)))
    done = run(language, built, export, export.with_name(FILE))
    assert (done.returncode, done.stdout) == (0, b"500 vectors agree\n"), done.stderr


@pytest.mark.parametrize("layout", ["compact", "indented", "reversed"])
@pytest.mark.parametrize("language", PROGRAMS)
def test_order_and_spacing_of_the_fields(language: str, layout: str, built: Path, export: Path) -> None:
    """The files may be written in any order and spacing: a reader goes by names, at every depth."""

    def reverse(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, dict):
            return {name: reverse(value[name]) for name in reversed(value)}
        return [reverse(part) for part in value] if isinstance(value, list) else value

    def lay_out(path: Path) -> None:
        content = json.loads(path.read_bytes())
        if layout == "compact":
            path.write_text(json.dumps(content, separators=(",", ":")))
        elif layout == "indented":
            path.write_text("\r\n " + json.dumps(content, indent="\t", separators=(" ,\r\n", " : ")) + "\n")
        else:
            path.write_text(json.dumps(reverse(content)))

    for name in ("claude_3", "o200k_base"):
        lay_out(export.with_name(f"{name}.json"))
    rewrite(export, lambda content: seal(content, export.parent))
    lay_out(export)
    lay_out(export.with_name(FILE))
    done = run(language, built, export, export.with_name(FILE))
    assert done.returncode == 0, done.stderr


def seal(content: dict[str, Any], folder: Path) -> None:
    """Give each table of an export the SHA-256 that its file has now."""
    for entry in content["tables"].values():
        entry["sha256"] = sha256(folder / entry["file"])


def one_more(place: str) -> Callable[[Any], object]:
    """Return a change of a golden vector: a number, or a number in an object, is one more."""

    def change(content: Any) -> None:  # noqa: ANN401 - JSON
        holder, *rest = content["vectors"][3], *place.split(".", 1)
        if len(rest) == 2:
            holder = holder[rest[0]]
        holder[rest[-1]] += 1

    return change


def last_bit(content: Any, name: str) -> None:  # noqa: ANN401 - JSON
    """Change a number by its last bit."""
    content[name] = math.nextafter(content[name], math.inf)


NUMBERS = [
    *("features.bytes", "features.runes", "features.words", "features.lines", "features.ngram_o200k_base"),
    *("features.rare_o200k_base", "byte_bound"),
    *("estimate", "times", "upper_bound.0.5", "upper_bound.0.995", "lower_bound.0.95"),
]
GOLDEN_CHANGES: dict[str, Callable[[Any], object]] = {
    **{name: one_more(name) for name in NUMBERS},
    "linear_sum": lambda content: last_bit(content["vectors"][3], "linear_sum"),
    "in_domain": lambda content: content["vectors"][3].update(
        in_domain=not content["vectors"][3]["in_domain"]
    ),
    "text": lambda content: content["vectors"][3].update(text_base64=base64.b64encode(b"another").decode()),
}
MODEL_CHANGES: dict[str, Callable[[Any], object]] = {
    "w0": lambda content: last_bit(content, "w0"),
    "weight": lambda content: last_bit(content, "w_ngram_claude_3"),
    "order of the terms": lambda content: content["feature_set"].reverse(),
    "factor": lambda content: content["upper_bound"][2].update(factor=1.9),
    "offset": lambda content: content["lower_bound"][0].update(offset=5),
    "size class": lambda content: content["upper_bound"][1].update(to=3),
    "domain": lambda content: content["domain"].update({"bytes/words": [1000, 2000]}),
    "byte bound": lambda content: content["byte_bound"].update(factor=1.4),
    "no byte bound": lambda content: content.update(byte_bound=None),
}


@pytest.mark.parametrize("changed", GOLDEN_CHANGES)
@pytest.mark.parametrize("language", PROGRAMS)
def test_another_vector_is_noticed(language: str, changed: str, built: Path, export: Path) -> None:
    """Any value of a golden vector that is another makes the program name that vector and fail."""
    golden = export.with_name(FILE)
    rewrite(golden, GOLDEN_CHANGES[changed])
    done = run(language, built, export, golden)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"differs: {json.loads(golden.read_bytes())['vectors'][3]['name']}\n".encode()
    )


@pytest.mark.parametrize("changed", MODEL_CHANGES)
@pytest.mark.parametrize("language", PROGRAMS)
def test_another_model_is_noticed(language: str, changed: str, built: Path, export: Path) -> None:
    """Coefficients, bounds and domain matter to the last bit, and so does the order of the terms."""
    rewrite(export, MODEL_CHANGES[changed])
    done = run(language, built, export, export.with_name(FILE))
    assert done.returncode == 1
    assert b"differs: " in done.stderr


@pytest.mark.parametrize("language", PROGRAMS)
def test_another_table_is_noticed(language: str, built: Path, export: Path) -> None:
    """A table with other weights is refused by its SHA-256 (not in C), and told by the vectors else."""
    path = export.with_name("o200k_base.json")

    def change(content: Any) -> None:  # noqa: ANN401 - JSON
        weights = bytearray(base64.b64decode(content["tables"][0]["weights"]))
        content["tables"][0]["weights"] = base64.b64encode(bytes(byte ^ 1 for byte in weights)).decode()

    rewrite(path, change)
    done = run(language, built, export, export.with_name(FILE))
    assert done.returncode == 1
    assert (b"o200k_base.json: not the model's table" in done.stderr) == (language != "c")
    rewrite(export, lambda content: seal(content, export.parent))
    done = run(language, built, export, export.with_name(FILE))
    assert done.returncode == 1
    assert b"differs: " in done.stderr


@pytest.mark.parametrize("language", PROGRAMS)
def test_nothing_compared_is_a_failure(language: str, built: Path, export: Path) -> None:
    """A file without vectors does not pass, nor does one that is not there."""
    rewrite(export.with_name(FILE), lambda content: content["vectors"].clear())
    assert run(language, built, export, export.with_name(FILE)).returncode == 1
    assert run(language, built, export, export.with_name("none.json")).returncode == 1


def test_javascript_compares_strings(built: Path, export: Path) -> None:
    """A vector whose string is not what its bytes say is noticed: lone surrogates go through a string."""
    lone = GoldenText("lone", "\ud83d \ude00\ud83d \U0001f600")
    export.with_name(FILE).write_text(json.dumps(golden_vectors(Estimator.load(export), [lone])))
    assert run("javascript", built, export, export.with_name(FILE)).returncode == 0
    rewrite(
        export.with_name(FILE),
        lambda content: content["vectors"][0].update(text="\ufffd \ufffd\ufffd \U0001f600"),
    )
    assert run("javascript", built, export, export.with_name(FILE)).returncode == 1


@pytest.mark.usefixtures("built")
def test_the_javascript_module_takes_strings(export: Path) -> None:
    """Imported, it estimates a string with a lone surrogate as the estimator does, in silence."""
    module, text = EXAMPLES / "javascript/token_approx.mjs", "half \ud83d\n" * 50
    script = f"import {{ load }} from {json.dumps(str(module))};"
    script += f"console.log(load({json.dumps(str(export))})({json.dumps(text)}).linear_sum)"
    command = [shutil.which("node") or "node", "--input-type=module", "-e", script]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    estimator = Estimator.load(export)
    assert float(printed) == estimator.linear_sum(estimator.features(text))


@pytest.mark.parametrize(
    "text", [b"", b"It is late.\r\n", b"\xff\xe2\x80 \0 7" * 70_000], ids=["empty", "line", "long"]
)
@pytest.mark.parametrize("language", PROGRAMS)
def test_a_text_on_standard_input(language: str, text: bytes, built: Path, export: Path) -> None:
    """Whatever bytes come in, the estimate and the upper bound are the estimator's."""
    estimator = Estimator.load(export)
    done = run(language, built, export, text=text)
    assert done.stdout.decode().split() == [str(estimator.estimate(text)), str(estimator.upper_bound(text))]
    rewrite(export, lambda content: content.update(byte_bound=None))
    done = run(language, built, export, text=text)
    known = Estimator.load(export).upper_bound(text) < math.inf
    assert done.stdout.decode().split()[1] == (str(estimator.upper_bound(text)) if known else "none")


@pytest.mark.parametrize("language", PROGRAMS)
def test_an_export_of_the_original(language: str, built: Path, tmp_path: Path) -> None:
    """The published coefficients, which have no tables, bounds or domain, are read too."""
    path = tmp_path / "model_coefs.json"
    path.write_text(
        '{"type": "linear", "w0": -4001.201841273387, "model": "m", "scope": "s", "estimator": "e",'
        ' "feature_set": ["bytes", "words"], "w_bytes": 0.5758117480861196, "w_words": -1.1822491809479783}'
    )
    write_golden_vectors(path)
    assert run(language, built, path, path.with_name(FILE)).returncode == 0
    text = b"one two\n" * 9000
    said = f"{Estimator.load(path).estimate(text)} none\n"
    assert run(language, built, path, text=text).stdout.decode() == said


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# no JSON",
        '{"feature_set": ["emoji"], "w0": 1, "w_emoji": 2}',
        '{"feature_set": ["bytes"], "w0": 1}',
    ],
    ids=["empty", "no JSON", "another feature", "no weight"],
)
@pytest.mark.parametrize("language", PROGRAMS)
def test_what_is_no_model_is_refused(language: str, content: str, built: Path, tmp_path: Path) -> None:
    """A file that is no model, or weighs what no text gives, ends in one line and no estimate."""
    (tmp_path / "model_coefs.json").write_text(content)
    done = run(language, built, tmp_path / "model_coefs.json", text=b"text")
    assert (done.returncode, done.stdout) == (1, b"")
    assert len(done.stderr.decode().strip().splitlines()) == 1


@pytest.mark.usefixtures("built")
def test_c_reads_no_memory_that_is_not_its_own(export: Path, tmp_path: Path) -> None:
    """Built with the compiler's sanitizers and warnings, the C program agrees on every vector in silence."""
    write_golden_vectors(export)
    program = tmp_path / "sanitized"
    flags = "-std=c11 -O1 -ffp-contract=off -Wall -Wextra -Wconversion -Wshadow -Werror"
    sanitizers = "-fsanitize=address,undefined -fno-sanitize-recover=all"
    command = f"gcc {flags} {sanitizers} -o {program} {EXAMPLES}/c/token_approx.c -lm"
    subprocess.run([BASH, "-c", command], check=True)
    # What lives as long as the program is not freed.
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
    arguments = [program, export, export.with_name(FILE)]
    done = subprocess.run(arguments, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_examples_are_short_and_need_nothing() -> None:
    """No source has more than 120 lines of 120 columns, and none names a dependency."""
    sources = [path for path in EXAMPLES.rglob("*") if path.suffix in {".go", ".c", ".h", ".mjs"}]
    assert {path.suffix for path in sources} == {".go", ".c", ".h", ".mjs"}
    for path in sources:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 120, path
        assert max(len(line.expandtabs(4)) for line in lines) <= 120, path
    assert "require" not in (EXAMPLES / "go/go.mod").read_text()
    assert not list(EXAMPLES.rglob("package.json"))
    for path in EXAMPLES.rglob("*.mjs"):
        names = re.findall(r'from "(.*)"', path.read_text(encoding="utf-8"))
        # Node.js's own modules only where the program is: the rest runs in a browser too.
        outside = [name for name in names if not name.startswith(("./", "../"))]
        assert all(name.startswith("node:") for name in outside), path
        assert not outside or path.name == "token_approx.mjs", path
