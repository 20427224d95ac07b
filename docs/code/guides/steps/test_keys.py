from database import bot, save_order

from wechat.testing import Chat


def test_a_step_that_is_cut_off_runs_again_with_the_same_key():
    keys = []
    chat = Chat(bot, steps={save_order: lambda fruit, idempotency_key: keys.append(idempotency_key) or 1})
    chat.slow(save_order, 20)
    chat.say("买水果")
    assert chat.tap("苹果") == "正在思考… 继续"
    chat.crash()  # the step has had its effect, and its result is not on record
    chat.slow(save_order, 0)
    chat.later(10)
    assert chat.tap("继续") == "回复“苹果”：\n下单成功，单号 1。"
    first, again = keys
    assert first == again
