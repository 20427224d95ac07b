pip install "wechat-dialog[server]"
