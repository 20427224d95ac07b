from wechat import CHINESE, ENGLISH, Bot, ask

TEXTS = {"zh": CHINESE, "en": ENGLISH}
HELLO = {"zh": "几位？", "en": "How many guests?"}
LANGUAGES = {}  # openid → language; several workers: a table that all of them read


def language(openid):
    return LANGUAGES.get(openid, "zh")


def texts(message):  # asked at every push, on the event loop: it must be quick
    return TEXTS[language(message.openid)]


bot = Bot(token="demo", texts=texts)


@bot.text("English", "中文", interrupt=True)
def choose(message):
    LANGUAGES[message.openid] = "en" if "english" in message.text.casefold() else "zh"
    return "OK." if language(message.openid) == "en" else "好的。"


@bot.text("订座", "book")
def book(message):
    guests = yield ask.number(HELLO[language(message.openid)], 1, 20)
    return f"{guests} ✓"
