"""wechat-dialog."""
