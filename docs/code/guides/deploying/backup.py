import sqlite3
import sys
from contextlib import closing

source, target = sys.argv[1:]
with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
    live.backup(copy)
