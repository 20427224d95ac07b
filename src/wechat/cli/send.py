"""Send a message to a bot, as WeChat would, and show the reply.

  wechat-dialog send http://127.0.0.1:8000/wechat --user me 买水果
  wechat-dialog send http://127.0.0.1:8000/wechat --user me                    a chat, one message a line
  wechat-dialog send http://127.0.0.1:8000/wechat --user me --click MY_POINTS

It waits as long as WeChat does, 5 seconds, and pushes the same message again, three times in all. On stdout is what the
user sees, 「（没有回复）」 where that is nothing; on stderr is why, where it went wrong.

The exit code is 1 where the user reads 「该公众号提供的服务出现故障，请稍后再试」.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping

from ..errors import ConfigurationError
from . import push, serve, wire
from .findings import legible

#: the arguments that each stand for one message: what they take, what that is, and what makes the message
KINDS: Mapping[str, tuple[str, str, Callable[[str], push.Fields]]] = {
    "--image": ("URL", "a picture", push.image),
    "--voice": ("RECOGNITION", "a voice message, and what was recognised in it", push.voice),
    "--location": ("LAT,LNG[,LABEL]", "a location", push.location),
    "--link": ("URL", "a link", push.link),
    "--click": ("KEY", "a tap on the account's menu", push.click),
    "--scan": ("SCENE", "a follower scans a QR code", push.scan),
}


#: what may be wrong where it says so
HINTS: Mapping[str, str] = {
    "HTTP 403": "The bot has another Token (or mode) than this command: say --token, or set WECHAT_TOKEN here, too.",
    "HTTP 404": "The bot is at another path: /wechat, unless run was told another --path.",
    "refused": "Nothing listens there: is the bot running, at that port?",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", type=_url, help="where the bot is, like http://127.0.0.1:8000/wechat")
    parser.add_argument("--user", required=True, metavar="OPENID", help="who sends it: any name")
    parser.add_argument(
        "text", metavar="TEXT", nargs="*", help="what is typed; without it, or -: lines are read from stdin, a chat"
    )
    _others(parser.add_mutually_exclusive_group())
    known = parser.add_argument_group("what the account and the server know of each other")
    known.add_argument(
        "--token", default=serve.variable("WECHAT_TOKEN") or "demo", help="(default: WECHAT_TOKEN, or demo)"
    )
    known.add_argument(
        "--aes-key", metavar="K", default=serve.variable("WECHAT_AES_KEY"), help="encrypt, as in the safe mode"
    )
    known.add_argument("--appid", metavar="A", default=serve.variable("WECHAT_APPID"), help="needed with --aes-key")
    account = serve.variable("WECHAT_ACCOUNT") or "gh_demo"
    known.add_argument("--account", metavar="GH", default=account, help="(default: WECHAT_ACCOUNT, or gh_demo)")


def _others(one: argparse._MutuallyExclusiveGroup) -> None:
    """Instead of a text."""
    for name, (takes, what, make) in KINDS.items():
        one.add_argument(name, metavar=takes, dest="fields", type=make, help=what)
    new = push.subscribe("")
    one.add_argument(
        "--subscribe", metavar="SCENE", dest="fields", nargs="?", const=new, type=push.subscribe, help="a new follower"
    )
    gone = push.unsubscribe()
    one.add_argument("--unsubscribe", dest="fields", action="store_const", const=gone, help="a follower less")


def main(options: argparse.Namespace) -> int:
    sender = push.Sender(
        options.url,
        options.user,
        options.account,
        options.token,
        push.cipher(options.aes_key, options.appid, options.token),
    )
    results = [_say(sender, fields) for fields in _messages(options)]
    return 0 if all(results) else 1


def _messages(options: argparse.Namespace) -> Iterator[push.Fields]:
    """One message, or one for each line that is typed."""
    text = " ".join(options.text)
    if options.fields is not None and text:
        raise ConfigurationError("one message at a time: a TEXT, or one of the others")
    if options.fields is not None:
        yield options.fields
    elif text in ("", "-"):
        yield from map(push.text, _lines())
    else:
        yield push.text(text)


def _lines() -> Iterator[str]:
    prompt = "> " if sys.stdin.isatty() else ""
    while True:
        try:
            line = input(prompt)
        except EOFError:
            return
        except KeyboardInterrupt:
            print()  # the shell's own prompt comes next
            return
        if line:
            yield line


def _say(sender: push.Sender, fields: push.Fields) -> bool:
    """Send it, and print what the user sees; where that is the fault also what may be the cause. Gives whether it is not."""
    whys: list[str] = []
    shown = sender.send(fields, whys.append)
    hints = [hint for sign, hint in HINTS.items() if shown is None and whys and sign in whys[-1]]
    for line in [*dict.fromkeys(whys), *hints]:
        print(legible(line), file=sys.stderr, flush=True)
    print(push.FAULT if shown is None else legible(shown) or push.SILENCE, flush=True)
    return shown is not None


def _url(given: str) -> str:
    try:
        wire.place(given)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(f"{error}") from None
    return given
