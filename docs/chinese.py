"""The decision table's situations and verdicts, in Chinese."""

from typing import Final

COLUMNS: Final = ("情形", "请求头", "来源", "判定", "原因")
NOTHING_SENT: Final = "无"
VERDICTS: Final = {True: "允许", False: "拒绝"}
INTRODUCTION: Final = "这里的白名单是：{sites}；`public_url` 为 `{public_url}`。"
SEPARATOR: Final = "、"
SITUATIONS: Final = {
    "A page on the list": "白名单内的页面",
    "… that sends only its origin": "……只发送域名",
    "… over plain HTTP, on another port": "……使用明文 HTTP 和其他端口",
    "… with a dot at the end of its name": "……域名末尾有一个点",
    "A page below a `*.` entry": "属于 `*.` 条目的页面",
    "The domain of a `*.` entry itself (its apex)": "`*.` 条目的主域名本身",
    "A host with non-ASCII letters": "含非 ASCII 字母的域名",
    "An IPv6 address": "IPv6 地址",
    "A blog's preview on your own machine": "博客的本机预览",
    "A page of the service itself": "图床自己的页面",
    "A stranger's page": "别人的页面",
    "A host whose end equals a host on the list": "结尾与白名单条目相同的域名",
    "A host whose beginning equals one": "开头与白名单条目相同的域名",
    "A stranger with an allowed address in its path": "别人的页面，地址里含有白名单内的地址",
    "A host with the name `none`": "名为 `none` 的主机",
    "Referer and Origin differ: the Referer counts": "Referer 与 Origin 不同：以 Referer 为准",
    "A script of a page on the list, Referer hidden": "白名单内的页面用脚本获取，隐藏 Referer",
    "A script of a stranger's page, Referer hidden": "别人的页面用脚本获取，隐藏 Referer",
    "curl, a feed reader, an app": "curl、RSS 阅读器、应用",
    "The address bar, a bookmark": "地址栏、书签",
    "A link on another site, Referer hidden": "其他网站上的链接，隐藏 Referer",
    "A page of the service itself, Referer hidden": "图床自己的页面，隐藏 Referer",
    "A page that hides its Referer": "隐藏 Referer 的页面",
    "… from a service worker, with an empty destination": "……通过 service worker，目标为空",
    "… on another sub-domain of the same site": "……在同一网站的其他子域名上",
    "… that shows the picture in a frame": "……在 iframe 里显示图片",
    "A script of a sandboxed frame, a `data:` or a `file:` page": "沙箱框架，或 `data:`、`file:` 页面用脚本获取",
    "… in an ordinary browser": "……使用普通浏览器",
    "Typora's, Obsidian's or VS Code's preview": "Typora、Obsidian 或 VS Code 的预览",
    "MWeb's preview, a bare WebKit view": "MWeb 的预览，即单纯的 WebKit 视图",
    "A stranger's page with the User-Agent of an editor": "别人的页面冒用编辑器的名字，没有作用",
    "Two dots at the end of the host": "域名末尾有两个点",
    "Capital letters in the host": "域名含大写字母",
    "A user name before the host": "域名前有用户名",
    "A port above 65535": "端口大于 65535",
    "Another scheme": "其他协议",
    "A value that is not an address": "根本不是地址",
    "An Origin with a path": "带路径的 Origin",
}
"""The Chinese text of each row, by the English one; a row without it stops the generation."""
