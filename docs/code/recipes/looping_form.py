from wechat import Bot, ask, link

bot = Bot(token="demo")


@bot.text("点菜", expire=600)
def order(message):
    dishes = []
    while True:
        listed = "、".join(dishes) or "还没有"
        dish = yield ask.text(f"已点：{listed}。要什么？点完了就回复{link('好了')}。", longest=10)
        if dish == "好了":
            break
        if dish.startswith("不要") and dish[2:] in dishes:
            dishes.remove(dish[2:])
        elif len(dishes) < 20:
            dishes.append(dish)
    return f"下单：{'、'.join(dishes)}" if dishes else "没有点菜。"
