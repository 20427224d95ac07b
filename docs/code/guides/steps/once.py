from wechat import Bot, Dialog, StepInterrupted, TextMessage, ask, link, step

bot = Bot()


@step(once=True, timeout=20)
def send_sms(phone: str) -> None: ...  # a provider that knows no idempotency key


@bot.text("验证码")
def code(message: TextMessage) -> Dialog:
    phone = yield from ask.phone("手机号？")
    try:
        yield from send_sms(phone)
    except StepInterrupted:  # nobody knows whether it was sent
        return f"短信可能已经发出。一分钟后还没有收到，请再试一次：{link('验证码')}"
    return "短信已经发出。"
