uvicorn django_asgi:app --port 8000 --no-access-log
