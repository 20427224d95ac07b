wechat-dialog dev bot:bot
