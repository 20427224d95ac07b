#!/usr/bin/env python
"""The server of 2017, with Flask: ``python demo_server.py``.

按 2017 年那篇文章部署：改好 demo_dialog.py 开头的 REDIS 配置，启动这个文件，再到公众平台填写服务器地址和 Token。
"""

import hashlib
import hmac
import os

from flask import Flask, abort, request

import demo_dialog
import wechat.bot
from wechat.errors import ProtocolError

app = Flask(__name__)

# 公众平台“服务器配置”里的 Token
TOKEN = os.environ.get("WECHAT_TOKEN", "wechatdialog")


@app.before_request
def only_wechat():
    """Whoever does not know the Token is turned away: GET and POST are signed alike."""
    parts = sorted([TOKEN, request.args.get("timestamp", ""), request.args.get("nonce", "")])
    expected = hashlib.sha1("".join(parts).encode("utf-8")).hexdigest()
    given = request.args.get("signature", "")
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8")):
        abort(403)


@app.route("/", methods=["GET"])
def wechat_get():
    """The access check, when the server is bound."""
    return request.args.get("echostr", ""), {"Content-Type": "text/plain; charset=utf-8"}


@app.route("/", methods=["POST"])
def wechat_post():
    data = request.get_data()
    return wechat.bot.answer(data, demo_dialog).format()


@app.errorhandler(ProtocolError)
def no_push(error):
    return "This is not a message of WeChat.", error.status


# 安全模式（消息加密）、限长、日志……一个视图全都有，上面这些就不用写了：
#
#   from wechat import Bot
#   from wechat.web.flask import view
#
#   bot = Bot.from_module(demo_dialog, token=TOKEN)
#   app.add_url_rule('/', view_func=view(bot))

if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(os.environ.get("PORT", "5000")))
