"""Every built-in sentence that a bot's users read.

Sentences are looked up when a reply is made, by whatever the message's user reads: the core names them and holds none.
``{…}`` are filled in; a sentence that needs none may leave them out.
"""

from __future__ import annotations

import dataclasses
import string
from typing import Any

from .errors import ConfigurationError


@dataclasses.dataclass(frozen=True, eq=False, repr=False)  # nobody compares them, and to make that takes long
class Texts:
    """Every built-in sentence; ``dataclasses.replace(CHINESE, thinking="…")`` changes one."""

    # how a turn ends
    cancelled: str = "已取消。"
    timed_out: str = "太久没有收到回复，刚才的对话已结束。"
    gave_up: str = "抱歉，还是没有看懂，刚才的对话已结束。"
    failed: str = "抱歉，出错了，请稍后再试。"
    diverged: str = "抱歉，程序更新了，刚才的对话已结束，请重新开始。"
    replaced: str = "刚才的对话已结束。"

    # what stands around a reply
    still_waiting: str = "刚才问您：{question}"
    not_taken: str = "（没有收下，请看完问题再回复一次）"
    thinking: str = "正在思考… {fetch}"
    more: str = "还有 {count} 条 {fetch}"
    unfinished: str = "（未完，{fetch}）"
    regenerated: str = "（重新生成）"
    maybe_read: str = "可能已读："
    answering: str = "回复“{message}”："
    nothing: str = "没有新的回答。"
    too_late: str = "太晚了，这条消息没有收下，请再发一次。"
    too_many: str = "消息太多，这条没有收下，请稍后再发。"

    # what an ask expects
    pick_kind: str = "请回复{kinds}。"
    kind_or: str = "或"
    kind_text: str = "文字"
    kind_image: str = "图片"
    kind_voice: str = "语音"
    kind_video: str = "视频"
    kind_location: str = "位置"
    kind_link: str = "链接"
    kind_event: str = "菜单"
    kind_other: str = "别的消息"

    # what a prompt says when it did not understand
    retry_number: str = "请回复一个整数"
    retry_number_between: str = "请回复 {low} 到 {high} 的整数"
    retry_number_from: str = "请回复不小于 {low} 的整数"
    retry_number_to: str = "请回复不大于 {high} 的整数"
    retry_amount: str = "请回复金额，如 12.50"
    retry_amount_between: str = "请回复 {low} 到 {high} 元的金额"
    retry_amount_from: str = "请回复不少于 {low} 元的金额"
    retry_amount_to: str = "请回复不多于 {high} 元的金额"
    retry_choice: str = "请回复选项前的数字，或选项本身"
    retry_choices: str = "请回复选项前的数字，可以选几个，如 1,2"
    retry_choices_between: str = "请回复选项前的数字，选 {least} 到 {most} 个，如 1,2"
    retry_date: str = "请回复日期，如 3月8日、明天、周五"
    retry_date_between: str = "请回复 {earliest} 到 {latest} 的日期"
    retry_date_from: str = "请回复不早于 {earliest} 的日期"
    retry_date_to: str = "请回复不晚于 {latest} 的日期"
    retry_time: str = "请回复时间，如 15:30 或下午三点半"
    retry_time_between: str = "请回复 {earliest} 到 {latest} 的时间"
    retry_time_from: str = "请回复不早于 {earliest} 的时间"
    retry_time_to: str = "请回复不晚于 {latest} 的时间"
    retry_phone: str = "请回复 11 位手机号"
    retry_confirm: str = "请回复“是”或“否”"
    retry_text: str = "请回复文字"
    retry_longest: str = "请回复 {longest} 个字以内的文字"
    retry_parsed: str = "没有看懂，请再回复一次"
    skip: str = "（不填就回复“跳过”）"
    yes: str = "是"
    no: str = "否"

    def __post_init__(self) -> None:
        """Raises `ConfigurationError` for a sentence that is none, or that holds a name which nobody fills in."""
        for field in dataclasses.fields(self):
            words = getattr(self, field.name)
            known = _names(field.default) | {"fetch"}
            try:
                unknown = sorted(_names(words) - known)
            except (TypeError, ValueError) as error:
                raise ConfigurationError(f"Texts({field.name}={words!r}) is no sentence: {error}") from None
            if unknown:
                filled = ", ".join(f"{{{name}}}" for name in sorted(known))
                raise ConfigurationError(
                    f"Texts({field.name}={words!r}): nobody fills in {{{unknown[0]}}}, only {filled}"
                )


def _names(words: Any) -> set[str]:
    """What is to be filled in. Raises TypeError for what is no text, ValueError for a brace that stands alone."""
    return {name for _, name, _, _ in string.Formatter().parse(words) if name is not None}


CHINESE = Texts()

ENGLISH = Texts(
    cancelled="Cancelled.",
    timed_out="That took too long; the conversation is over.",
    gave_up="Sorry, I still do not understand; the conversation is over.",
    failed="Sorry, something went wrong. Please try again later.",
    diverged="Sorry, this service was updated, and the conversation is over. Please start again.",
    replaced="The earlier conversation is over.",
    still_waiting="I had asked you: {question}",
    not_taken="(Not taken; please read the question and answer again)",
    thinking="Thinking… {fetch}",
    more="{count} more: {fetch}",
    unfinished="(to be continued: {fetch})",
    regenerated="(once more, from the beginning)",
    maybe_read="You may have read this:",
    answering="To “{message}”:",
    nothing="Nothing new.",
    too_late="Too late; this message was not taken. Please send it again.",
    too_many="Too many messages; this one was not taken. Please send it later.",
    pick_kind="Please reply with {kinds}.",
    kind_or=" or ",
    kind_text="text",
    kind_image="a picture",
    kind_voice="a voice message",
    kind_video="a video",
    kind_location="a location",
    kind_link="a link",
    kind_event="the menu",
    kind_other="another message",
    retry_number="Please reply with a whole number",
    retry_number_between="Please reply with a whole number from {low} to {high}",
    retry_number_from="Please reply with a whole number not below {low}",
    retry_number_to="Please reply with a whole number not above {high}",
    retry_amount="Please reply with an amount, like 12.50",
    retry_amount_between="Please reply with an amount from {low} to {high}",
    retry_amount_from="Please reply with an amount not below {low}",
    retry_amount_to="Please reply with an amount not above {high}",
    retry_choice="Please reply with the option's number, or the option itself",
    retry_choices="Please reply with the options' numbers, several if you like, as 1,2",
    retry_choices_between="Please reply with the options' numbers, {least} to {most} of them, as 1,2",
    retry_date="Please reply with a date, like 2026-03-08 or tomorrow",
    retry_date_between="Please reply with a date from {earliest} to {latest}",
    retry_date_from="Please reply with a date not before {earliest}",
    retry_date_to="Please reply with a date not after {latest}",
    retry_time="Please reply with a time, like 15:30",
    retry_time_between="Please reply with a time from {earliest} to {latest}",
    retry_time_from="Please reply with a time not before {earliest}",
    retry_time_to="Please reply with a time not after {latest}",
    retry_phone="Please reply with a mobile number of 11 digits",
    retry_confirm="Please reply “yes” or “no”",
    retry_text="Please reply with text",
    retry_longest="Please reply with text of at most {longest} characters",
    retry_parsed="I did not understand; please reply once more",
    skip="(Reply “skip” to leave it out.)",
    yes="Yes",
    no="No",
)
