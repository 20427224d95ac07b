"""Real workers on a real store, a client that behaves as WeChat, and processes that are really killed.

What is proved in `simulation` meets event loops, threads, sockets and ``kill -9`` here. The judge is a ledger outside of
everything: a file to which each step adds a line as it runs.
"""
