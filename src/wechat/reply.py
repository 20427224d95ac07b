"""Reply → XML for WeChat; and how much fits one reply.

Source: WeChat's page on passive replies (被动回复用户消息). A reply has no addressee: who formats it adds that. Nothing that a user or
a developer writes can break out of its element.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

import regex

#: bytes of UTF-8 that fit a passive text reply. WeChat's page names no figure; 2048 is what breaks in the field, so one less
LIMIT = 2047


class Reply:
    """Something to say; frozen, without addressee."""


def _check(value: Any, *needed: str) -> None:
    """Raises TypeError for a field that is no text, ValueError for a needed one that is blank."""
    for name, text in vars(value).items():
        if not isinstance(text, str):
            raise TypeError(f"{name} must be text, not {type(text).__name__}")
        if name in needed and not text.strip():
            raise ValueError(f"{name} is empty: WeChat would show a fault")


@dataclasses.dataclass(frozen=True)
class Text(Reply):
    """Text; newlines and ``<a href>`` are shown."""

    text: str

    def __post_init__(self) -> None:
        _check(self, "text")


@dataclasses.dataclass(frozen=True)
class Image(Reply):
    """A picture that was uploaded."""

    media_id: str

    def __post_init__(self) -> None:
        _check(self, "media_id")


@dataclasses.dataclass(frozen=True)
class Voice(Reply):
    """A voice clip that was uploaded."""

    media_id: str

    def __post_init__(self) -> None:
        _check(self, "media_id")


@dataclasses.dataclass(frozen=True)
class Video(Reply):
    """A video that was uploaded."""

    media_id: str
    title: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        _check(self, "media_id")


@dataclasses.dataclass(frozen=True)
class Music(Reply):
    """A link to music; `hq_url` is what is played on Wi-Fi."""

    url: str
    title: str = ""
    description: str = ""
    hq_url: str = ""
    thumb_media_id: str = ""

    def __post_init__(self) -> None:
        _check(self, "url")


@dataclasses.dataclass(frozen=True)
class Article:
    """One article of a `News`."""

    title: str
    url: str
    description: str = ""
    image: str = ""

    def __post_init__(self) -> None:
        _check(self, "title", "url")


@dataclasses.dataclass(frozen=True, init=False)
class News(Reply):
    """Articles: one in answer to a message, up to eight in answer to an event."""

    articles: tuple[Article, ...]

    def __init__(self, *articles: Article) -> None:
        if not articles:
            raise ValueError("a News needs an Article")
        for article in articles:
            if not isinstance(article, Article):
                raise TypeError(f"a News holds Articles, not {type(article).__name__}")
        object.__setattr__(self, "articles", articles)


@dataclasses.dataclass(frozen=True)
class Transfer(Reply):
    """Hand the user over to customer service: to `agent`, or to whoever is free."""

    agent: str = ""

    def __post_init__(self) -> None:
        _check(self)


Say: TypeAlias = str | Reply | Sequence[Article] | None


def reply(say: Say) -> Reply | None:
    """The reply that says it; None for nothing. Raises TypeError for what cannot be said, ValueError for a fault in it."""
    if say is None or say == "":
        return None
    if isinstance(say, Reply):
        return say
    if isinstance(say, str):
        whole = say.encode("utf-8", "replace").decode()  # half a surrogate pair is no text, and no store keeps it
        return Text(whole) if _shown(whole) else None
    if isinstance(say, Sequence) and say and all(isinstance(item, Article) for item in say):
        return News(*say)
    raise TypeError(f"{type(say).__name__} cannot be said: say text, a reply (Text, Image, News …), Articles, or None")


# ---- what a record keeps --------------------------------------------------------------------------------------------

TAGS: dict[str, type[Any]] = {
    "image": Image,
    "voice": Voice,
    "video": Video,
    "music": Music,
    "transfer": Transfer,
}
_TAG_OF = {kind: tag for tag, kind in TAGS.items()}


def encode(reply: Reply) -> str | dict[str, Any]:
    """The reply as JSON holds it: a text is itself, others are tagged."""
    if isinstance(reply, Text):
        return reply.text
    if isinstance(reply, News):
        return {"": "news", "articles": [dataclasses.asdict(article) for article in reply.articles]}
    fields = {name: value for name, value in vars(reply).items() if value != ""}
    return {"": _TAG_OF[type(reply)], **fields}


def decode(kept: str | Mapping[str, Any]) -> Reply:
    """What `encode` made."""
    if isinstance(kept, str):
        return Text(kept)
    fields = {name: value for name, value in kept.items() if name}
    if kept[""] == "news":
        return News(*(Article(**article) for article in fields["articles"]))
    made: Reply = TAGS[kept[""]](**fields)
    return made


# ---- XML ------------------------------------------------------------------------------------------------------------

#: what XML 1.0 cannot hold at all
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _shown(text: str) -> str:
    """What is left of a text in XML, without the space around it."""
    return _ILLEGAL.sub("", text).strip()


def cdata(text: str) -> str:
    """Text that stays text, whatever is in it."""
    return "<![CDATA[" + _ILLEGAL.sub("", text).replace("]]>", "]]]]><![CDATA[>") + "]]>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{cdata(text)}</{name}>"


def _elements(**texts: str) -> str:
    return "".join(_element(name, text) for name, text in texts.items() if text)


def _text(reply: Text) -> str:
    return _element("Content", reply.text)


def _image(reply: Image) -> str:
    return f"<Image>{_element('MediaId', reply.media_id)}</Image>"


def _voice(reply: Voice) -> str:
    return f"<Voice>{_element('MediaId', reply.media_id)}</Voice>"


def _video(reply: Video) -> str:
    fields = _elements(MediaId=reply.media_id, Title=reply.title, Description=reply.description)
    return f"<Video>{fields}</Video>"


def _music(reply: Music) -> str:
    fields = _elements(
        Title=reply.title,
        Description=reply.description,
        MusicUrl=reply.url,
        HQMusicUrl=reply.hq_url or reply.url,
        ThumbMediaId=reply.thumb_media_id,
    )
    return f"<Music>{fields}</Music>"


def _news(reply: News) -> str:
    items = "".join(
        "<item>"
        + "".join(
            _element(name, text)
            for name, text in (("Title", a.title), ("Description", a.description), ("PicUrl", a.image), ("Url", a.url))
        )
        + "</item>"
        for a in reply.articles
    )
    return f"<ArticleCount>{len(reply.articles)}</ArticleCount><Articles>{items}</Articles>"


def _transfer(reply: Transfer) -> str:
    return f"<TransInfo>{_element('KfAccount', reply.agent)}</TransInfo>" if reply.agent else ""


#: MsgType, and what stands beside the common fields
FORMATS: dict[type[Any], tuple[str, Callable[[Any], str]]] = {
    Text: ("text", _text),
    Image: ("image", _image),
    Voice: ("voice", _voice),
    Video: ("video", _video),
    Music: ("music", _music),
    News: ("news", _news),
    Transfer: ("transfer_customer_service", _transfer),
}


def format(reply: Reply | None, *, to: str, account: str, created: int) -> str:
    """The body to answer with: XML, or ``success`` for no reply. `created`: seconds since 1970."""
    if reply is None:
        return "success"
    kind, fields = FORMATS[type(reply)]
    return (
        f"<xml>{_element('ToUserName', to)}{_element('FromUserName', account)}<CreateTime>{created}</CreateTime>"
        f"{_element('MsgType', kind)}{fields(reply)}</xml>"
    )


# ---- links to tap ---------------------------------------------------------------------------------------------------

#: no link is inside a link: so a text of opening tags alone is read once, not once for each of them
_LINK = re.compile(r"<a\b[^<>]*>((?:(?!<a\b).)*?)</a>", re.DOTALL)


def link(label: str, sends: str | None = None) -> str:
    """A link in a text: a tap sends `sends` (else the label) as if it were typed. The buttons of a personal account."""
    words = quote(label if sends is None else sends, safe="", encoding="utf-8", errors="replace")
    words = re.sub(r"(?:%[89A-F][0-9A-F])+", lambda m: _unquoted(m[0]), words)  # WeChat sends these as they stand
    shown = label.replace("<", "＜").replace(">", "＞")
    return f'<a href="weixin://bizmsgmenu?msgmenucontent={words}&msgmenuid=1">{shown}</a>'


def _unquoted(percent: str) -> str:
    return bytes.fromhex(percent.replace("%", "")).decode("utf-8", "replace")


def options(labels: Sequence[str], taps: bool = True) -> str:
    """The options of a question, one a line, as 「1. 是」; the label a link to tap."""
    return "\n".join(f"{i}. {link(label) if taps else label}" for i, label in enumerate(labels, 1))


def visible(text: str) -> str:
    """A text as the user sees it: of a link the label."""
    return _LINK.sub(r"\1", text)


# ---- how much fits --------------------------------------------------------------------------------------------------


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


#: what is not cut: a link, an address, a grapheme cluster
_WHOLE = regex.compile(r"<a\b[^<>]*>(?:(?!<a\b).)*?</a>|https?://[!#-;=?-~]+|\X", regex.DOTALL)
#: where a cut is best, the best first
_ENDS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"[。！？!?；;…]+[”’」』）)]*|\.(?=\s)"),
    re.compile(r"[，、：\s]"),  # not "," and ":", which stand inside numbers and times; in prose a space follows them
)
#: white space that is all of its grapheme cluster: a space may carry an accent
_BLANK = regex.compile(r"(?:(?=\s)\X(?<=\s))*")


def split(text: str, limit: int = LIMIT) -> list[str]:
    """The text in pieces of at most `limit` bytes, cut where a paragraph, line or sentence ends, if it must be anywhere.

    Never inside a character, a grapheme cluster, a link or an address, unless one alone is longer than a piece. The white
    space around a cut is dropped, and a piece that would be nothing else.
    """
    pieces: list[str] = []
    while size(text) > limit:
        whole = _first(text, limit)
        cut = next((end for end in _cuts(whole) if size(whole[:end]) >= limit // 3), len(whole))
        pieces.append(whole[:cut].rstrip())
        text = text[cut:]
        text = text[_blank(text) :]
    return [piece for piece in (*pieces, text) if piece]


def _blank(text: str) -> int:
    """How much white space a text begins with."""
    found = _BLANK.match(text)
    return found.end() if found else 0


def _first(text: str, limit: int) -> str:
    """As much of the text as fits, in whole units."""
    used = end = 0
    for match in _WHOLE.finditer(text):
        used += size(match[0])
        if used > limit:
            break
        end = match.end()
    return text[:end] or _characters(text, limit)


def _characters(text: str, limit: int) -> str:
    """A unit that is longer than a piece: its clusters, or else its characters."""
    for units in (regex.findall(r"\X", text[: limit + 1]), text[: limit + 1]):
        used, end = 0, 0
        for unit in units:
            used += size(unit)
            if used > limit:
                break
            end += len(unit)
        if end:
            return text[:end]
    return text[:1]


def _cuts(whole: str) -> Iterator[int]:
    """Where the text may be cut, the best first, and of each sort the last; never inside a unit that stays whole."""
    inside = {i for match in _WHOLE.finditer(whole) if len(match[0]) > 1 for i in range(match.start() + 1, match.end())}
    for ends in _ENDS:
        found = [match.end() for match in ends.finditer(whole) if match.end() not in inside]
        if found:
            yield found[-1]
