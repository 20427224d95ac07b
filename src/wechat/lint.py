"""A look at a dialog's source when it is registered: warns of what would not be the same on replay.

A hint, never a refusal: it reads the function alone, not what that calls.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

from .dialog import StepFunction, innermost


class DialogWarning(UserWarning):
    """A dialog probably does something that belongs in a step."""


#: what is called in a dialog, and what to write instead; a trailing dot stands for everything in that module
SUSPECTS = {
    "time.time": "now()",
    "time.sleep": "a @step",
    "datetime.now": "now()",
    "datetime.utcnow": "now()",
    "datetime.today": "now()",
    "date.today": "now().date()",
    "random.": "rng()",
    "secrets.": "a @step",
    "uuid.": "a @step",
    "uuid4": "a @step",
    "os.environ": "a @step",
    "requests.": "a @step",
    "httpx.": "a @step",
    "urllib.": "a @step",
    "subprocess.": "a @step",
    "open": "a @step",
    "print": "wechat.log, which is silent on replay,",
    "input": "ask()",
}
#: commands that say or do nothing until they are yielded
COMMANDS = {"ask", "say", "stream", "remember", "forget"}


def lint(function: Any) -> list[str]:
    """What is suspicious in a dialog, a sentence each; nothing where its source cannot be read."""
    inner = innermost(function)
    try:
        lines, first = inspect.getsourcelines(inner)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return []
    where = inner.__code__.co_filename
    return [f"{where}:{first + line - 1}: {what}" for line, what in sorted(_findings(tree, _steps(inner)))]


def warn(function: Any) -> None:
    """Warn of each finding."""
    for finding in lint(function):
        warnings.warn(finding, DialogWarning, stacklevel=2)


def _steps(function: Any) -> set[str]:
    """Names under which the function sees steps among its globals."""
    names = set(function.__code__.co_names)
    return {name for name in names if isinstance(function.__globals__.get(name), StepFunction)}


def _findings(tree: ast.AST, steps: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call | ast.Subscript):
            yield from _suspects(node)
        elif isinstance(node, ast.Try):
            yield from _yields_in_finally(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _forgotten(node.value, steps)


def _suspects(node: ast.Call | ast.Subscript) -> Iterator[tuple[int, str]]:
    called = node.func if isinstance(node, ast.Call) else node.value
    name = _dotted(called)
    for suspect, instead in SUSPECTS.items():
        hit = name.startswith(suspect) if suspect.endswith(".") else name == suspect or name.endswith("." + suspect)
        if hit and not (suspect in ("open", "print", "input") and name != suspect):
            yield node.lineno, f"{name} in a dialog is done again on every replay: use {instead} instead"
            return


def _yields_in_finally(node: ast.Try) -> Iterator[tuple[int, str]]:
    for inner in (inner for statement in node.finalbody for inner in ast.walk(statement)):
        if isinstance(inner, ast.Yield | ast.YieldFrom | ast.Await):
            yield inner.lineno, "a yield inside finally: that block also runs whenever the dialog is put to sleep"


def _forgotten(call: ast.Call, steps: set[str]) -> Iterator[tuple[int, str]]:
    name = _dotted(call.func)
    if name.split(".")[0] in COMMANDS or name in steps:
        yield call.lineno, f"{name}(…) does nothing by itself: yield it, or await it"


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
