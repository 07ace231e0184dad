"""A site with one of everything, for the tests of the browser."""

from __future__ import annotations

import time

from agentrl.envs.web.browser import Answer, Request

HOST = "pages.test"
URL = f"http://{HOST}/"

FORM = """<!doctype html><title>Form</title><body>
<h1>Everything</h1>
<p>Some <b>bold</b> words</p>
<label>Name <input id=name></label>
<input type=password value=secret aria-label=Key>
<label><input type=checkbox id=box> Agree</label>
<select aria-label=Colour id=colour><option>red<option value=g>green</select>
<textarea aria-label=Notes readonly>old</textarea>
<button id=go>Go</button> <button disabled>Never</button>
<span id=plain>plain</span> <span id=late onclick="this.textContent = 'late clicked'">late</span>
<div hidden>hidden</div>
<div style="height:2000px"></div><button id=far>Far</button>
<p id=log></p>
<script>
  const log = text => document.querySelector('#log').textContent += text + ' ';
  for (const id of ['go', 'far']) document.getElementById(id).addEventListener('click', e => log(id + e.detail));
  document.querySelector('#colour').addEventListener('change', e => log(e.target.value));
</script>"""

IMAGES = """<!doctype html><title>Images</title><style>
    @media all { #sheet:not(:hover) > button::after { content: url(after.svg) } }
    #sheet { fill: url(#gradient); cursor: url(missing.png), auto }
    img { display: block }
</style><body><script>
    onload = () => setTimeout(() => document.body.innerHTML = `
        <div id=sheet><button title=sheet></button></div>
        <button title=style><span style="content: url('style.svg')"></span></button>
        <img src=img.svg alt=img onload="this.insertAdjacentHTML('afterend', '<img src=second.svg alt=second>')">
        <svg><image xlink:href="image.svg"></image><image></image></svg>
        <p style="background: url('http://:')">no address</p>
        <img src=gone.svg id=gone alt=""><img src=gone.png alt="" onerror="gone.removeAttribute('src')">
        <img src=lazy.svg alt=lazy loading=lazy style="margin-top: 9999px">`, 100);
</script>"""
"""Whose images are wanted only after it has been loaded, and one of them only after another."""
IMAGE = """<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"></svg>"""

PAGES = {
    "/": FORM,
    "/links": """<title>Links</title><a href="/next">next</a> <a href="http://elsewhere.test/">away</a>
        <a href="/next" target=_blank>tab</a> <a href="/file">file</a> <a href="https://example.com/">secure</a>
        <button onclick="fetch('http://elsewhere.test/').catch(e => document.title = 'refused')">ask</button>
        <form action="/next"><input name=q aria-label=Query><button>Send</button></form>""",
    "/next": "<title>Next</title><h1>Next</h1><a href='/'>home</a>",
    "/dialogs": """<title>Dialogs</title><button onclick="document.title = confirm('Sure?')">ask</button>""",
    "/time": """<title>0</title><p id=now></p><script>
        setInterval(() => document.title = +document.title + 1, 100);
        document.querySelector('#now').textContent = new Date().toISOString() + ' ' + Math.random();</script>""",
    "/parts": """<title>Parts</title><iframe src="/next" title=inner></iframe><x-box></x-box><script>
        customElements.define('x-box', class extends HTMLElement {
            constructor() { super().attachShadow({mode: 'open'}).innerHTML = '<button>shadow</button>'; }
            connectedCallback() { this.shadowRoot.firstChild.onclick = () => document.title = 'pressed'; }});
        </script>""",
    "/covered": """<title>Covered</title><button>under</button>
        <div style="position:fixed;inset:0" onclick="1">over</div>""",
    "/drag": """<title>Drag</title><div id=a onmousedown="at = 'down'">from</div><div id=b onclick=1>to</div><script>
        at = ''; b.onmouseup = () => document.title = at + ' up'; document.onkeydown = e => document.title = e.key;
        </script>""",
    "/store": """<title>Store</title><script>
        document.title = (localStorage.n ?? 0) + document.cookie; localStorage.n = 1; document.cookie = 'c=1';
        </script>""",
    "/late": """<title>Late</title><button onclick="fetch('/next').then(r => r.text()).then(t =>
        document.title = t.length)">load</button>""",
    "/images": IMAGES,
    "/stuck": """<title>Stuck</title><button onclick="for (;;) {}">loop</button>""",
}


def site(request: Request) -> Answer:
    if request.path.endswith(".svg"):
        time.sleep(0.3)
        return Answer(IMAGE.encode(), "image/svg+xml")
    if request.path == "/file":
        return Answer(b"data", "application/zip", headers={"Content-Disposition": "attachment; filename=f.zip"})
    if request.path not in PAGES:
        return Answer(b"<title>404</title>", status=404)
    return Answer(PAGES[request.path].encode())
