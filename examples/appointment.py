"""An appointment: a form where 返回 goes one question back, and a place that is held meanwhile.

    wechat-dialog run appointment:bot
    wechat-dialog send http://127.0.0.1:8000/wechat --user me 预约

`in_order` is all there is to going back: copy it. The place is held as soon as the hour is known, and released when
the user cancels or comes back too late. Who never comes back raises nothing, so a hold also ends by itself. Kept in
appointments.db.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import os
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from wechat import Bot, Cancelled, Dialog, SubDialog, TextMessage, TimedOut, WentBack, ask, now, run, say, step

bot = Bot(os.environ.get("WECHAT_TOKEN", "demo"))

PLACES = 2  # at each hour
HOLD = 1800  # seconds


class Visit(NamedTuple):
    id: str
    at: dt.datetime = dt.datetime.min
    phone: str = ""


def execute(sql: str, **values: object) -> int:
    """The number of rows that it changed."""
    with contextlib.closing(sqlite3.connect("appointments.db")) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS visit (id TEXT PRIMARY KEY, at TEXT, phone TEXT, until REAL)")
        return database.execute(sql, values).rowcount


@step
def take(visit: Visit, time: float, until: float) -> bool:
    """Whether a place was left. A visit has one, which moves with it: run again, this does the same."""
    sql = """INSERT OR REPLACE INTO visit SELECT :id, :at, :phone, :until WHERE :places >
             (SELECT count(*) FROM visit WHERE at = :at AND id != :id AND until > :time)"""
    values = {**visit._asdict(), "at": visit.at.isoformat()}
    return execute(sql, **values, time=time, until=until, places=PLACES) == 1


@step
def release(id: str) -> None:
    execute("DELETE FROM visit WHERE id = :id", id=id)


def in_order(visit: Visit, *questions: Callable[[Visit], SubDialog[Visit]]) -> SubDialog[Visit]:
    """Ask one question after another, each of which adds its answer; at 返回 the one before is asked again."""
    drafts = [visit]
    while len(drafts) <= len(questions):
        try:
            drafts.append((yield from questions[len(drafts) - 1](drafts[-1])))
        except WentBack:
            drafts = drafts[:-1] or drafts  # nothing stands before the first
    return drafts[-1]


def which_day(visit: Visit) -> SubDialog[Visit]:
    tomorrow = now().date() + dt.timedelta(days=1)
    day = yield from ask.date("哪天来？（明天、周五、3月8日…）", tomorrow, tomorrow + dt.timedelta(days=30))
    return visit._replace(at=dt.datetime.combine(day, dt.time()))


def which_hour(visit: Visit) -> SubDialog[Visit]:
    while True:
        time = yield from ask.time("几点？（9 点到 17 点的整点，“返回”换一天）", dt.time(9), dt.time(17), back=True)
        if time.minute:
            yield from say("只约整点。")
            continue
        asked = visit._replace(at=visit.at.replace(hour=time.hour))
        if (yield from take(asked, now().timestamp(), now().timestamp() + HOLD)):
            return asked
        yield from say(f"{time.hour} 点约满了。")


def which_phone(visit: Visit) -> SubDialog[Visit]:
    return visit._replace(phone=(yield from ask.phone("手机号？（“返回”换时间）", back=True)))


def whether_right(visit: Visit) -> SubDialog[Visit]:
    if not (yield from ask.confirm(f"{visit.at:%m月%d日 %H:%M}，{visit.phone}，对吗？", back=True)):
        raise Cancelled
    return visit


@bot.text("预约", expire=600)
def appointment(message: TextMessage) -> Dialog:
    try:
        visit = yield from in_order(Visit(message.id), which_day, which_hour, which_phone, whether_right)
    except (Cancelled, TimedOut):
        yield from release(message.id)
        raise
    if (yield from take(visit, now().timestamp(), math.inf)):
        return f"约好了：{visit.at:%m月%d日 %H:%M}。"
    return "抱歉，保留的时间过了，又被别人约满了，请重新预约。"


if __name__ == "__main__":
    run(bot)
