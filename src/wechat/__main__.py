"""``python -m wechat``: the command, where its folder is not on the path."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":  # worker processes import this file again
    sys.exit(main())
