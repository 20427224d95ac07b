"""aiogram with its finite-state machine in Redis: an update of Telegram in, the fields of the call it answers with out.

Telegram signs nothing, and its updates are JSON. Nothing is sent: as a web hook may, the handler gives the call back, and its
fields are made as aiogram makes them. (It keeps no order between one user's messages unless told to: its default.)
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.base import BaseSession
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.fsm.storage.redis import RedisStorage
from aiogram.types import Message, Update
from conversation import ASKED_HOW_MANY, Push, asked, ended

from . import Contender


class Nowhere(BaseSession):
    """No network."""

    async def make_request(self, *given: Any, **named: Any) -> Any:
        raise NotImplementedError

    async def stream_content(self, *given: Any, **named: Any) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        pass


class Accumulator(StatesGroup):
    count = State()
    number = State()


async def begin(message: Message, state: FSMContext) -> Any:
    await state.set_state(Accumulator.count)
    return message.answer(ASKED_HOW_MANY)


async def counted(message: Message, state: FSMContext) -> Any:
    await state.set_data({"count": int(message.text or ""), "i": 0, "total": 0})
    await state.set_state(Accumulator.number)
    return message.answer(asked(0, 0))


async def added(message: Message, state: FSMContext) -> Any:
    data = await state.get_data()
    i, total = data["i"] + 1, data["total"] + int(message.text or "")
    if i == data["count"]:
        await state.clear()
        return message.answer(ended(total))
    await state.set_data({**data, "i": i, "total": total})
    return message.answer(asked(i, total))


def contender(store: str) -> Contender:
    bot, dispatcher = Bot("42:bench", session=Nowhere()), Dispatcher(storage=RedisStorage.from_url(store))
    dispatcher.message(F.text == "累加器")(begin)
    dispatcher.message(Accumulator.count)(counted)
    dispatcher.message(Accumulator.number)(added)

    numbers = itertools.count(1)  # by which aiogram knows an update again: they must differ, as Telegram's do

    def prepare(push: Push) -> bytes:
        user, number = push.user, next(numbers)
        message = {"message_id": number, "date": int(push.query["timestamp"]), "text": push.text}
        message |= {"chat": {"id": user, "type": "private"}, "from": {"id": user, "is_bot": False, "first_name": "o"}}
        return json.dumps({"update_id": number, "message": message}).encode()

    async def answer(body: bytes) -> bytes:
        update = Update.model_validate(json.loads(body), context={"bot": bot})
        call = await dispatcher.feed_update(bot, update)
        fields = {
            name: bot.session.prepare_value(value, bot, {}) for name, value in call.model_dump(warnings=False).items()
        }
        return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False).encode()

    return Contender(answer_async=answer, prepare=prepare)
