from bot import bot


async def parcel_arrived(openid: str, number: str) -> None:
    user = bot.user(openid)
    await user.remember("parcel", number, expire=30 * 86400)
    await user.tell(f"您的包裹 {number} 到了，在门口的柜子里。", key=f"parcel {number}")


async def tidied_up(openid: str) -> None:
    user = bot.user(openid)
    if await user.waiting() == "order":  # the name of the dialog that waits
        await user.end("今天打烊了，明天再来。")
