wechat-dialog inspect oAbC… --json
wechat-dialog forget oAbC… --yes
