from wechat import Bot, say

bot = Bot(token="demo")

CHAPTERS = ["第一章\n" + "从前有座山，山里有座庙。" * 80, "第二章\n" + "庙里有个老和尚。" * 20]


@bot.text("讲故事")
def story(message):
    for chapter in CHAPTERS:
        yield say(chapter)
    return "（完）"
