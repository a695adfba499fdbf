"""`/docs`: the description of the API as a page that people can try it on.

The page is Swagger UI, whose files come with the package `fastapi-swagger`: nothing is loaded from elsewhere, so that
the page works without the Internet and tells nobody who reads it. Only the files of the package are used, and none of
its code.
"""

import gzip
import hashlib
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from shared.errors import NotFound

PACKAGE = "fastapi_swagger"
VERSION = version(PACKAGE)
START = """\
const named = (tag, label, heading) => (Original, {React}) => props => React.createElement(tag, {"aria-label": label},
  heading && React.createElement(heading, {className: "heard"}, label), React.createElement(Original, props));
const headed = (heading, text) => (Original, {React}) => props => React.createElement(React.Fragment, null,
  React.createElement(heading, {className: "heard"}, text), React.createElement(Original, props));
const Structure = () => ({wrapComponents: {
  InfoContainer: named("section", "The API of Upward"),
  SchemesContainer: named("section", "Authorization"),
  FilterContainer: named("search", "Filter"),
  operations: headed("h2", "Operations"),
  Models: named("section", "Schemas", "h3"),
  DeepLink: (Original, {React}) => ({text}) => React.createElement("span", null, text),
}});
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  plugins: [Structure],
});
const label = found => found.closest("tr")?.querySelector(".parameter__name")?.textContent ?? "Media type";
const nameAll = () => {
  for (const one of document.querySelectorAll("select:not([aria-label])")) one.ariaLabel = label(one);
};
new MutationObserver(nameAll).observe(document.body, {childList: true, subtree: true});
"""
"""What comes before and after the operations stands in landmarks with headings, no link is within a button, and choices
have a name."""
THEME = """\
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
"""
"""Swagger UI has a dark theme, which a class of the document switches on. It comes before anything is drawn."""
STYLE = """\
html:not(.dark-mode) .swagger-ui .opblock-get .opblock-summary-method { background: #0b63b0; }
html:not(.dark-mode) .swagger-ui .opblock-post .opblock-summary-method { background: #13754a; }
html:not(.dark-mode) .swagger-ui .opblock-put .opblock-summary-method { background: #8a5200; }
html:not(.dark-mode) .swagger-ui .opblock-delete .opblock-summary-method { background: #b3261e; }
html:not(.dark-mode) .swagger-ui .info .title small { background: #59616d; }
html:not(.dark-mode) .swagger-ui .info .title small.version-stamp { background: #4a6700; }
html:not(.dark-mode) .swagger-ui .info a { color: #1f5fae; }
html:not(.dark-mode) .swagger-ui .btn.authorize { color: #13754a; border-color: #13754a; }
html:not(.dark-mode) .swagger-ui .btn.authorize svg { fill: #13754a; }
html:not(.dark-mode) .swagger-ui .btn.cancel { color: #b3261e; border-color: #b3261e; }
html:not(.dark-mode) .swagger-ui .btn.execute { background: #1f5fae; border-color: #1f5fae; }
html:not(.dark-mode) .swagger-ui :is(.parameter__in, .parameter__extension, .response-undocumented) { color: #5a5a5a; }
html:not(.dark-mode) .swagger-ui .model .property { color: #5f5f5f; }
html:not(.dark-mode) .swagger-ui :is(.parameter__name.required span, .star) { color: #b3261e; }
html:not(.dark-mode) .swagger-ui .parameter__name.required::after { color: #b3261e; }
html:not(.dark-mode) .swagger-ui .renderedMarkdown code { color: #6a0dc0; }
html:not(.dark-mode) .swagger-ui .json-schema-2020-12-expand-deep-button { color: #3b4151; }
html.dark-mode .swagger-ui .json-schema-2020-12-expand-deep-button { color: #e4e6e6; }
.swagger-ui .microlight { white-space: pre-wrap; overflow: visible !important; max-height: none !important; }
.swagger-ui .microlight span[style*="211, 99, 99"] { color: #ffa8a8 !important; }
.swagger-ui :focus-visible { outline: 3px solid #4990e2 !important; outline-offset: 2px; }
.heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 640px) {
  .swagger-ui .wrapper, .swagger-ui .responses-inner, .swagger-ui .opblock .opblock-section-header,
  .swagger-ui .parameters-container, .swagger-ui .opblock-description-wrapper { padding-left: 8px; padding-right: 8px; }
  .swagger-ui table thead, .swagger-ui .response-col_links { display: none; }
  .swagger-ui table tbody, .swagger-ui table tr, .swagger-ui table td { display: block; width: auto; max-width: none; }
  .swagger-ui table tbody tr td { padding: 4px 0; }
}
"""
"""Colours of Swagger UI whose contrast is too low for texts are darker in its light theme. It puts parameters and
answers into tables, whose columns are too narrow to read on a phone."""
OWN = {"start.js": START, "theme.js": THEME, "upward.css": STYLE}
"""The files that do not come with the package."""
OWN_VERSION = hashlib.sha256("".join(OWN.values()).encode()).hexdigest()[:10]
PAGE = f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The API of Upward</title>
<link rel="stylesheet" href="/docs/swagger-ui.css?v={VERSION}">
<link rel="stylesheet" href="/docs/upward.css?v={OWN_VERSION}">
<script src="/docs/theme.js?v={OWN_VERSION}"></script>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png?v={VERSION}">
</head>
<body>
<div id="swagger-ui"></div>
<noscript><p>This page needs JavaScript. <a href="/openapi.json">The description itself</a> does not.</p></noscript>
<script src="/docs/swagger-ui-bundle.js?v={VERSION}"></script>
<script src="/docs/start.js?v={OWN_VERSION}"></script>
</body>
</html>
"""
MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
    "start.js": "text/javascript; charset=utf-8",
    "theme.js": "text/javascript; charset=utf-8",
    "upward.css": "text/css; charset=utf-8",
}
HEADERS = {
    # Swagger UI has a few icons as data: addresses, and sets styles of single elements.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class File(NamedTuple):
    content: bytes
    packed: bytes
    media_type: str


def install_docs(app: FastAPI) -> None:
    """Adds the page and its files."""

    @app.get("/docs", include_in_schema=False)
    async def read_docs() -> HTMLResponse:
        return HTMLResponse(PAGE, headers=HEADERS | {"cache-control": "no-cache"})

    @app.get("/docs/{name}", include_in_schema=False)
    def read_docs_file(name: str, request: Request) -> Response:
        """Runs in a thread, as reading and packing the large file takes a moment the first time."""
        if name not in MEDIA_TYPES:
            raise NotFound("There is no such file.", code="file_not_found")
        found = _file(name)
        headers = HEADERS | {"cache-control": "public, max-age=604800", "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.packed, headers=headers | {"content-encoding": "gzip"}, media_type=found.media_type)
        return Response(found.content, headers=headers, media_type=found.media_type)


@lru_cache
def _file(name: str) -> File:
    content = OWN[name].encode() if name in OWN else (files(PACKAGE) / "resources" / name).read_bytes()
    return File(content, gzip.compress(content, mtime=0), MEDIA_TYPES[name])
