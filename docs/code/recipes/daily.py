from datetime import date

from wechat import Bot, now, recall, remember, rng

bot = Bot(token="demo")


@bot.text("签到")
def sign_in(message):
    today = now().date()  # from the journal: the same on every replay
    last, days = yield recall("signed", [None, 0])
    if last == str(today):
        return f"今天签过了，连续 {days} 天。"
    days = days + 1 if last and (today - date.fromisoformat(last)).days == 1 else 1
    yield remember("signed", [str(today), days])
    return f"签到成功，连续 {days} 天，得 {rng().randint(1, 10)} 分。"
