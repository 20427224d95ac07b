wechat-dialog doctor --bot bot:bot
wechat-dialog check-url https://bot.example.com/wechat --token Token2026
