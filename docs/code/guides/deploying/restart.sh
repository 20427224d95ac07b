sudo systemctl restart wechat-bot@8001
curl --fail --silent --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8001/healthz
sudo systemctl restart wechat-bot@8002
curl --fail --silent --retry 20 --retry-delay 1 --retry-connrefused http://127.0.0.1:8002/healthz
