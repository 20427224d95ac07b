# as it was written in 2017: not a line has to change
import re

REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, REDIS_DB = "localhost", 6379, "", 0
REDIS_KEY = "signup:%(open_id)s"

ROUTER = {
    "text": [("^报名$", "signup"), (".*", "show_help")],
    "event": [("^subscribe$", "show_help")],
}


def signup(to_user):
    yield None
    yield None
    name = yield ("TextMsg", "怎么称呼您？")
    age = yield ("TextMsg", "您的年龄？")
    if not re.match(r"^\d+$", age):
        return ("TextMsg", "输入不合法！请重新报名")
    return ("TextMsg", f"{name}，{age} 岁，报名成功")


def show_help(to_user):
    yield None
    yield None
    return ("TextMsg", "请发“报名”")
