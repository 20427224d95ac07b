from bots import school, shop
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path

from wechat.web.django import view

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="your own")
urlpatterns = [path("wechat", view(shop)), path("wechat/school", view(school))]
app = get_wsgi_application()
