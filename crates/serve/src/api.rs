//! Which address does what.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Path, Query as UrlQuery, Request, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_body_util::LengthLimitError;
use serde_json::{Value, json};

use crate::admission::{Admission, Room};
use crate::answer::{Answer, Query};
use crate::failure::Failure;
use crate::metrics::{self, Metrics};
use crate::models::{Models, Served};
use crate::rows::{check_count, expected, from_csv, from_json};
use crate::settings::Settings;
use crate::{kserve, openapi, page};

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
/// Most characters of the header that holds notes.
const NOTES: usize = 1_000;

/// What all requests share.
pub(crate) struct State {
    pub(crate) models: Models,
    pub(crate) metrics: Metrics,
    pub(crate) admission: Admission,
    pub(crate) settings: Settings,
    /// Whether new requests are welcome: not any more once the server is told to stop.
    pub(crate) ready: AtomicBool,
}

type App = Shared<Arc<State>>;

pub(crate) fn router(state: Arc<State>) -> Router {
    let mut router = Router::new()
        .route("/predict", post(predict_only))
        .route("/models", get(models))
        .route("/models/{name}/predict", post(predict))
        .route("/models/{name}/file", get(file))
        .route("/openapi.json", get(|Shared(state): App| async move { Json(openapi::document(&state.models)) }))
        .route("/metrics", get(counted))
        .route(
            "/v2",
            get(|| async { Json(json!({"name": "apd", "version": env!("CARGO_PKG_VERSION"), "extensions": []})) }),
        )
        .route("/v2/health/live", get(|| async { Json(json!({"live": true})) }))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/{name}", get(metadata))
        .route("/v2/models/{name}/ready", get(model_ready))
        .route("/v2/models/{name}/infer", post(infer))
        .route("/v2/models/{name}/versions/{version}", get(metadata))
        .route("/v2/models/{name}/versions/{version}/ready", get(model_ready))
        .route("/v2/models/{name}/versions/{version}/infer", post(infer));
    for path in page::paths() {
        router = router.route(path, get(|uri: Uri| async move { page::get(uri.path()).ok_or_else(|| nothing(&uri)) }));
    }
    router
        .fallback(|uri: Uri| async move { nothing(&uri) })
        .method_not_allowed_fallback(|| async {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "another method is expected here")
        })
        .layer(middleware::from_fn_with_state(state.clone(), guard))
        .layer(middleware::from_fn_with_state(state.clone(), count))
        .with_state(state)
}

fn nothing(uri: &Uri) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("{}: nothing is here; /openapi.json says what is", uri.path()))
}

/// A server on this machine alone answers to this machine's names alone: a page from elsewhere whose own name leads here, too, reads nothing.
async fn guard(Shared(state): App, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let is_here = |host: &str| {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let name = name.map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    match host {
        Some(host) if state.settings.host.is_loopback() && !is_here(&host) => {
            Failure::field("host", format_args!("`{host}` is not this machine"))
                .with(StatusCode::MISDIRECTED_REQUEST)
                .into_response()
        }
        _ => next.run(request).await,
    }
}

async fn count(Shared(state): App, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let start = Instant::now();
    let response = next.run(request).await;
    state.metrics.answered(&route, response.status().as_u16(), start.elapsed().as_secs_f64());
    response
}

async fn counted(Shared(state): App) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)],
        state.metrics.text(state.admission.admitted(), state.admission.bodies()),
    )
}

async fn ready(Shared(state): App) -> Response {
    let ready = state.ready.load(Ordering::Relaxed);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": ready}))).into_response()
}

/// The names in a path: the model's, and perhaps its version's.
#[derive(serde::Deserialize)]
struct Names {
    name: String,
    version: Option<String>,
}

impl Names {
    fn model(&self, state: &State) -> Result<Arc<Served>, Failure> {
        let served = state.models.get(&self.name)?;
        kserve::check_version(self.version.as_deref(), &served.version)?;
        Ok(served)
    }
}

async fn metadata(Shared(state): App, Path(names): Path<Names>) -> Result<Json<Value>, Failure> {
    let served = names.model(&state)?;
    Ok(Json(kserve::metadata(&names.name, &served.version, &served.model)))
}

