gunicorn wsgi:app --bind 127.0.0.1:8001 --workers 2 --threads 16 --graceful-timeout 15
