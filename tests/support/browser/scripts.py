"""Cases: pictures that scripts and workers of a page fetch."""

from typing import Final

from tests.support.browser.case import Case
from tests.support.browser.pages import SCRIPT, Document
from tests.support.browser.places import BLOG, STRANGER
from tests.support.browser.sight import HOTLINK, NOTHING, PICTURE, Shows

_OPENING: Final = """<body><script>
const add = (node) => document.body.appendChild(node);
const image = (src, more) => add(Object.assign(new Image(), {src, ...more}));
const show = (blob) => image(URL.createObjectURL(blob)).decode().then(() => 'read');
const get = (more) => fetch('IMAGE', more).then((answer) => answer.blob());
const drawn = async (source) => {
    const canvas = add(Object.assign(document.createElement('canvas'), {width: 320, height: 240}));
    const pen = canvas.getContext('2d');
    pen.drawImage(await source, 0, 0);
    try { pen.getImageData(0, 0, 1, 1); return 'readable'; } catch { return 'tainted'; }
};
const loaded = (more) => {
    const source = Object.assign(new Image(), {...more, src: 'IMAGE'});
    return source.decode().then(() => source);
};
const refused = () => 'refused';
const controlled = (script) => new Promise((done) => {
    navigator.serviceWorker.addEventListener('controllerchange', done);
    navigator.serviceWorker.register(script);
});
"""

_XHR: Final = """new Promise((done, failed) => {
    const asked = new XMLHttpRequest();
    Object.assign(asked, {responseType: 'blob', onload: () => done(show(asked.response)), onerror: failed});
    asked.open('GET', 'IMAGE');
    asked.send();
}).catch(refused)"""
_XHR_AS_EDITOR: Final = _XHR.replace("asked.send", "asked.setRequestHeader('User-Agent', 'Typora/1'); asked.send")
_WORKER: Final = """new Promise((done) => {
    const worker = new Worker(SOURCE);
    worker.onmessage = ({data}) => done(data.size ? show(data) : data);
})"""
_FETCHING: Final = "fetch('IMAGE', {}).then((a) => a.blob()).then(postMessage, () => postMessage('refused'))"
_FROM_BLOB: Final = f"URL.createObjectURL(new Blob([`{_FETCHING}`]))"
_TAKE_OVER: Final = """
addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => event.request.url === 'IMAGE' && event.respondWith(ANSWER));
"""
_UNDER_WORKER: Final = "controlled('/worker.js').then(() => image('IMAGE').decode())"


def _pair(
    what: str, told: str, blog: tuple[Shows, object], stranger: tuple[Shows, object], worker: str = ""
) -> tuple[Case, Case]:
    """Return the case on the blog, and on a stranger's page. `worker` is a script beside it."""
    page = f"{_OPENING} window.told = {told}</script>"

    def case(who: str, host: str, expected: tuple[Shows, object]) -> Case:
        status = 200 if host == BLOG and expected[0] is not HOTLINK else 403
        also = {f"{host}/worker.js": Document(worker, kind=SCRIPT)} if worker else {}
        return Case(
            name=f"{who}: {what}", at=f"https://{host}/", page=page, shows=expected[0], told=expected[1],
            also=also, sent=frozenset({status}),
        )  # fmt: skip

    return case("blog", BLOG, blog), case("stranger", STRANGER, stranger)


def _worker(what: str, answer: str, blog: Shows = PICTURE) -> tuple[Case, Case]:
    """Return the pair for a service worker that answers for the picture."""
    told = f"{_UNDER_WORKER}.then(() => 'shown', refused)"
    return _pair(what, told, (blog, "shown"), (HOTLINK, "shown"), _TAKE_OVER.replace("ANSWER", answer))


