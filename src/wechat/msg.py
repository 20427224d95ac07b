"""2017's replies: `wechat.reply.TextMsg(to, from, text).format()` and its siblings.

They know whom they go to and when they were made, so they read the clock; that is why they do not live in `reply`, which
finds them here. A reply of today is a value without either.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import reply


class Msg:
    """Something said to somebody; without anything said it is ``success``. `json`: in the format of a push in JSON.

    Raises TypeError for what cannot be said, ValueError for a fault in it.
    """

    def __init__(self, toUserName: str = "", fromUserName: str = "", say: reply.Say = None, *, json: bool = False):  # noqa: N803 (2017's)
        self.ToUserName, self.FromUserName, self.CreateTime = toUserName, fromUserName, int(time.time())
        self._reply, self._json = reply.reply(say), json

    def format(self) -> str:
        """What to answer WeChat with."""
        addressed = {"to": self.ToUserName, "account": self.FromUserName, "created": self.CreateTime}
        return reply.format(self._reply, json=self._json, **addressed)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return json.dumps({name: str(value) for name, value in vars(self).items()}, indent=4, ensure_ascii=False)


class TextMsg(Msg):
    """A text; anything else is said as `str` makes it."""

    def __init__(self, toUserName: str, fromUserName: str, content: Any) -> None:  # noqa: N803
        super().__init__(toUserName, fromUserName, _text(content))


class ImageMsg(Msg):
    """A picture that was uploaded."""

    def __init__(self, toUserName: str, fromUserName: str, mediaId: str) -> None:  # noqa: N803
        super().__init__(toUserName, fromUserName, reply.Image(mediaId))


class NewsMsg(Msg):
    """Articles, each a dict with ``title``, ``url``, and perhaps ``description`` and ``pic_url``. They are not changed."""

    def __init__(self, toUserName: str, fromUserName: str, articles: Sequence[Mapping[str, str]]) -> None:  # noqa: N803
        super().__init__(toUserName, fromUserName, _news(articles))


def _text(content: Any) -> str:
    return str(content)


def _news(articles: Sequence[Mapping[str, str]]) -> reply.News:
    return reply.News(*map(_article, articles))


def _article(given: Mapping[str, str]) -> reply.Article:
    for name in ("title", "url"):
        if not given.get(name):
            raise ValueError(f"an article needs its {name}: {dict(given)!r}")
    return reply.Article(given["title"], given["url"], given.get("description", ""), given.get("pic_url", ""))


#: as which `reply` shows them
NAMES = ("Msg", "TextMsg", "ImageMsg", "NewsMsg")
#: how a tuple of 2017, like ``('TextMsg', '您好')``, is said today
SAYS: dict[str, Callable[[Any], reply.Say]] = {"TextMsg": _text, "ImageMsg": reply.Image, "NewsMsg": _news}
