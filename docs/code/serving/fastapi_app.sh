uvicorn fastapi_app:app --port 8000 --no-access-log
