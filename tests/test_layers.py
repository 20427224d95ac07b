"""The layers: which module may import which.

The table stands in CONTRIBUTING.md too, word for word. Imports are read from the source, not observed, so that one inside
a function counts as well.
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "wechat"

#: each layer and its modules, the innermost first; a package's modules are where it is, unless they are named themselves
LAYERS = {
    "errors": "errors",
    "core": "dialog meaning dates prompts journal replay router record turn attempt ordinary",
    "protocol": "receive reply markdown crypto texts",
    "meeting": "stores lint medium msg module user api",
    "runtime": "budget runtime",
    "bot": "bot",
    "web": "web testing cli.serve",
    "public": "wechat",
    "programs": "demo chat cli __main__",
}
LAYER_OF = {module: layer for layer, modules in LAYERS.items() for module in modules.split()}

#: stand beside each other, though one must stand first in the table
APART = {("core", "protocol"), ("protocol", "core")}

#: for annotations only, under ``if TYPE_CHECKING:``: what a dialog says and gets is WeChat's, and only type checkers know
ANNOTATIONS = {("dialog", "reply"), ("prompts", "reply"), ("prompts", "receive")}

#: doors outwards, opened when somebody asks for what is behind: 2017's replies have the time in them, and `reply` no clock
DOORS = {("reply", "msg")}

#: what does I/O, reads a clock, or logs
IMPURE = {
    *("os", "socket", "time", "logging", "asyncio", "sqlite3", "anyio", "threading", "subprocess", "http"),
    *("urllib.request", "select", "multiprocessing", "concurrent", "shutil", "tempfile"),
}
#: a dialog has no addresses
IMPURE_IN = {"core": IMPURE | {"urllib"}, "protocol": IMPURE}


# ---- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One module that another one imports: ours by its name within ``wechat``, or somebody else's."""

    module: str
    ours: bool
    line: int
    checking: bool  # under ``if TYPE_CHECKING:``
    early: bool  # when the module itself is imported


def name_of(path: Path) -> str:
    """``stores.memory``; of the package itself ``wechat``."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "wechat"


FILES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports(module: str, source: str) -> list[Import]:
    found = []
    packages = {name for name, path in FILES.items() if path.name == "__init__.py"}
    for node, checking, early in walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            start = origin(module, node, module in packages)
            names = [f"{start}.{alias.name}" if known(f"{start}.{alias.name}") else start for alias in node.names]
        found += [
            Import(own(name) or name, bool(own(name)), node.lineno, checking, early) for name in dict.fromkeys(names)
        ]
    return found


def walk(
    node: ast.AST, checking: bool = False, early: bool = True
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, checking, early
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for inner in child.body:
                yield from walk(ast.Module([inner], []), True, early)
            for inner in child.orelse:
                yield from walk(ast.Module([inner], []), checking, early)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, checking, early and not function)


def origin(module: str, node: ast.ImportFrom, package: bool) -> str:
    """The absolute name of what ``from … import`` names."""
    if not node.level:
        return node.module or ""
    here = ["wechat", *(module.split(".") if module != "wechat" else [])]
    up = here[: len(here) - node.level + package]
    return ".".join([*up, *filter(None, [node.module])])


def own(name: str) -> str:
    """A module's name within ``wechat``; "" of somebody else's."""
    if name == "wechat":
        return name
    return name.removeprefix("wechat.") if name.startswith("wechat.") else ""


def known(name: str) -> bool:
    """Whether it is one of our modules, and not a name inside one."""
    return own(name) in FILES


def layer(module: str) -> str | None:
    while module not in LAYER_OF and "." in module:
        module = module.rpartition(".")[0]
    return LAYER_OF.get(module)


# ---- judging --------------------------------------------------------------------------------------------------------


def faults(module: str, source: str) -> list[str]:
    found = []
    for one in imports(module, source):
        wrong = wrongly_ours(module, one) if one.ours else wrongly_theirs(module, one)
        found += [f"{module}, line {one.line}: {wrong}"] if wrong else []
    return found


def wrongly_ours(module: str, one: Import) -> str | None:
    here, there = layer(module), layer(one.module)
    if here is None or there is None:
        return f"{module} imports {one.module}, and one of them has no layer"
    if one.checking and (module, one.module) in ANNOTATIONS:
        return None
    if (one.checking or not one.early) and (module, one.module) in DOORS:
        return None
    if (here, there) in APART:
        return f"{here} imports {one.module}, of {there}: neither may know the other"
    order = list(LAYERS)
    if order.index(there) > order.index(here):
        return f"{here} imports {one.module}, of {there}: outwards"
    return None


def wrongly_theirs(module: str, one: Import) -> str | None:
    here = layer(module)
    parts = one.module.split(".")
    roots = {".".join(parts[: i + 1]) for i in range(len(parts))}
    if here in IMPURE_IN and roots & IMPURE_IN[here]:
        return f"{here} is pure, and imports {one.module}"
    return None


# ---- the rules ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", FILES)
def test_every_module_has_a_layer_and_imports_inwards_only(module: str) -> None:
    assert layer(module), f"{module} needs a row in this table and in CONTRIBUTING.md"
    assert faults(module, FILES[module].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("dialog", "from .reply import Text"),
        ("dialog", "from . import reply"),
        ("dialog", "import wechat.reply"),
        ("dialog", "from wechat import Bot"),
        ("dialog", "def f():\n    from .bot import Bot"),
        ("record", "if TYPE_CHECKING:\n    from .reply import Say"),
        ("dialog", "if TYPE_CHECKING:\n    pass\nelse:\n    from .reply import Say"),
        ("reply", "from .dialog import Ask"),
        ("turn", "from .runtime import Runtime"),
        ("turn", "import time"),
        ("turn", "from urllib.parse import quote"),
        ("turn", "import http.client as client"),
        ("receive", "from os import environ"),
        ("stores.memory", "from ..runtime import Runtime"),
        ("errors", "from . import texts"),
        ("web.asgi", "from ..cli import main"),
        ("cli", "from ..secret_of_nobody import x\nfrom .. import nobody\nimport wechat.nobody"),
    ],
)
def test_what_points_outwards_or_is_impure_is_found(module: str, line: str) -> None:
    assert faults(module, line)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("dialog", "if TYPE_CHECKING:\n    from .reply import Say"),
        ("dialog", "from .errors import DialogError"),
        ("reply", "from urllib.parse import quote"),
        ("bot", "import os\nfrom . import lint, stores"),
        ("stores.sqlite", "from . import Bell\nfrom ..errors import StoreError\nimport sqlite3"),
        ("wechat", "from .cli.serve import run as run\nfrom .bot import Bot"),
        ("demo", "from . import Bot, ask"),
    ],
)
def test_what_points_inwards_is_let_through(module: str, line: str) -> None:
    assert faults(module, line) == []


def test_every_import_for_annotations_only_is_still_needed() -> None:
    used = {
        (module, one.module)
        for module, path in FILES.items()
        for one in imports(module, path.read_text(encoding="utf-8"))
        if one.checking and one.ours
    }
    assert used >= ANNOTATIONS


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {
        module: {
            one.module
            for one in imports(module, path.read_text(encoding="utf-8"))
            if one.ours and one.early and not one.checking
        }
        for module, path in FILES.items()
    }
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(FILES)


def test_the_table_is_the_one_that_contributors_read() -> None:
    rows = {}
    for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in LAYERS:
            rows[cells[0]] = cells[1].replace("`", "")
    assert rows == LAYERS
    assert list(rows) == list(LAYERS)
