from wechat import Bot, Cancelled, Dialog, StepFailed, TextMessage, TimedOut, ask, step

bot = Bot()


@step
def cancel_seat(seat: int) -> None: ...


@step
def reserve() -> int:
    return 12


@bot.text("订座", expire=300)
def booking(message: TextMessage) -> Dialog:
    try:
        seat = yield from reserve()
    except StepFailed:
        return "现在订不了，请稍后再试。"
    try:
        name = yield from ask.text(f"{seat} 号座，怎么称呼您？")
    except (TimedOut, Cancelled):  # no finally
        yield from cancel_seat(seat)
        raise
    return f"{name}，{seat} 号座给您留好了。"
