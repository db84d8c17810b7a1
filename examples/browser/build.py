"""Build the browser's page from the catalogue, the shipped models and tables, and the JavaScript example.

Run `python examples/browser/build.py`: it needs Python alone and writes `build/token-approx.html`, one file
that works without a server and without a network. Another path can be given as the argument.
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "src/token_approx"
DEFAULTS, TABLES = PACKAGE / "estimator/defaults", PACKAGE / "text/tables"
# What an estimate needs of a model's coefficients, besides its weights.
NEEDED = ("feature_set", "upper_bound", "lower_bound", "byte_bound", "domain", "kinds_without_bound")
IMPORT = re.compile(r'^import (\{[^}]*\}) from "(\.[^"]+\.mjs)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) (\w+))", re.MULTILINE)


def bundle(entry: Path) -> str:
    """Return one script of a module and all that it imports, each in a scope of its own, in order."""
    order: list[Path] = []
    _visit(entry.resolve(), order)
    return '"use strict";\nconst modules = {};\n' + "".join(_wrapped(path) for path in order)


def _visit(path: Path, order: list[Path]) -> None:
    for found in IMPORT.finditer(path.read_text(encoding="utf-8")):
        inner = (path.parent / found[2]).resolve()
        if inner not in order:
            _visit(inner, order)
    if path not in order:
        order.append(path)


def _wrapped(path: Path) -> str:
    text = path.read_text(encoding="utf-8")

    def required(found: re.Match[str]) -> str:
        inner = (path.parent / found[2]).resolve()
        return f"const {found[1]} = modules[{json.dumps(_name(inner))}];\n"

    body = EXPORT.sub("", IMPORT.sub(required, text))
    if re.search(r"^(import|export)\b", body, re.MULTILINE):
        raise SystemExit(f"{path}: an import or export is in a form that the builder does not know.")
    names = ", ".join(EXPORT.findall(text))
    return f"modules[{json.dumps(_name(path))}] = (() => {{\n{body}return {{ {names} }};\n}})();\n"


def _name(path: Path) -> str:
    return path.relative_to(HERE.parent).as_posix()


def models() -> dict[str, dict[str, object]]:
    """Return the coefficients of texts and of requests that are shipped, by family, and how good they are."""
    found: dict[str, dict[str, object]] = {}
    for path in sorted(DEFAULTS.glob("*.json")):
        content = json.loads(path.read_bytes())
        found[path.stem] = {"text": needed(content), "error": content["metrics"]["test"]["mape"]}
        of_requests = DEFAULTS / "requests" / path.name
        if of_requests.exists():
            found[path.stem]["request"] = needed(json.loads(of_requests.read_bytes()))
    return found


def needed(content: dict[str, object]) -> dict[str, object]:
    """Return what an estimate needs of a model's coefficients."""
    weights = {name: value for name, value in content.items() if re.match("w0$|w_", name)}
    return weights | {name: content[name] for name in NEEDED if name in content}


def page() -> str:
    """Return the whole page."""
    content = {
        "catalogue": json.loads((PACKAGE / "estimator/catalogue.json").read_bytes()),
        "coefs": models(),
    }
    blocks = {
        "data": ("application/json", json.dumps(content, separators=(",", ":")).replace("<", "\\u003c"))
    }
    blocks["worker"] = ("text/plain", bundle(HERE / "worker.mjs"))
    for path in sorted(TABLES.glob("*.packed")):
        text = base64.b64encode(path.read_bytes()).decode("ascii")
        blocks[f"table-{path.stem}"] = ("application/octet-stream", text)
    script, style = bundle(HERE / "page.mjs"), (HERE / "page.css").read_text(encoding="utf-8")
    if any(
        "</script" in text.lower() or "<!--" in text
        for text in (script, *(text for _, text in blocks.values()))
    ):
        raise SystemExit("A script holds </script or <!--, which would end it in the page.")
    parts = {
        "style": style,
        "script": script,
        # Nothing but this page's own script, style and worker: it cannot send what is pasted anywhere.
        "policy": f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)};"
        " worker-src blob:",
        "blocks": "\n".join(_block(name, *block) for name, block in blocks.items()),
    }
    template = (HERE / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def _block(name: str, kind: str, text: str) -> str:
    return f'<script type="{kind}" id="{name}">{text}</script>'


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def main(arguments: list[str]) -> None:
    """Write the page to the path that is given, or to build/token-approx.html."""
    out = Path(arguments[0]) if arguments else ROOT / "build/token-approx.html"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page(), encoding="utf-8", newline="\n")
    except OSError as error:
        raise SystemExit(f"{out} cannot be written ({error.strerror}). Give another path.") from error
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB): open it in a browser.")


if __name__ == "__main__":
    main(sys.argv[1:])
