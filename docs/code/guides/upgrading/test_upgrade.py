import datetime as dt
import itertools
from pathlib import Path

import pytest

from wechat import TextMessage

DIVERGED = "抱歉，程序更新了，刚才的对话已结束，请重新开始。"


@pytest.fixture
def deployed(tmp_path, monkeypatch):
    """Runs a file as a worker would, on the store of all of them. Gives what the user reads."""
    monkeypatch.setenv("WECHAT_TOKEN", "test")
    monkeypatch.setenv("WECHAT_STORE", f"sqlite:///{tmp_path}/bot.db")
    numbers, bots = itertools.count(1), {}

    def say(name, text):
        if name not in bots:
            code = Path(__file__).with_name(f"{name}.py")
            exec(compile(code.read_text("utf-8"), code, "exec"), bots.setdefault(name, {}))
        message = TextMessage(
            text=text,
            id=str(next(numbers)),
            openid="oUser",
            account="gh_0123456789ab",
            time=dt.datetime.now(dt.timezone.utc),
        )
        bot = bots[name]["bot"]
        return bot.wait(bot.deliver(message)).text

    yield say
    for made in bots.values():
        made["bot"].wait(made["bot"].aclose())


def test_other_words_and_one_more_option_at_the_end_need_nothing(deployed):
    deployed("version_1", "买水果")
    assert deployed("reworded", "苹果") == "请告诉我地址。"
    assert deployed("reworded", "西湖") == "好的，苹果送到西湖，一小时内到。"


def test_a_question_in_the_middle_ends_the_conversations_behind_it(deployed):
    deployed("version_1", "买水果")
    deployed("version_1", "苹果")
    assert deployed("inserted", "西湖") == DIVERGED
    deployed("inserted", "买水果")
    assert deployed("inserted", "苹果") == "买几个？"


def test_conversations_of_version_1_end_with_version_1(deployed):
    deployed("version_1", "买水果")
    deployed("version_1", "苹果")
    assert deployed("version_2", "西湖") == "好的，苹果送到西湖。"
    deployed("version_2", "买水果")
    assert deployed("version_2", "苹果") == "买几个？"


def test_questions_that_changed_places_are_told_apart_by_their_keys(deployed):
    deployed("keys", "寄件")
    deployed("keys", "小明")
    assert deployed("swapped", "小红") == DIVERGED
