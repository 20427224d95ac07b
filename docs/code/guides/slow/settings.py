from dataclasses import replace

from wechat import CHINESE, Bot

held = Bot()  # each push is held until there is an answer
prompt = Bot(slow="placeholder")  # the first push is always answered, with the placeholder if need be
behind_a_gateway = Bot(waits=3)  # it gives up after 3 seconds, and so WeChat is never kept for longer
in_other_words = Bot(fetch=("看结果",), texts=replace(CHINESE, thinking="马上就好，点这里 {fetch}"))
