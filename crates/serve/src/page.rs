//! The page, as it is compiled in.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// Nothing but what the server itself has: neither scripts nor pictures from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Path, type and content of each file.
const FILES: [(&str, &str, &str); 5] = [
    ("/", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("../page/page.css")),
    ("/page.mjs", "text/javascript; charset=utf-8", include_str!("../page/page.mjs")),
    ("/ink.mjs", "text/javascript; charset=utf-8", include_str!("../page/ink.mjs")),
    ("/apd.mjs", "text/javascript; charset=utf-8", include_str!("../page/apd.mjs")),
];

pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|&(path, ..)| path)
}

pub(crate) fn get(path: &str) -> Option<Response> {
    FILES.iter().find(|&&(other, ..)| other == path).map(|&(_, kind, content)| file(kind, content))
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let mut response = content.into_response();
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The page and the models change with the server.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
