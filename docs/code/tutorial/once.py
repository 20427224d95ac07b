from wechat import Bot, Dialog, StepFailed, StepInterrupted, TextMessage, ask, step

bot = Bot(token="demo")


def pay(amount: int, key: str) -> str:
    return f"P{amount}"  # your payment service


# --8<-- [start:charge]
@step(once=True, timeout=10)
def charge(amount: int, idempotency_key: str = "") -> str:
    return pay(amount, idempotency_key)


@bot.text("付款", expire=600)
def payment(message: TextMessage) -> Dialog:
    amount = yield from ask.number("付多少元？", 1, 500)
    try:
        receipt = yield from charge(amount)
    except StepInterrupted:  # nobody knows whether it was done
        return "付款结果还不清楚，请不要再付，我们会查清楚告诉您。"
    except StepFailed:
        return "没有付成，请再试一次。"
    return f"付款成功，回执 {receipt}。"


# --8<-- [end:charge]
