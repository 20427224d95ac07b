"""Write a conversation on a WeChat Official Account (微信公众号) as one Python function.

What stands here is public, and so are `wechat.errors`, `wechat.web`; everything else may change.
"""

from typing import TYPE_CHECKING

from .attempt import Turn as Turn
from .bot import Bot as Bot
from .dialog import Again as Again
from .dialog import Command as Command
from .dialog import Dialog as Dialog
from .dialog import Step as Step
from .dialog import StepFunction as StepFunction
from .dialog import SubDialog as SubDialog
from .dialog import again as again
from .dialog import call as call
from .dialog import forget as forget
from .dialog import now as now
from .dialog import recall as recall
from .dialog import remember as remember
from .dialog import rng as rng
from .dialog import say as say
from .dialog import step as step
from .dialog import stream as stream
from .errors import Cancelled as Cancelled
from .errors import ConfigurationError as ConfigurationError
from .errors import DialogError as DialogError
from .errors import Diverged as Diverged
from .errors import ForgottenYield as ForgottenYield
from .errors import GaveUp as GaveUp
from .errors import ProtocolError as ProtocolError
from .errors import Reroute as Reroute
from .errors import StepFailed as StepFailed
from .errors import StepInterrupted as StepInterrupted
from .errors import StoreError as StoreError
from .errors import TimedOut as TimedOut
from .errors import WeChatError as WeChatError
from .errors import WentBack as WentBack
from .prompts import ask as ask
from .receive import ClickEvent as ClickEvent
from .receive import Event as Event
from .receive import ImageMessage as ImageMessage
from .receive import LinkMessage as LinkMessage
from .receive import LocationMessage as LocationMessage
from .receive import Message as Message
from .receive import ScanEvent as ScanEvent
from .receive import SubscribeEvent as SubscribeEvent
from .receive import TextMessage as TextMessage
from .receive import UnsubscribeEvent as UnsubscribeEvent
from .receive import VideoMessage as VideoMessage
from .receive import VoiceMessage as VoiceMessage
from .reply import Article as Article
from .reply import Image as Image
from .reply import Music as Music
from .reply import News as News
from .reply import Reply as Reply
from .reply import Say as Say
from .reply import Text as Text
from .reply import Transfer as Transfer
from .reply import Video as Video
from .reply import Voice as Voice
from .reply import link as link
from .router import Router as Router
from .runtime import log as log
from .texts import CHINESE as CHINESE
from .texts import ENGLISH as ENGLISH
from .texts import Texts as Texts
from .user import User as User

if TYPE_CHECKING:
    from .cli.serve import run as run
    from .markdown import plain as plain

__all__ = [
    "CHINESE",
    "ENGLISH",
    "Again",
    "Article",
    "Bot",
    "Cancelled",
    "ClickEvent",
    "Command",
    "ConfigurationError",
    "Dialog",
    "DialogError",
    "Diverged",
    "Event",
    "ForgottenYield",
    "GaveUp",
    "Image",
    "ImageMessage",
    "LinkMessage",
    "LocationMessage",
    "Message",
    "Music",
    "News",
    "ProtocolError",
    "Reply",
    "Reroute",
    "Router",
    "Say",
    "ScanEvent",
    "Step",
    "StepFailed",
    "StepFunction",
    "StepInterrupted",
    "StoreError",
    "SubDialog",
    "SubscribeEvent",
    "Text",
    "TextMessage",
    "Texts",
    "TimedOut",
    "Transfer",
    "Turn",
    "UnsubscribeEvent",
    "User",
    "Video",
    "VideoMessage",
    "Voice",
    "VoiceMessage",
    "WeChatError",
    "WentBack",
    "again",
    "ask",
    "call",
    "forget",
    "link",
    "log",
    "now",
    "plain",
    "recall",
    "remember",
    "rng",
    "run",
    "say",
    "step",
    "stream",
]

#: what is imported when it is used: most bots need none of it, and a worker begins the sooner
_LATER = {"run": ".cli.serve", "plain": ".markdown", "web": ""}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    room = _LATER[name] or f".{name}"
    found = importlib.import_module(room, __name__)
    value = globals()[name] = getattr(found, name) if _LATER[name] else found
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
