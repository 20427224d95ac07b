import os

os.environ["WECHAT_TOKEN"] = "test"  # before the bot is imported
os.environ["WECHAT_STORE"] = "memory://"
