import sys

from bot import bot

for openid in sys.argv[1:]:
    bot.wait(bot.user(openid).tell("会员日：今天全场八折。", key="members 2026-03", expire=86400))
bot.wait(bot.aclose())
