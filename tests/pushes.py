"""What WeChat pushes, as plain data: every message and every event, with the fields that its pages give them.

Values are made up. A list stands for an element that is repeated. Common fields are added by whoever pushes them.
"""

from __future__ import annotations

from typing import Any

from wechat import receive

Fields = dict[str, Any]

SENT: list[tuple[Fields, type[receive.Message]]] = [
    ({"MsgType": "text", "Content": " 买水果\n两斤 🍎 ]]> & < "}, receive.TextMessage),
    ({"MsgType": "text", "Content": "是", "bizmsgmenuid": "101"}, receive.TextMessage),
    ({"MsgType": "text", "Content": "读过了", "MsgDataId": "2247483655", "Idx": "1"}, receive.TextMessage),
    ({"MsgType": "image", "PicUrl": "http://mmbiz.example.com/p/0", "MediaId": "m1"}, receive.ImageMessage),
    ({"MsgType": "voice", "MediaId": "m2", "Format": "amr"}, receive.VoiceMessage),
    (
        {"MsgType": "voice", "MediaId": "m2", "Format": "speex", "Recognition": "买水果", "MediaId16K": "m3"},
        receive.VoiceMessage,
    ),
    ({"MsgType": "video", "MediaId": "m4", "ThumbMediaId": "t4"}, receive.VideoMessage),
    ({"MsgType": "shortvideo", "MediaId": "m5", "ThumbMediaId": "t5"}, receive.VideoMessage),
    (
        {"MsgType": "location", "Location_X": "23.134521", "Location_Y": "113.358803", "Scale": "20", "Label": "东街1号"},
        receive.LocationMessage,
    ),
    (
        {"MsgType": "link", "Title": "公告", "Description": "放假", "Url": "http://example.com/?a=1&b=2"},
        receive.LinkMessage,
    ),
    ({"MsgType": "miniprogrampage", "Title": "店", "AppId": "wx12", "PagePath": "p/i", "ThumbUrl": "u"}, receive.Message),
    ({"MsgType": "file", "Title": "账单.pdf", "FileKey": "k", "FileMd5": "d41d8", "FileTotalLen": "12"}, receive.Message),
    ({"MsgType": "device_text", "DeviceType": "gh_d", "DeviceID": "7", "SessionID": "9", "Content": "aGk="}, receive.Message),
    ({"MsgType": "device_event", "Event": "bind", "DeviceType": "gh_d", "DeviceID": "7", "OpenID": "o"}, receive.Message),
    ({"MsgType": "device_status", "DeviceStatus": "1", "DeviceID": "7"}, receive.Message),
    ({"MsgType": "hologram", "Beam": "on"}, receive.Message),
]  # fmt: skip

_CARD = {"CardId": "pFS7Fjg8kV1IdDz01r4SQwMkuCKc", "UserCardCode": "12312312"}
_PIC = {"PicMd5Sum": "1b5f7c23b5bf75682a53e7b6d163e185"}
_CHECK = {"Count": "1", "ResultList": {"item": {"ArticleIdx": "1", "UserDeclareState": "0"}}, "CheckState": "2"}
_POPUP = {"TemplateId": "hD-ixGOhYmUfjOnI8MC", "SubscribeStatusString": "accept", "PopupScene": "0"}
_CHANGE = {"TemplateId": "BEwX0BOT3MqK3Uc5oTU", "SubscribeStatusString": "reject"}
_SENT_ITEM = {"TemplateId": "BEwX0BOT", "MsgID": "1700827132819554304", "ErrorCode": "0", "ErrorStatus": "success"}
_PUBLISH = {"publish_id": "2247503051", "publish_status": "0", "article_id": "b5O2OUs25HBxRceL7hfReg"}
_ARTICLE = {"idx": "1", "article_url": "https://mp.example.com/s/1"}
_SCAN = {"ScanType": "qrcode", "ScanResult": "http://example.com/q?x=1"}
_POINT = {"Location_X": "23", "Location_Y": "113", "Scale": "15", "Label": "广州", "Poiname": ""}
_PRODUCT = {"KeyStandard": "ean13", "KeyStr": "6900873042720", "Country": "中国", "Province": "广东", "City": "揭阳"}
_VERIFY = {"FailTime": "1442401061", "FailReason": "by time"}
_EVENT = receive.Event

