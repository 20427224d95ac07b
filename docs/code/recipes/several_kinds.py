from wechat import Bot, ImageMessage, LocationMessage, TextMessage, VoiceMessage, ask, step

bot = Bot(token="demo")


@step
def save(openid, kind, what, *, idempotency_key=""):
    """To your database."""


@bot.text("报修", expire=600)
def report(message):
    found = yield ask("请描述问题：文字、语音或照片都可以。", accept=(TextMessage, VoiceMessage, ImageMessage))
    what = found.url if isinstance(found, ImageMessage) else found.text or found.media_id
    yield save(message.openid, found.kind, what)
    where = yield ask("在哪里？发位置，或者打地址。", accept=(LocationMessage, TextMessage))
    place = where.label if isinstance(where, LocationMessage) else where.text
    return f"收到，{place}，我们会尽快处理。"
