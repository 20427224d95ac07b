from bots import school, shop
from flask import Flask

from wechat.web.flask import view

app = Flask(__name__)
app.add_url_rule("/wechat", view_func=view(shop))
app.add_url_rule("/wechat/school", view_func=view(school), endpoint="school")
