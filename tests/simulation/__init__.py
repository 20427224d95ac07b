"""A world for the turn protocol: WeChat, a user who types at bad moments, workers that die, and a store that is no better.

What runs in it is the shipped `wechat.record`, `wechat.attempt` and `wechat.turn`, as they are: they are generators of
effects, so the world needs no event loop and replaces nothing. Everything random comes from one seed.

`speech` is a medium that is not WeChat, `dialogs` what the bot can do, `world` carries the effects out and breaks things,
`law` says what must hold after every write and at the end, `mutants` breaks the protocol's rules to see that it is noticed.

    python -m simulation 0 2000            the seeds from 0 to 1999
    python -m simulation --trace 17        what happened in one
"""
