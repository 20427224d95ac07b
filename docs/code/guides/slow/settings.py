from dataclasses import replace

from wechat import CHINESE, Bot

# each push is held until there is an answer
held = Bot()

# the first push is always answered, with the placeholder if need be
prompt = Bot(slow="placeholder")

# what stands in front gives up after 3 seconds
behind_a_gateway = Bot(waits=3)

words = replace(CHINESE, thinking="马上就好，点这里 {fetch}")
in_other_words = Bot(fetch=("看结果",), texts=words)
