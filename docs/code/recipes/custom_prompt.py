import re

from wechat import Bot, ask

bot = Bot(token="demo")

PLATE = re.compile(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][A-Z0-9]{5,6}")


def plate(text):
    """The number plate that a text is. Raises ValueError for any other: then `retry` is said."""
    found = text.upper().replace(" ", "").replace("·", "")
    if not PLATE.fullmatch(found):
        raise ValueError(found)
    return found


def ask_plate(say, **more):
    return ask.parsed(say, plate, **{"retry": "请回复车牌号，如 京A12345", "tries": 3, **more})


@bot.text("停车")
def park(message):
    number = yield ask_plate("车牌号？")
    return f"{number} 开始计时。"