# A script may set another User-Agent for `fetch`. Chromium sends its own anyway. Firefox sends it, but after a
# CORS preflight, which nginx refuses with 405.
_AS_EDITOR: Final = "fetch('WAY', {headers: {'User-Agent': 'Typora/1'}, referrerPolicy: 'no-referrer'})"
_SANDBOXED: Final = f"""<body><script>
window.told = new Promise((tell) => addEventListener('message', (event) => tell(event.data)));
</script>
<iframe width=600 height=400 sandbox=allow-scripts srcdoc="<script>
{_AS_EDITOR}.then((answer) => answer.blob())
    .then((blob) => document.write(`<img src=${{URL.createObjectURL(blob)}}>`))
    .then(() => 'read', () => 'refused').then((told) => parent.postMessage(told, '*'));
</script>"></iframe>"""


def _as_editor(what: str, page: str, way: str = "IMAGE") -> Case:
    return Case(name=f"stranger: {what} in an editor's name", at=f"https://{STRANGER}/", page=page.replace("WAY", way),
                shows=NOTHING, told="refused", sent=frozenset({403}))  # fmt: skip


_EDITOR_PAGE: Final = (
    f"{_OPENING} window.told = {_AS_EDITOR}.then((answer) => answer.blob()).then(show).catch(refused)</script>"
)

SCRIPTS: Final = (
    *_pair("<img> made by a script", "image('IMAGE').decode().then(() => 'shown')",
           (PICTURE, "shown"), (HOTLINK, "shown")),
    *_pair("<img> written by a script", "document.write('<img src=IMAGE>')", (PICTURE, None), (HOTLINK, None)),
    *_pair("fetch", "get().then(show).catch(refused)", (PICTURE, "read"), (NOTHING, "refused")),
    *_pair("fetch, the Referer hidden", "get({referrerPolicy: 'no-referrer'}).then(show).catch(refused)",
           (PICTURE, "read"), (NOTHING, "refused")),
    *_pair("fetch without CORS", "fetch('IMAGE', {mode: 'no-cors'}).then((answer) => answer.type)",
           (NOTHING, "opaque"), (NOTHING, "opaque")),
    *_pair("XMLHttpRequest", _XHR, (PICTURE, "read"), (NOTHING, "refused")),
    *_pair("canvas from <img>", "drawn(loaded())", (PICTURE, "tainted"), (HOTLINK, "tainted")),
    *_pair("canvas from <img crossorigin>", "drawn(loaded({crossOrigin: ''})).catch(refused)",
           (PICTURE, "readable"), (NOTHING, "refused")),
    *_pair("createImageBitmap from fetch", "drawn(get().then(createImageBitmap)).catch(refused)",
           (PICTURE, "readable"), (NOTHING, "refused")),
    *_pair("createImageBitmap from <img>", "drawn(loaded().then(createImageBitmap))",
           (PICTURE, "tainted"), (HOTLINK, "tainted")),
    *_pair("worker", _WORKER.replace("SOURCE", "'/worker.js'"), (PICTURE, "read"), (NOTHING, "refused"), _FETCHING),
    *_pair("worker from a blob: address", _WORKER.replace("SOURCE", _FROM_BLOB),
           (PICTURE, "read"), (NOTHING, "refused")),
    *_worker("service worker that hands requests on", "fetch(event.request)"),
    *_worker("service worker that asks by itself", "fetch('IMAGE', {mode: 'no-cors'})"),
    *_worker("service worker that hides the Referer",
             "fetch('IMAGE', {mode: 'no-cors', referrerPolicy: 'no-referrer'})", HOTLINK),
    *_worker("service worker that asks in an editor's name",
             _AS_EDITOR.replace("WAY", "IMAGE").replace("{headers", "{mode: 'no-cors', headers"), HOTLINK),
    *_worker("service worker that answers from its own cache",
             "caches.open('a').then((kept) => fetch('IMAGE', {mode: 'no-cors'}).then((answer) => "
             "kept.put('/a', answer)).then(() => kept.match('/a')))"),
    _as_editor("fetch", _EDITOR_PAGE),
    _as_editor("fetch over itself", _EDITOR_PAGE, "/to/302?IMAGE"),
    _as_editor("fetch from a sandboxed frame", _SANDBOXED),
    _as_editor("XMLHttpRequest", f"{_OPENING} window.told = {_XHR_AS_EDITOR}</script>"),
)  # fmt: skip
