import pytest
from hidden import bot

from wechat.testing import Chat


def test_the_queue_depends_on_more_than_its_journal():
    chat = Chat(bot)
    chat.say("排队")
    with pytest.raises(AssertionError, match="does not do what it did"):
        chat.say("小明")