async fn model_ready(Shared(state): App, Path(names): Path<Names>) -> Result<Json<Value>, Failure> {
    names.model(&state)?;
    Ok(Json(json!({"name": names.name, "ready": true})))
}

async fn models(Shared(state): App) -> Json<Value> {
    Json(state.models.all().map(|(name, served)| openapi::describe(name, &served)).collect())
}

async fn file(Shared(state): App, Path(names): Path<Names>, headers: HeaderMap) -> Result<Response, Failure> {
    let served = names.model(&state)?;
    let tag = format!("\"{}\"", served.version);
    let tag = [(header::ETAG, HeaderValue::from_str(&tag).expect("hexadecimal digits"))];
    if headers.get(header::IF_NONE_MATCH) == Some(&tag[0].1) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    let kind = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "no-cache")];
    Ok((tag, kind, served.file.clone()).into_response())
}

async fn predict_only(Shared(state): App, request: Request) -> Result<Response, Failure> {
    let (name, served) = state.models.only()?;
    predict_with(&state, name.to_owned(), served, request).await
}

async fn predict(Shared(state): App, Path(names): Path<Names>, request: Request) -> Result<Response, Failure> {
    let served = names.model(&state)?;
    predict_with(&state, names.name, served, request).await
}

async fn predict_with(state: &State, name: String, served: Arc<Served>, request: Request) -> Result<Response, Failure> {
    let (parts, body, room) = read(state, request).await?;
    let sent = kind(&parts.headers)?;
    let wanted = wanted(&parts.headers, sent)?;
    let mut query = url_query(&parts.uri)?;
    let (most, model) = (state.settings.rows, name.clone());
    let task = move || {
        let schema = served.model.schema();
        let rows = match sent {
            CSV => from_csv(schema, body.to_vec(), most)?,
            _ => from_json(schema, json_rows(&body, &mut query, most)?)?,
        };
        let answer = Answer::new(&served.model, rows, &query)?;
        let bytes = if wanted == CSV { answer.csv() } else { answer.json(&model) };
        Ok((answer.table.len(), bytes, answer.notes))
    };
    let (rows, bytes, notes) = state.admission.run(task).await?;
    drop(room);
    state.metrics.predicted(&name, rows);
    let mut response = ([(header::CONTENT_TYPE, wanted)], bytes).into_response();
    if wanted == CSV && !notes.is_empty() {
        // CSV has no place for them. A header holds no other characters, and proxies refuse long ones.
        let visible = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        let text: String = notes.join("; ").chars().map(visible).take(NOTES).collect();
        response.headers_mut().insert("x-apd-notes", HeaderValue::from_str(&text).expect("visible characters"));
    }
    Ok(response)
}

async fn infer(Shared(state): App, Path(names): Path<Names>, request: Request) -> Result<Response, Failure> {
    let served = names.model(&state)?;
    let (parts, body, room) = read(&state, request).await?;
    if kind(&parts.headers)? != JSON {
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("content-type: expected {JSON}")));
    }
    let most = state.settings.rows;
    let name = names.name.clone();
    let task = move || {
        let request = kserve::Request::new(&body, &served.model, most)?;
        let rows = request.rows();
        Ok((rows, request.answer(&name, &served.version, &served.model)?))
    };
    let (rows, bytes) = state.admission.run(task).await?;
    drop(room);
    state.metrics.predicted(&names.name, rows);
    Ok(([(header::CONTENT_TYPE, JSON)], bytes).into_response())
}

/// The whole body, if it comes in time and is not too long.
async fn read(state: &State, request: Request<Body>) -> Result<(Parts, Bytes, Room), Failure> {
    let Settings { body: most, timeout, .. } = state.settings;
    let (parts, body) = request.into_parts();
    // As it says, or as long as it may be.
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let room = state.admission.room(length.unwrap_or(most).min(most)).await?;
    let too_long = || Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("body: at most {most} bytes are taken"));
    match tokio::time::timeout(timeout, axum::body::to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok((parts, bytes, room)),
        Ok(Err(error)) => Err(match error.into_inner().downcast_ref::<LengthLimitError>() {
            Some(_) => too_long(),
            None => Failure::field("body", "was not sent to its end"),
        }),
        Err(_) => {
            let message = format!("body: was not sent within {} seconds", timeout.as_secs_f64());
            Err(Failure::new(StatusCode::REQUEST_TIMEOUT, message))
        }
    }
}

