python backup.py /var/lib/wechat-bot/bot.db /var/backups/bot-$(date +%F).db
