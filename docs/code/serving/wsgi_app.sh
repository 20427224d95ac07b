gunicorn wsgi_app:app --bind 127.0.0.1:8000 --threads 8
gunicorn wsgi_app:app --bind 127.0.0.1:8000 --workers 2 --threads 8 --preload
gunicorn wsgi_app:app --bind 127.0.0.1:8000 --worker-class gevent
gunicorn wsgi_app:app --bind 127.0.0.1:8000
uwsgi --http-socket 127.0.0.1:8000 --module wsgi_app:app --master --processes 2 --threads 8
uwsgi --http-socket 127.0.0.1:8000 --module wsgi_app:app --master --enable-threads
