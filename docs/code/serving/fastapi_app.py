from bots import school, shop
from fastapi import FastAPI

from wechat.web.fastapi import router

app = FastAPI()
app.include_router(router(shop))  # at /wechat
app.include_router(router(school, "/wechat/school"))
