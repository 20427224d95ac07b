wechat-dialog run bot:bot
