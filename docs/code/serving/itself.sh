wechat-dialog run bots:shop --port 8000 --workers 2
