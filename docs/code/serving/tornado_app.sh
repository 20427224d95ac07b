python tornado_app.py
