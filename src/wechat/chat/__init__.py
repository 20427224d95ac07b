"""The chat page: a conversation with the bot under development in the browser, and beside it what happens inside.

Two processes. The *stage* serves the page, plays WeChat (signed pushes over HTTP, five seconds, three times), and keeps what
the page shows. The *worker* serves the bot, and tells the stage what it does; it can be killed, and is begun anew when
the code changes, while the stage and every conversation go on.

- `worker` runs in the worker; `watch` is what it tells.
- `crew` keeps one worker running, for the stage; `channel` is the line between the two.
- `stage` holds what the page shows; `platform` plays WeChat; `bubbles` makes what is said fit for the page.
- `app` serves it: the page, its requests, its events, and the bot's own path.

For development only: `wechat-dialog run` has none of this.
"""
