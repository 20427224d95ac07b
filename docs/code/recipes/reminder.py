# crontab: 0 18 * * *  WECHAT_STORE=redis://localhost/0 WECHAT_ACCOUNT=gh_0123456789ab python reminder.py
from wechat import Bot

bot = Bot(token="demo")


def tomorrow():
    """From your database: (number, openid, time) of each appointment."""
    return [(17, "oUser", "9:30"), (18, "oOther", "14:00")]


async def remind():
    for number, openid, time in tomorrow():
        said = f"提醒您：明天 {time} 有预约。"
        await bot.user(openid).tell(said, key=f"appointment {number}", expire=24 * 3600)


if __name__ == "__main__":
    bot.wait(remind())
