python aiohttp_app.py
