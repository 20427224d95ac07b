from wechat import Bot

bot = Bot(
    token="Token2026",
    account="gh_0123456789ab",  # pushes to any other account are refused
    appid="wx0123456789abcdef",
    aes_key=("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"),
)
print(bot.settings)
