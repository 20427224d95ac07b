from bots import school, shop
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

from wechat.web.django import async_view

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="your own")
urlpatterns = [path("wechat", async_view(shop)), path("wechat/school", async_view(school))]
app = get_asgi_application()
