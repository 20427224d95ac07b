pip install 'uvicorn[standard]'
uvicorn asgi:app --host 127.0.0.1 --port 8001 --workers 2 --no-access-log --timeout-graceful-shutdown 6
