from wechat import Bot, ask, step

bot = Bot(token="demo")


@step
def save_order(fruit):
    return 17  # the number that your database gave


# --8<-- [start:order]
@bot.text("买水果")
def order(message):
    fruit = yield ask.choice("想买什么水果？", ["苹果", "香蕉"])
    order_id = yield save_order(fruit)
    yield f"单号 {order_id}，地址？"
    # --8<-- [end:order]
