from bot import bot
from fastapi import FastAPI

from wechat.web.fastapi import router

app = FastAPI()
app.include_router(router(bot))


@app.post("/paid/{openid}/{number}")  # check first that the payment provider sent it
async def paid(openid: str, number: str) -> None:
    await bot.user(openid).tell(f"订单 {number} 收到付款了。", key=f"paid {number}")
