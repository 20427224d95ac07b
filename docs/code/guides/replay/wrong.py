import random
import time

from wechat import Bot, ask, say

bot = Bot()


@bot.text("抽奖")
def draw(message):
    began = time.time()
    number = random.randint(1, 100)
    name = yield ask.text("怎么称呼您？")
    say(f"{name}，您好。")
    with open("winners.txt", "a") as file:
        file.write(f"{name} {number}\n")
    print(name, time.time() - began)
    return f"您的号码是 {number}。"
