"""The dialogs that the public names were designed with, where they are beside the project: what they show is what happens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent.parent / "shared" / "api"


def test_the_dialogs_of_the_design_pass_the_test_of_the_design() -> None:
    if not FOLDER.exists():
        return
    source = Path(__file__).parent.parent / "src"
    run = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", FOLDER, "test_dialogs.py"],
        cwd=FOLDER,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (source, FOLDER)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "passed" in run.stdout
