"""`wechat-dialog new`: what it writes works as it stands there, and its README can be followed to the letter."""

from __future__ import annotations

import ast
import io
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from servers import free_port
from wechat.cli import COMMANDS, main, new

LANGUAGES = {"chinese": [], "english": ["--english"]}
CHINESE, ENGLISH = (new.skeleton(language)["README.md"].decode() for language in LANGUAGES)


@pytest.fixture(params=LANGUAGES)
def project(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "shop"
    assert main(["new", str(folder), *LANGUAGES[request.param]]) == 0
    capsys.readouterr()
    return folder


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WECHAT_")]:
        monkeypatch.delenv(name)


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)


def python(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", **variables}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if ".pytest_cache" not in path.parts}


# ---- what is written ------------------------------------------------------------------------------------------------


def test_a_project_has_these_files_in_utf_8_with_the_line_ends_of_git(project: Path) -> None:
    assert names(project) == {"README.md", "bot.py", "test_bot.py", "requirements.txt", ".gitignore"}
    for path in project.iterdir():
        content = path.read_bytes()
        assert content.decode("utf-8").endswith("\n")
        assert b"\r" not in content


def test_its_tests_pass_at_once_and_leave_nothing_behind(project: Path) -> None:
    before = names(project)
    done = python(project, "-m", "pytest")
    assert re.search(r"\d+ passed", done.stdout.splitlines()[-1]), done.stdout
    said = re.search(r"`(\d+ passed)`", (project / "README.md").read_text("utf-8"))
    assert said is not None
    assert f"{said[1]} in " in done.stdout
    assert names(project) == before


def test_importing_the_bot_opens_nothing_and_its_token_comes_from_the_environment(project: Path) -> None:
    before = names(project)
    show = "import bot, test_bot; print(bot.bot.settings.token)"
    assert python(project, "-c", show).stdout == "demo\n"
    assert python(project, "-c", show, WECHAT_TOKEN="t0ken").stdout == "t0ken\n"
    assert names(project) == before


def test_both_languages_have_the_same_code() -> None:
    for name in ("bot.py", "test_bot.py"):
        chinese, english = (ast.parse(new.skeleton(language)[name]) for language in LANGUAGES)
        assert ast.dump(ast.Module(chinese.body[1:], [])) == ast.dump(ast.Module(english.body[1:], []))
        assert ast.get_docstring(chinese) != ast.get_docstring(english)


def test_a_bot_fits_on_one_screen_and_its_english_comments_hold_no_chinese() -> None:
    for language in LANGUAGES:
        assert len(new.skeleton(language)["bot.py"].splitlines()) <= 50
    comments = re.findall(r"#.*", new.skeleton("english")["bot.py"].decode())
    assert len(comments) == len(re.findall(r"#.*", new.skeleton("chinese")["bot.py"].decode()))
    assert not re.search(r"[\u4e00-\u9fff]", "".join(comments))


def test_importing_the_bot_warns_of_nothing(project: Path) -> None:
    done = python(project, "-W", "error", "-c", "import bot")
    assert (done.returncode, done.stderr) == (0, "")


# ---- the README -----------------------------------------------------------------------------------------------------


def test_both_readmes_have_the_same_code_and_the_same_parts() -> None:
    every = re.compile(r"```\w+\n.*?```", re.DOTALL)
    assert every.findall(CHINESE) == every.findall(ENGLISH)
    for line in (r"^#+ ", r"^\| ", r"^- ", r"^\*\*", r"<https://[^>]+>"):
        assert len({len(re.findall(line, text, re.MULTILINE)) for text in (CHINESE, ENGLISH)}) == 1, line


@pytest.mark.parametrize("readme", [CHINESE, ENGLISH], ids=list(LANGUAGES))
def test_the_readme_names_every_file_and_only_commands_and_options_that_there_are(
    readme: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = set(re.findall(r"^\| `([^`]+)` \|", readme, re.MULTILINE))
    assert table | {"README.md"} == set(new.FILES) | {"signups.db"}
    used = re.findall(r"wechat-dialog ([a-z-]+)([^`\n]*)", readme)
    assert {name for name, _ in used} == {"run", "dev", "send", "doctor", "check-url"} <= set(COMMANDS)
    for name, arguments in used:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        shown = capsys.readouterr().out
        assert [option for option in re.findall(r"--[a-z-]+", arguments) if option not in shown] == []


@contextmanager
def served(project: Path, command: str, port: int) -> Iterator[None]:
    """The command that the README gives, on another port. It is killed, not asked to end."""
    arguments = ["-m", "wechat", *shlex.split(command)[1:], "--port", str(port)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen([sys.executable, *arguments], cwd=project, env=environment, stderr=subprocess.PIPE) as server:
        try:
            assert listens(server, port), server.communicate()
            yield
        finally:
            server.kill()


def listens(server: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it comes to listen, within some 20 s and before it ends."""
    for _ in range(400):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.05)
            return False
    return False


def test_the_transcript_of_the_readme_is_what_is_seen_with_a_kill_in_the_middle(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme, port = (project / "README.md").read_text("utf-8"), free_port()
    command = next(block for block in blocks(readme, "sh") if block.startswith("wechat-dialog run"))
    until_the_kill, after_it = blocks(readme, "console")
    for transcript in (until_the_kill, after_it):
        with served(project, command, port):
            for turn in re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]:
                typed, _, seen = turn.partition("\n")
                assert main(shlex.split(typed.replace(":8000", f":{port}"))[1:]) == 0
                assert capsys.readouterr().out == seen
    look = next(block for block in blocks(readme, "sh") if "signups.db" in block)
    done = python(project, *shlex.split(look)[1:])
    assert re.fullmatch(r"\(1, 'me', '小明，周六，2 人', '.+'\)\n", done.stdout), done
    assert {path.name for path in project.glob("*.db")} == set(re.findall(r"`([\w-]+\.db)`", readme))


def changed(text: str, diff: str) -> str:
    """The text with what a diff changes in it."""
    lines = diff.splitlines(keepends=True)
    before, after = ("".join(line[1:] for line in lines if line[0] in kept) for kept in (" -", " +"))
    assert text.count(before) == 1
    return text.replace(before, after)


def test_the_change_that_the_readme_describes_works_and_so_do_the_changed_tests(project: Path) -> None:
    of_the_bot, *of_the_tests = blocks((project / "README.md").read_text("utf-8"), "diff")
    for name, diffs in {"bot.py": [of_the_bot], "test_bot.py": of_the_tests}.items():
        path = project / name
        for diff in diffs:
            path.write_text(changed(path.read_text("utf-8"), diff), encoding="utf-8", newline="\n")
    done = python(project, "-m", "pytest")
    assert done.returncode == 0, done.stdout


def test_its_data_is_ignored_by_git(project: Path) -> None:
    ignored = (project / ".gitignore").read_text("utf-8").splitlines()
    assert {"*.db", "*.db-wal", "*.db-shm", ".venv/", "__pycache__/", ".pytest_cache/"} == set(ignored)


def test_what_it_requires_serves_and_tests(project: Path) -> None:
    assert (project / "requirements.txt").read_text("utf-8").split() == ["wechat-dialog[server]", "pytest"]


# ---- where it is written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("full", r"full is not empty \(a, b, c, …\), and nothing is overwritten"),
        ("one", r"one is not empty \(\.git\), and nothing"),
        ("file", "file is a file"),
        ("file/shop", "file/shop is a file, or lies in one"),
        ("dangling", "dangling cannot be written"),
        ("x" * 300, "cannot be used"),
        ("", "must be the name of a folder"),
        (" ", "must be the name of a folder"),
        ("a\0b", "must be the name of a folder"),
        ("a\nb", "must be the name of a folder"),
        ("\udc80", "must be the name of a folder"),
    ],
)
def test_what_is_there_is_never_touched_and_a_bad_name_is_told(
    folder: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("full/a", "full/b", "full/c", "full/d", "one/.git", "file"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("mine", encoding="utf-8")
    Path("dangling").symlink_to("nowhere")
    before = names(tmp_path)
    assert main(["new", folder]) == 2
    came = capsys.readouterr()
    assert re.fullmatch(rf"wechat-dialog new: .*{reason}.*\n", came.err), came.err
    assert (came.out, names(tmp_path)) == ("", before)
    assert all(path.read_text("utf-8") == "mine" for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("folder", "cd"),
    [("shop", ["cd shop"]), ("my shop", ["cd 'my shop'"]), ("a/b", ["cd a/b"]), ("there", ["cd there"]), (".", [])],
)
def test_a_folder_is_made_or_is_empty_and_the_next_commands_are_shown(
    folder: str, cd: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here" / "there").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / ("there" if folder == "." else ""))
    assert main(["new", folder]) == 0
    assert (Path(folder) / "bot.py").is_file()
    commands = re.findall(r"^  (.+)$", capsys.readouterr().out, re.MULTILINE)
    assert commands == [*cd, "pip install -r requirements.txt", "wechat-dialog run bot:bot"]


def test_a_terminal_that_has_no_chinese_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    assert main(["new", str(tmp_path / "店")]) == 0
    assert b"wechat-dialog run bot:bot" in written.getvalue()
    assert "报名" in (tmp_path / "店" / "bot.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "platform", "shown"),
    [
        ("shop", "linux", "shop"),
        ("my shop", "darwin", "'my shop'"),
        (r"C:\bots\shop", "win32", r"C:\bots\shop"),
        (r"C:\my bots\shop", "win32", r'"C:\my bots\shop"'),
    ],
)
def test_a_path_is_shown_as_the_shell_of_the_platform_takes_it(path: str, platform: str, shown: str) -> None:
    assert new.quoted(path, platform) == shown
