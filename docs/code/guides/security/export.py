import json
import subprocess
import sys


def exported(openid: str) -> dict:
    """All that is kept of a person, for whoever asks in their name."""
    command = [sys.executable, "-m", "wechat", "inspect", openid, "--json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True, encoding="utf-8").stdout)
