"""Who is compared: each in a module that has a `contender(store)`, so that it is imported only where it is installed.

All of them do the same: bytes of a push in, bytes of its reply out, without HTTP; its signature is checked, its XML is read, its
conversation goes on in the same Redis, and the reply is XML again. What each has of its own for that is what it does it with.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from conversation import Push


@dataclass(frozen=True)
class Contender:
    """One of `answer` (for threads) and `answer_async` (for an event loop) is there."""

    answer: Callable[[Any], bytes] | None = None
    answer_async: Callable[[Any], Awaitable[bytes]] | None = None
    #: what is made of a push before the clock runs: what a server would hand over
    prepare: Callable[[Push], Any] = lambda push: push
    #: whether it answers at all
    speaks: bool = True
