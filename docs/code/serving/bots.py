from wechat import Bot, Dialog, Message, ask

shop = Bot(token="shop")
school = Bot(token="school", appid="wx0123456789abcdef", aes_key="abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")


@shop.text("报名")
@school.text("报名")
def signup(message: Message) -> Dialog:
    name = yield from ask.text("怎么称呼您？")
    return f"{name}，报名成功。"
