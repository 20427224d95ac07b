"""The code of the guides, from where it lies: the pages show these very files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
CODE = ROOT / "docs" / "code" / "guides"
PAGES = ROOT / "docs" / "guides"
sys.path.append(str(ROOT / "tests"))  # where the servers for tests are, also for who runs this folder alone


class Guide:
    """The files of one page. Each is a script or a module beside the others, as in a folder of its own."""

    def __init__(self, page: str) -> None:
        self.folder = CODE / page

    def load(self, name: str) -> ModuleType:
        """A module, imported anew."""
        spec = importlib.util.spec_from_file_location(name, self.folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # where annotations are looked up, and what its neighbours import
        spec.loader.exec_module(module)
        return module

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def commands(self, name: str) -> list[str]:
        return [line for line in self.text(name).splitlines() if line]


def opened(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guide]:
    """The files of a page, with a working folder and settings as they want them; the modules are gone afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WECHAT_TOKEN", "test")
    guide, before = Guide(page), set(sys.modules)
    monkeypatch.syspath_prepend(str(guide.folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield guide
    for name in set(sys.modules) - before:
        if (guide.folder / f"{name}.py").exists():
            del sys.modules[name]
