gunicorn django_wsgi:app --bind 127.0.0.1:8000 --threads 8
