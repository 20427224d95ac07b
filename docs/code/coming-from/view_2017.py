import signup_2017
from flask import Flask, request

import wechat.bot

app = Flask(__name__)


@app.route("/", methods=["POST"])
def wechat_post():
    data = request.get_data()
    return wechat.bot.answer(data, signup_2017).format()
