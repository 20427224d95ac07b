import httpx

from wechat import Bot, Dialog, StepFailed, TextMessage, ask, step

bot = Bot()
WEATHER = "http://127.0.0.1:9000/weather"


@step(retries=3, timeout=10)  # four tries at most, of 10 seconds each
def weather(city: str) -> str | None:
    # a shorter time-out than the step's: a thread cannot be killed
    response = httpx.get(f"{WEATHER}/{city}", timeout=9)
    if response.status_code == 404:
        return None  # an answer, and no failure: it would be asked four times
    response.raise_for_status()
    return response.json()["text"]


@bot.text("天气")
def forecast(message: TextMessage) -> Dialog:
    city = yield from ask.text("哪个城市？")
    try:
        text = yield from weather(city)
    except StepFailed as failed:
        slow = failed.type == "TimeoutError"
        return "天气台太慢了。" if slow else "天气台没有回答。"
    return text or "没有这个城市。"
