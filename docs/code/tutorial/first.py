from wechat import Bot, run

bot = Bot(token="demo")


@bot.text("买水果", expire=600)  # each question waits 600 seconds
def order(message):
    fruit = yield "想买什么水果？"
    count = yield "买几个？"
    return f"好的，{count}{fruit}。"


if __name__ == "__main__":
    run(bot)
