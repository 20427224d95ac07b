import hashlib
import hmac

from fastapi import FastAPI, HTTPException

from wechat import Bot, ask, recall
from wechat.web.fastapi import router

bot = Bot(token="demo", account="gh_0123456789ab")
app = FastAPI()
app.include_router(router(bot))
SECRET = b"a secret of your own"


def ticket(openid):
    return hmac.new(SECRET, openid.encode(), hashlib.sha256).hexdigest()


@bot.text("会员")
def member(message):
    name = yield recall("name")
    if name:
        return f"您好，{name}。"
    address = f"https://example.com/name/{message.openid}/{ticket(message.openid)}"
    yield ask(f'请<a href="{address}">填写姓名</a>，然后回复任意文字。')
    return f"您好，{(yield recall('name', '朋友'))}。"


@app.post("/name/{openid}/{proof}")
async def named(openid: str, proof: str, name: str) -> str:
    if not hmac.compare_digest(proof, ticket(openid)):
        raise HTTPException(403)
    await bot.user(openid).remember("name", name)
    return "好了，请回到公众号。"