#: an event, its other fields, its class, and whether WeChat shows no reply to it
EVENTS: list[tuple[str, Fields, type[receive.Message], bool]] = [
    ("subscribe", {"EventKey": ""}, receive.SubscribeEvent, False),
    ("subscribe", {}, receive.SubscribeEvent, False),
    ("subscribe", {"EventKey": "qrscene_123", "Ticket": "TICKET"}, receive.SubscribeEvent, False),
    ("subscribe", {"EventKey": "last_trade_no_4003"}, receive.SubscribeEvent, False),
    ("subscribe", {"EventKey": "scanbarcode|6|6900873042720|sc"}, receive.SubscribeEvent, False),
    ("subscribe", {"EventKey": "scanimage|6|6900873042720"}, receive.SubscribeEvent, False),
    ("unsubscribe", {"EventKey": ""}, receive.UnsubscribeEvent, True),
    ("SCAN", {"EventKey": "SCENE_VALUE", "Ticket": "TICKET"}, receive.ScanEvent, False),
    ("LOCATION", {"Latitude": "23.137466", "Longitude": "113.352425", "Precision": "119.385040"}, _EVENT, True),
    ("CLICK", {"EventKey": "MENU_ORDER"}, receive.ClickEvent, False),
    ("VIEW", {"EventKey": "http://www.example.com/", "MenuId": "402101001"}, _EVENT, True),
    ("view_miniprogram", {"EventKey": "pages/index/index", "MenuId": "402101001"}, _EVENT, True),
    ("scancode_push", {"EventKey": "6", "ScanCodeInfo": _SCAN}, _EVENT, False),
    ("scancode_waitmsg", {"EventKey": "6", "ScanCodeInfo": _SCAN}, _EVENT, False),
    ("pic_sysphoto", {"EventKey": "6", "SendPicsInfo": {"Count": "1", "PicList": {"item": _PIC}}}, _EVENT, False),
    ("pic_photo_or_album", {"EventKey": "6", "SendPicsInfo": {"Count": "2", "PicList": {"item": [_PIC, _PIC]}}}, _EVENT, False),
    ("pic_weixin", {"EventKey": "6", "SendPicsInfo": {"Count": "1", "PicList": {"item": _PIC}}}, _EVENT, False),
    ("location_select", {"EventKey": "6", "SendLocationInfo": _POINT}, _EVENT, False),
    ("TEMPLATESENDJOBFINISH", {"MsgID": "200163836", "Status": "failed:user block"}, _EVENT, True),
    (
        "MASSSENDJOBFINISH",
        {
            "MsgID": "1000001625", "Status": "err(30003)", "TotalCount": "0", "FilterCount": "0", "SentCount": "0",
            "ErrorCount": "0", "CopyrightCheckResult": _CHECK,
            "ArticleUrlResult": {"Count": "1", "ResultList": {"item": {"ArticleIdx": "1", "ArticleUrl": "http://u"}}},
        },
        _EVENT,
        True,
    ),
    ("PUBLISHJOBFINISH", {"PublishEventInfo": {**_PUBLISH, "article_detail": {"count": "1", "item": _ARTICLE}}}, _EVENT, True),
    ("subscribe_msg_popup_event", {"SubscribeMsgPopupEvent": {"List": [_POPUP, _POPUP]}}, _EVENT, True),
    ("subscribe_msg_change_event", {"SubscribeMsgChangeEvent": {"List": _CHANGE}}, _EVENT, True),
    ("subscribe_msg_change_event", {"List": [_CHANGE, _CHANGE]}, _EVENT, True),
    ("subscribe_msg_sent_event", {"SubscribeMsgSentEvent": {"List": _SENT_ITEM}}, _EVENT, True),
    ("kf_create_session", {"KfAccount": "test1@test"}, _EVENT, True),
    ("kf_close_session", {"KfAccount": "test1@test", "CloseType": "KF"}, _EVENT, True),
    ("kf_switch_session", {"FromKfAccount": "test1@test", "ToKfAccount": "test2@test"}, _EVENT, True),
    ("card_pass_check", _CARD, _EVENT, True),
    ("card_not_pass_check", {**_CARD, "RefuseReason": "非法代制"}, _EVENT, True),
    ("user_get_card", {**_CARD, "IsGiveByFriend": "1", "FriendUserName": "oB", "OuterStr": "12b"}, _EVENT, True),
    ("user_gifting_card", {**_CARD, "IsReturnBack": "0", "IsChatRoom": "0"}, _EVENT, True),
    ("user_del_card", _CARD, _EVENT, True),
    ("user_consume_card", {**_CARD, "ConsumeSource": "FROM_API", "TransId": "10022"}, _EVENT, True),
    ("user_pay_from_pay_cell", {**_CARD, "TransId": "10022", "Fee": "10000", "OriginalFee": "10000"}, _EVENT, True),
    ("user_view_card", {**_CARD, "OuterStr": "12b"}, _EVENT, True),
    ("user_enter_session_from_card", _CARD, _EVENT, False),
    ("update_member_card", {**_CARD, "ModifyBonus": "3", "ModifyBalance": "0"}, _EVENT, True),
    ("card_sku_remind", {**_CARD, "Detail": "the card's quantity is below 100"}, _EVENT, True),
    ("card_pay_order", {"OrderId": "404091456", "Status": "ORDER_STATUS_FINANCE_SUCC"}, _EVENT, True),
    ("submit_membercard_user_info", _CARD, _EVENT, True),
    ("giftcard_pay_done", {"PageId": "OEcWp6Vra", "OrderId": "NAAI9"}, _EVENT, True),
    ("giftcard_send_to_friend", {"PageId": "OEcWp6Vra", "OrderId": "NAAI9", "IsChatRoom": "true"}, _EVENT, True),
    ("giftcard_user_accept", {"PageId": "OEcWp6Vra", "OrderId": "NAAI9"}, _EVENT, True),
    ("user_scan_product", {**_PRODUCT, "Sex": "1", "Scene": "2", "ExtInfo": "123"}, _EVENT, False),
    ("user_scan_product_enter_session", _PRODUCT, _EVENT, False),
    ("user_scan_product_async", {**_PRODUCT, "RegionCode": "440105"}, _EVENT, False),
    ("user_scan_product_verify_action", {**_PRODUCT, "Result": "verify_ok", "ReasonMsg": ""}, _EVENT, False),
    ("qualification_verify_success", {"ExpiredTime": "1442401156"}, _EVENT, True),
    ("qualification_verify_fail", _VERIFY, _EVENT, True),
    ("naming_verify_success", {"ExpiredTime": "1442401093"}, _EVENT, True),
    ("naming_verify_fail", _VERIFY, _EVENT, True),
    ("annual_renew", {"ExpiredTime": "1442401004"}, _EVENT, True),
    ("verify_expired", {"ExpiredTime": "1442400900"}, _EVENT, True),
    ("wx_verify_pay_succ", {"appid": "wx12", "taskid": "t"}, _EVENT, True),
    ("user_authorize_invoice", {"SuccOrderId": "s1", "FailOrderId": "", "AuthorizeAppId": "wx1", "Source": "web"}, _EVENT, True),
    ("update_invoice_status", {"Status": "INVOICE_REIMBURSE_INIT", **_CARD}, _EVENT, True),
    ("submit_invoice_title", {"title": "公司", "phone": "020-1", "tax_no": "9144", "addr": "东街"}, _EVENT, True),
    ("poi_check_notify", {"UniqId": "123adb", "PoiId": "123123", "Result": "fail", "Msg": "xxx"}, _EVENT, True),
    ("merchant_order", {"OrderId": "test_order_id", "OrderStatus": "2", "ProductId": "p"}, _EVENT, True),
    (
        "ShakearoundUserShake",
        {
            "ChosenBeacon": {"Uuid": "12-34", "Major": "1", "Minor": "2", "Distance": "0.057"},
            "AroundBeacons": {"AroundBeacon": [{"Uuid": "5", "Distance": "166.816"}, {"Uuid": "6", "Distance": "15.013"}]},
        },
        _EVENT,
        False,
    ),
    ("WifiConnected", {"ConnectTime": "0", "ExpireTime": "0", "VendorId": "!", "ShopId": "7", "DeviceNo": "9"}, _EVENT, False),
    ("user_info_modified", {"OpenID": "oB", "AppID": "wx12", "RevokeInfo": "1"}, _EVENT, True),
    ("user_authorization_revoke", {"OpenID": "oB", "AppID": "wx12", "RevokeInfo": "301"}, _EVENT, True),
    ("user_authorization_cancellation", {"OpenID": "oB", "AppID": "wx12"}, _EVENT, True),
    ("user_enter_tempsession", {"SessionFrom": "sessionFrom"}, _EVENT, False),
    ("wxa_media_check", {"trace_id": "5f0d9", "version": "2", "result": {"suggest": "pass", "label": "100"}}, _EVENT, True),
    ("weapp_audit_success", {"SuccTime": "1488856741"}, _EVENT, True),
    ("weapp_audit_fail", {"Reason": "1:账号信息不符合规定", "FailTime": "1488856591"}, _EVENT, True),
    ("guide_qrcode_scan_event", {"ReqUserOpenid": "oB", "qrcode_guide_account": "wx"}, _EVENT, False),
    ("an_event_of_tomorrow", {"EventKey": "K", "Anything": {"At": {"All": "yes"}}}, _EVENT, False),
]  # fmt: skip

#: every push: its fields but the common ones, its class, and whether WeChat shows no reply to it
PUSHES: list[tuple[Fields, type[receive.Message], bool]] = [
    *((fields, kind, False) for fields, kind in SENT),
    *(({"MsgType": "event", "Event": name, **fields}, kind, silent) for name, fields, kind, silent in EVENTS),
]
