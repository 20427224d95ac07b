"""Reply → XML or JSON for WeChat; and how much fits one reply.

Source: WeChat's page on passive replies (被动回复用户消息). A reply has no addressee: who formats it adds that. Nothing that a user or
a developer writes can break out of its element. A reply is in the format of the push that it answers (消息推送: 数据格式).
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec.structs import asdict, force_setattr

if TYPE_CHECKING:
    import regex

    from .msg import ImageMsg as ImageMsg
    from .msg import Msg as Msg
    from .msg import NewsMsg as NewsMsg
    from .msg import TextMsg as TextMsg

#: bytes of UTF-8 that fit a passive text reply. WeChat's page names no figure; 2048 is what breaks in the field, so one less
LIMIT = 2047


class Reply:
    """Something to say; frozen, without addressee."""

    __slots__ = ()


def _check(value: Any, *needed: str) -> None:
    """Raises TypeError for a field that is no text, ValueError for a needed one that shows nothing. Makes texts whole."""
    for name in value.__struct_fields__:
        text = getattr(value, name)
        if type(text) is str and text.isprintable() and text.strip():  # as most are: nothing in it needs care
            continue
        if not isinstance(text, str):
            raise TypeError(f"{name} must be text, not {type(text).__name__}")
        force_setattr(value, name, _whole(text))
        if name in needed and not _shown(_whole(text)):
            raise ValueError(f"{name} is empty: WeChat would show a fault")


def _whole(text: str) -> str:
    """Half a surrogate pair is no text, and no store keeps it."""
    return text.encode("utf-8", "replace").decode()


class Text(Reply, msgspec.Struct, frozen=True):
    """Text; newlines and ``<a href>`` are shown."""

    text: str

    def __post_init__(self) -> None:
        _check(self, "text")


class Image(Reply, msgspec.Struct, frozen=True):
    """A picture that was uploaded."""

    media_id: str

    def __post_init__(self) -> None:
        _check(self, "media_id")


class Voice(Reply, msgspec.Struct, frozen=True):
    """A voice clip that was uploaded."""

    media_id: str

    def __post_init__(self) -> None:
        _check(self, "media_id")


class Video(Reply, msgspec.Struct, frozen=True):
    """A video that was uploaded."""

    media_id: str
    title: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        _check(self, "media_id")


class Music(Reply, msgspec.Struct, frozen=True):
    """A link to music; `hq_url` is what is played on Wi-Fi."""

    url: str
    title: str = ""
    description: str = ""
    hq_url: str = ""
    thumb_media_id: str = ""

    def __post_init__(self) -> None:
        _check(self, "url")


class Article(msgspec.Struct, frozen=True):
    """One article of a `News`."""

    title: str
    url: str
    description: str = ""
    image: str = ""

    def __post_init__(self) -> None:
        _check(self, "title", "url")


@dataclasses.dataclass(frozen=True, init=False)
class News(Reply):
    """Articles: one in answer to a message, up to eight in answer to an event; those beyond are another, unread reply."""

    articles: tuple[Article, ...]

    def __init__(self, *articles: Article) -> None:
        if not articles:
            raise ValueError("a News needs an Article")
        for article in articles:
            if not isinstance(article, Article):
                raise TypeError(f"a News holds Articles, not {type(article).__name__}")
        object.__setattr__(self, "articles", articles)


class Transfer(Reply, msgspec.Struct, frozen=True):
    """Hand the user over to customer service: to `agent`, or to whoever is free."""

    agent: str = ""

    def __post_init__(self) -> None:
        _check(self)


Say: TypeAlias = str | Reply | Sequence[Article] | None


def reply(say: Say) -> Reply | None:
    """The reply that says it; None for nothing. Raises TypeError for what cannot be said, ValueError for a fault in it."""
    if say is None or say == "":
        return None
    if isinstance(say, Reply) and type(say) in FORMATS:
        return say
    if isinstance(say, str):
        text = words(say)
        return None if text is None else Text(text)
    if isinstance(say, Sequence) and say and all(isinstance(item, Article) for item in say):
        return News(*say)
    raise TypeError(
        f"{type(say).__name__} cannot be said: say text, a reply (Text, Image, News …), a list of Article, or None"
    )


def words(say: str) -> str | None:
    """A text as the record keeps it; None for one that shows nothing."""
    if type(say) is str and say.isprintable():  # as most are: nothing in it needs care
        return say if say.strip() else None
    text = _whole(say)
    return text if _shown(text) else None


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
        return {"": "news", "articles": [asdict(article) for article in reply.articles]}
    assert isinstance(reply, msgspec.Struct)
    fields = {name: value for name, value in asdict(reply).items() if value != ""}
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


# ---- XML and JSON ---------------------------------------------------------------------------------------------------

#: what stands under a name: text, a number, more names, or a list of such (in XML of ``<item>``)
Fields: TypeAlias = Mapping[str, "str | int | Fields | Sequence[Fields]"]

#: what XML 1.0 cannot hold at all
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _shown(text: str) -> str:
    """What is left of a text in XML, without the space around it."""
    return (text if text.isprintable() else _ILLEGAL.sub("", text)).strip()


def cdata(text: str) -> str:
    """Text that stays text, whatever is in it."""
    whole = text if text.isprintable() else _ILLEGAL.sub("", text)
    return f"<![CDATA[{whole.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _xml(value: Any) -> str:
    if isinstance(value, str):
        return cdata(value)
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, Sequence):
        return "".join(f"<item>{_xml(inner)}</item>" for inner in value)
    return str(value)


def _json(fields: Fields) -> str:
    return json.dumps(_legal(fields), ensure_ascii=False, separators=(",", ":"))


def _legal(value: Any) -> Any:
    """The same without what no client can show: what XML leaves out, JSON leaves out."""
    if isinstance(value, str):
        return _ILLEGAL.sub("", value)
    if isinstance(value, Mapping):
        return {name: _legal(inner) for name, inner in value.items()}
    return [_legal(inner) for inner in value] if isinstance(value, Sequence) else value


def _given(**texts: str) -> Fields:
    return {name: text for name, text in texts.items() if text}


def _text(reply: Text) -> Fields:
    return {"Content": reply.text}


def _image(reply: Image) -> Fields:
    return {"Image": {"MediaId": reply.media_id}}


def _voice(reply: Voice) -> Fields:
    return {"Voice": {"MediaId": reply.media_id}}


def _video(reply: Video) -> Fields:
    return {"Video": _given(MediaId=reply.media_id, Title=reply.title, Description=reply.description)}


def _music(reply: Music) -> Fields:
    fields = _given(
        Title=reply.title,
        Description=reply.description,
        MusicUrl=reply.url,
        HQMusicUrl=reply.hq_url or reply.url,
        ThumbMediaId=reply.thumb_media_id,
    )
    return {"Music": fields}


def _news(reply: News) -> Fields:
    articles = [
        {"Title": one.title, "Description": one.description, "PicUrl": one.image, "Url": one.url}
        for one in reply.articles
    ]
    return {"ArticleCount": len(articles), "Articles": articles}


def _transfer(reply: Transfer) -> Fields:
    return {"TransInfo": {"KfAccount": reply.agent}} if reply.agent else {}


#: MsgType, and what stands beside the common fields
FORMATS: dict[type[Any], tuple[str, Callable[[Any], Fields]]] = {
    Text: ("text", _text),
    Image: ("image", _image),
    Voice: ("voice", _voice),
    Video: ("video", _video),
    Music: ("music", _music),
    News: ("news", _news),
    Transfer: ("transfer_customer_service", _transfer),
}


_TEXT = (
    "<xml><ToUserName>{}</ToUserName><FromUserName>{}</FromUserName><CreateTime>{}</CreateTime>"
    "<MsgType><![CDATA[text]]></MsgType><Content>{}</Content></xml>"
)


def format(reply: Reply | None, *, to: str, account: str, created: int, json: bool = False) -> str:
    """The body to answer with: XML (or JSON), or ``success`` for no reply. `created`: seconds since 1970."""
    if reply is None:
        return "success"
    if type(reply) is Text and not json:  # as most are
        return _TEXT.format(cdata(to), cdata(account), created, cdata(reply.text))
    kind, fields = FORMATS[type(reply)]
    common: Fields = {"ToUserName": to, "FromUserName": account, "CreateTime": created, "MsgType": kind}
    whole: Fields = {**common, **fields(reply)}
    return _json(whole) if json else f"<xml>{_xml(whole)}</xml>"


def __getattr__(name: str) -> Any:
    """2017's replies: they read the clock, so they live elsewhere."""
    from . import msg

    if name in msg.NAMES:
        return getattr(msg, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# ---- links to tap ---------------------------------------------------------------------------------------------------

# patterns as texts, from here on: `re` compiles each when it is needed, which in most processes is never

#: no link is inside a link: so a text of opening tags alone is read once, not once for each of them
_LINK = r"<a\b[^<>]*>([^<]*(?:<(?!a\b|/a>)[^<]*)*)</a>"
#: what cannot stand in an address or in XML. Chinese can, and WeChat sends it as it stands
_ESCAPED = "[\x00-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"


def link(label: str, sends: str | None = None) -> str:
    """A link in a text: a tap sends `sends` (else the label) as if it were typed. The buttons of a personal account."""
    from urllib.parse import quote

    sent = label if sends is None else sends
    words = re.sub(_ESCAPED, lambda found: quote(found[0], errors="replace", safe=""), sent)
    shown = label.replace("<", "＜").replace(">", "＞")
    return f'<a href="weixin://bizmsgmenu?msgmenucontent={words}&msgmenuid=1">{shown}</a>'


def options(labels: Sequence[str], taps: bool = True) -> str:
    """The options of a question, one a line, as 「1. 是」; the label a link to tap."""
    return "\n".join(f"{i}. {link(label) if taps else label}" for i, label in enumerate(labels, 1))


def visible(text: str) -> str:
    """A text as the user sees it: of a link the label."""
    return re.sub(_LINK, r"\1", text)


# ---- how much fits --------------------------------------------------------------------------------------------------

#: articles that WeChat shows of one `News`: in answer to a message, and to an event; of more it shows only so many
TO_A_MESSAGE, TO_AN_EVENT = 1, 8


def portions(kept: Any, articles: int) -> list[Any]:
    """An encoded reply that is no text, as so many of them as it takes that WeChat shows each whole."""
    if kept[""] != "news":
        return [kept]
    each = kept["articles"]
    return [{**kept, "articles": each[at : at + articles]} for at in range(0, len(each), articles)]


def size(text: str) -> int:
    """Bytes of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def fits(text: str, limit: int) -> bool:
    """Whether it has no more bytes than that: of most texts it is enough to know how many characters they have."""
    return 4 * len(text) <= limit or size(text) <= limit


#: what is not cut, beside a grapheme cluster: a link, an address
_WHOLE = _LINK + r"|https?://[!#-;=?-~]+"
#: \X; but plain flags are paired here, for \X counts all flags before each of them, which is quadratic
_CLUSTER = r"[🇦-🇿]{2}(?![\p{GCB=Extend}\p{GCB=ZWJ}\p{GCB=SpacingMark}])|\X"


@functools.cache
def _clusters() -> regex.Pattern[str]:
    import regex  # only a long text needs it

    return regex.compile(_CLUSTER)


#: where a cut is best, the best first
_ENDS = (
    r"\n\s*\n",
    r"\n",
    r"[。！？!?；;…]+[”’」』）)]*|\.(?=\s)",
    r"[，、：\s]|(?<!\d)[,:]",  # never inside 1,000 and 12:30
)


def split(text: str, limit: int = LIMIT) -> list[str]:
    """The text in pieces of at most `limit` bytes, cut where a paragraph, line or sentence ends, if it must be anywhere.

    Never inside a character, a grapheme cluster, a link or an address, unless one alone is longer than a piece. The white
    space around a cut is dropped, and a piece that would show nothing. Takes linear time.
    """
    if fits(text, limit):
        return [text] if _shown(text) else []
    units = _Units.of(text, limit)
    pieces, start = list[str](), 0
    while start < len(units.texts):
        end = units.cut(start, limit)
        pieces.append(units.piece(start, end))
        start = units.after_space(end)
    return [piece for piece in pieces if _shown(piece)]


class _Units(msgspec.Struct, frozen=True):
    """A text as what is not cut, one after another, each no longer than a piece. A place is the number of a unit."""

    text: str
    texts: Sequence[str]
    chars: Sequence[int]  # characters before each, and before the end
    bytes: Sequence[int]  # the same in bytes
    places: Mapping[int, int]  # from characters back to places

    @classmethod
    def of(cls, text: str, limit: int) -> _Units:
        texts = [part for whole in _wholes(text) for part in _fitting(whole, limit)]
        chars, bytes = ([0, *itertools.accumulate(map(measure, texts))] for measure in (len, size))
        return cls(text, texts, chars, bytes, {at: place for place, at in enumerate(chars)})

    def cut(self, start: int, limit: int) -> int:
        """Where a piece ends: where the best sort of end is, unless the piece would be too short; else where it is full."""
        full = max(start + 1, bisect.bisect_right(self.bytes, self.bytes[start] + limit) - 1)
        if full == len(self.texts):
            return full
        enough = self.bytes[start] + limit // 3
        found = (self._last(ends, start, full) for ends in _ENDS)
        return next((place for place in found if place > start and self.bytes[place] >= enough), full)

    def _last(self, ends: str, start: int, full: int) -> int:
        found = re.compile(ends).finditer(self.text, self.chars[start], self.chars[full])
        return max((self.places.get(match.end(), start) for match in found), default=start)

    def piece(self, start: int, end: int) -> str:
        """Without the space before a cut; by units, for a space may carry an accent."""
        while end > start and self.texts[end - 1].isspace():
            end -= 1
        return "".join(self.texts[start:end])

    def after_space(self, start: int) -> int:
        return next((at for at in range(start, len(self.texts)) if not self.texts[at].isspace()), len(self.texts))


def _wholes(text: str) -> Iterator[str]:
    """The text, cut wherever it may be."""
    inside = {at for match in re.finditer(_WHOLE, text) for at in range(match.start() + 1, match.end())}
    ends = (match.end() for match in _clusters().finditer(text) if match.end() not in inside)
    return (text[start:end] for start, end in itertools.pairwise(itertools.chain((0,), ends)))


def _fitting(whole: str, limit: int) -> Iterator[str]:
    """What is longer than a piece as its clusters; and a cluster that is, as its characters."""
    for part in (whole,) if size(whole) <= limit else _clusters().findall(whole):
        yield from (part,) if size(part) <= limit else part
