import sqlite3
import sys
from contextlib import closing

from wechat import Bot, TextMessage, link, step

bot = Bot()
TABLE = "CREATE TABLE IF NOT EXISTS erase (openid TEXT PRIMARY KEY)"


@bot.text("删除我的数据", interrupt=True)
def asked(message: TextMessage) -> str:
    return f"确定的话，点这里：{link('确定删除我的数据')}"


@bot.text("确定删除我的数据", interrupt=True)
@step
def wanted(message: TextMessage) -> str:
    with closing(sqlite3.connect("erase.db")) as database, database:
        database.execute(TABLE)
        database.execute("INSERT OR IGNORE INTO erase VALUES (?)", (message.openid,))
    return "一小时内删除。"


def erase_all() -> None:
    """For cron. Not in a handler: it would erase the record of its own turn."""
    with closing(sqlite3.connect("erase.db")) as database, database:
        database.execute(TABLE)
        for [openid] in database.execute("SELECT openid FROM erase").fetchall():
            bot.wait(bot.user(openid).forget())
            # and here what you keep of them yourself
            database.execute("DELETE FROM erase WHERE openid = ?", (openid,))


if __name__ == "__main__":
    erase_all()
    sys.exit()