/// Whether JSON or CSV was sent.
fn kind(headers: &HeaderMap) -> Result<&'static str, Failure> {
    // A browser sends anything else for a page from elsewhere without asking; JSON and CSV it asks for first.
    let kind =
        headers.get(header::CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase());
    match kind.unwrap_or_default().split(';').next().unwrap_or_default().trim() {
        JSON => Ok(JSON),
        CSV => Ok(CSV),
        other => {
            let message = format!("content-type: `{other}`, expected {JSON} or {CSV}");
            Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
        }
    }
}

/// In which form the answer is wanted: as it was sent, unless something else is asked for.
fn wanted(headers: &HeaderMap, sent: &'static str) -> Result<&'static str, Failure> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(sent) };
    let accept = String::from_utf8_lossy(accept.as_bytes()).to_ascii_lowercase();
    let accepted =
        |kind: &str| accept.split(',').any(|range| range.split(';').next().unwrap_or_default().trim() == kind);
    let other = if sent == CSV { JSON } else { CSV };
    match () {
        () if accepted(sent) => Ok(sent),
        () if accepted(other) => Ok(other),
        () if accepted("*/*") || accepted("application/*") || accepted("text/*") => Ok(sent),
        () => Err(Failure::new(StatusCode::NOT_ACCEPTABLE, format!("accept: `{accept}`, there are {JSON} and {CSV}"))),
    }
}

/// `coverage` and `networks` behind the question mark.
fn url_query(uri: &Uri) -> Result<Query, Failure> {
    let pairs = UrlQuery::<Vec<(String, String)>>::try_from_uri(uri).map_err(|e| Failure::field("query", e))?;
    let mut query = Query::default();
    for (key, value) in pairs.0 {
        let unfit = |what: &str| Failure::field(&key, format_args!("expected {what}, found `{value}`"));
        match &key[..] {
            "coverage" => {
                for share in value.split(',') {
                    query.coverage.push(share.trim().parse().map_err(|_| unfit("numbers between 0 and 1"))?);
                }
            }
            "networks" => query.networks = Some(value.parse().ok().filter(|&n| n > 0).ok_or_else(|| unfit("a count"))?),
            _ => return Err(Failure::field(&key, "is not known; coverage and networks are")),
        }
    }
    Ok(query)
}

/// `{"rows": […], "coverage": […], "networks": n}`, or the rows alone.
fn json_rows(body: &[u8], query: &mut Query, most: usize) -> Result<Vec<Value>, Failure> {
    let body: Value = serde_json::from_slice(body).map_err(|e| Failure::field("body", e))?;
    let rows = match body {
        Value::Array(rows) => rows,
        Value::Object(mut body) => {
            let rows = body.remove("rows").ok_or_else(|| Failure::field("rows", "is missing: a list of objects"))?;
            for (key, value) in body {
                let unfit = |what: &str| Failure::field(&key, expected(what, &value));
                match &key[..] {
                    "coverage" => {
                        let shares = value.as_array().ok_or_else(|| unfit("a list of numbers between 0 and 1"))?;
                        let share =
                            |share: &Value| share.as_f64().ok_or_else(|| unfit("a list of numbers between 0 and 1"));
                        query.coverage = shares.iter().map(share).collect::<Result<_, Failure>>()?;
                    }
                    "networks" => {
                        let count = value.as_u64().filter(|&count| count > 0).ok_or_else(|| unfit("a count"))?;
                        query.networks = Some(count as usize);
                    }
                    _ => return Err(Failure::field(&key, "is not known; rows, coverage and networks are")),
                }
            }
            match rows {
                Value::Array(rows) => rows,
                other => return Err(Failure::field("rows", expected("a list of objects", &other))),
            }
        }
        other => return Err(Failure::field("body", expected("an object with `rows`", &other))),
    };
    check_count(rows.len(), most)?;
    Ok(rows)
}
