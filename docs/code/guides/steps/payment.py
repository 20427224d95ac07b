import httpx

from wechat import Bot, Dialog, StepFailed, TextMessage, ask, step

bot = Bot()
PAYMENTS = "http://127.0.0.1:9000/charges"


@step(retries=3, timeout=10)
async def charge(openid: str, yuan: int, idempotency_key: str = "") -> str:
    async with httpx.AsyncClient() as client:
        response = await client.post(
            PAYMENTS, json={"payer": openid, "yuan": yuan}, headers={"Idempotency-Key": idempotency_key}
        )
    response.raise_for_status()
    return response.json()["id"]


@bot.text("充值")
def top_up(message: TextMessage) -> Dialog:
    yuan = yield from ask.number("充多少元？", 1, 500)
    try:
        number = yield from charge(message.openid, yuan)
    except StepFailed:
        return "没有扣款，请稍后再试。"
    return f"充了 {yuan} 元，流水号 {number}。"
