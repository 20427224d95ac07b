# -*- coding: utf-8 -*-
"""An account's dialogs, written as in 2017: https://github.com/arthurmmm/wechat-dialog

会话逻辑，按 2017 年那篇文章的写法。accumulator 一字未改，取自文章（arthurmmm，MIT）。今天的写法见 README。
"""

# REDIS 配置，请自行替换
REDIS_HOST = 'your_redis_ip'
REDIS_PORT = 6379
REDIS_PASSWORD = 'your_redis_password'
REDIS_DB = 0
# 会话记录的 key，%(open_id)s 是用户的 open_id
REDIS_KEY = 'wechat-dialog:demo:%(open_id)s'

# 消息类型 → (正则表达式, 处理函数)，从上往下找第一个匹配的
ROUTER = {
    'text': [  # 用文本内容匹配
        ('^累加器$', 'accumulator'),
        ('^开始$', 'accumulator'),
        ('^菜单$', 'menu'),
        ('^源码$', 'show_links'),
        ('.*', 'show_help'),
    ],
    'event': [  # 用事件名匹配
        ('^subscribe$', 'show_welcome'),
    ],
    'image': [  # 其他类型都用 default 匹配
        ('.*', 'show_help'),
    ],
}

HELP = '''试试回复：
累加器 —— 一个函数，问几个数，加起来
菜单 —— 答非所问，就当作一句新的话
源码 —— 一条图文消息'''


def accumulator(to_user):
    yield None
    msg_content = yield None
    
    num_count = yield ('TextMsg', '您需要累加几个数字？')
    try:
        num_count = int(num_count)
    except Exception:
        return ('TextMsg', '输入不合法！我们需要一个整数，请输入"开始"重新开启累加器')
    res = 0
    for i in range(num_count):
        num = yield ('TextMsg', '请输入第%s个数字, 目前累加和:%s' % (i+1, res))
        try:
            num = int(num)
        except Exception:
            return ('TextMsg', '输入不合法！我们需要一个整数，请输入"开始"重新开启累加器')
        res += num
        
    # 注意：最后一个消息一定要用return不要用yield！return用于标记会话结束。
    return ('TextMsg', '累加结束，累加和: %s' % res)


def menu(to_user):
    yield None
    msg_content = yield None

    msg_content = yield ('TextMsg', '1. 苹果\n2. 香蕉\n请回复数字。回复别的话，就按新的话处理，比如“累加器”。')
    fruits = {'1': '苹果', '2': '香蕉'}
    if msg_content not in fruits:
        from wechat.bot import UnexpectAnswer
        raise UnexpectAnswer  # 这句话不是给我的：这段会话到此为止，重新找处理函数
    return ('TextMsg', '给你一个%s' % fruits[msg_content])


def show_links(to_user):
    yield None
    msg_content = yield None

    return ('NewsMsg', [
        {
            'title': 'wechat-dialog',
            'description': '用一个函数写一段公众号会话',
            'url': 'https://github.com/arthurmmm/wechat-dialog',
            # 图片可以不写：'pic_url': 'https://…'
        },
    ])


def show_welcome(to_user):
    yield None
    msg_content = yield None

    return ('TextMsg', '感谢关注！\n' + HELP)


def show_help(to_user):
    yield None
    msg_content = yield None  # 用户发来的话

    return ('TextMsg', HELP)
