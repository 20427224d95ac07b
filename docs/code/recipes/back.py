from wechat import Bot, WentBack, ask

bot = Bot(token="demo")

QUESTIONS = [
    lambda: ask.choice("去哪里？（随时可以回复“上一步”）", ["海边", "山里"], back=True),
    lambda: ask.number("几位？", 1, 9, back=True),
    lambda: ask.date("哪天出发？", back=True),
]


@bot.text("旅行", expire=600)
def trip(message):
    answers = []
    while len(answers) < len(QUESTIONS):
        try:
            answers.append((yield QUESTIONS[len(answers)]()))
        except WentBack:
            answers = answers[:-1]  # at the first question: once more
    where, people, day = answers
    return f"{day:%m月%d日}，{people} 位去{where}。"
