//! The server's interface for programs, and its models in words.

use apd::TableModel;
use apd::data::{Feature, ImageShape, Role};
use serde_json::{Map, Value, json};

use crate::models::{Models, Served};

/// One model as the page wants it.
pub(crate) fn describe(name: &str, served: &Served) -> Value {
    let Served { model, file, version } = served;
    let feature = |(name, feature): (&str, &Feature)| match feature {
        Feature::Number { mean, sd, indicator } => {
            json!({"name": name, "kind": "number", "mean": mean, "sd": sd, "indicator": indicator})
        }
        Feature::Category { levels } => json!({"name": name, "kind": "category", "levels": levels}),
    };
    let classes = model.fitted().classes();
    let verdicts = model.verdicts().iter();
    json!({
        "name": name,
        "version": version,
        "target": model.target(),
        "task": if classes.is_some() { "classification" } else { "regression" },
        "classes": classes,
        "features": model.schema().features().map(feature).collect::<Vec<_>>(),
        "image": image(model),
        "verdicts": verdicts.map(|it| json!({"question": it.concern.question(), "met": it.met, "found": it.found})).collect::<Vec<_>>(),
        "networks": model.networks(),
        "bytes": file.len(),
    })
}

/// The shape and range of the pictures, gray or colored, whose pixels p0, p1, … the columns are: as the schema says, or square; pixels that never
/// vary are columns, too.
fn image(model: &TableModel) -> Option<Value> {
    let columns = model.schema().columns.iter();
    let mut pixels: Vec<usize> = Vec::new();
    for column in columns.filter(|column| !matches!(column.role, Role::Target { .. } | Role::Identifier)) {
        pixels.push(column.name.strip_prefix('p')?.parse().ok()?);
    }
    pixels.sort_unstable();
    if !pixels.iter().enumerate().all(|(place, &pixel)| place == pixel) {
        return None;
    }
    let square = || ImageShape::square(pixels.len()).filter(|shape| shape.height > 3);
    let known = model.schema().image;
    let ImageShape { height, width, channels } = known.or_else(square)?;
    // Pixels are from −1 or from 0 to 1, as ours are: those from 0 on have no mean below it. Of images they may be bytes. Others are numbers like
    // any.
    let means = || {
        model.schema().features().filter_map(|(_, feature)| match feature {
            Feature::Number { mean, .. } => Some(*mean),
            Feature::Category { .. } => None,
        })
    };
    let all_within = |low: f64, high: f64| means().all(|mean| (low..=high).contains(&mean));
    let (low, high) = match known {
        _ if all_within(0.0, 1.0) => (0, 1),
        _ if all_within(-1.0, 1.0) => (-1, 1),
        Some(_) if all_within(0.0, 255.0) => (0, 255),
        _ => return None,
    };
    Some(json!({"width": width, "height": height, "channels": channels, "low": low, "high": high}))
}

/// OpenAPI 3.1.
pub(crate) fn document(models: &Models) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    let mut add = |path: &str, method: &str, operation: Value| {
        paths.entry(path).or_insert_with(|| json!({}))[method] = operation;
    };
    let failures = |codes: &[&str]| -> Map<String, Value> {
        let of = |&code: &&str| (code.to_owned(), json!({"$ref": "#/components/responses/Failure"}));
        codes.iter().map(of).collect()
    };
    const WRONG: [&str; 8] = ["400", "404", "405", "406", "408", "413", "415", "503"];
    for (name, served) in models.all() {
        let (row, answer) = (format!("{name}.row"), format!("{name}.prediction"));
        schemas.insert(row.clone(), row_schema(&served.model));
        schemas.insert(answer.clone(), answer_schema(&served.model));
        let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let body = json!({
            "type": "object",
            "required": ["rows"],
            "additionalProperties": false,
            "properties": {
                "rows": {"type": "array", "minItems": 1, "items": reference(&row)},
                "coverage": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}},
                "networks": {"type": "integer", "minimum": 1},
            },
        });
        let answers = json!({
            "type": "object",
            "properties": {
                "model": {"type": "string"},
                "rows": {"type": "array", "items": reference(&answer)},
                "notes": {"type": "array", "items": {"type": "string"}},
            },
        });
        let text = json!({"schema": {"type": "string"}});
        let mut responses = failures(&WRONG);
        responses.insert(
            "200".to_owned(),
            json!({
                "description": "A prediction for each row",
                "content": {"application/json": {"schema": answers}, "text/csv": text},
            }),
        );
        add(
            &format!("/models/{name}/predict"),
            "post",
            json!({
                "summary": format!("Predict {}", served.model.target()),
                "requestBody": {"required": true, "content": {"application/json": {"schema": body}, "text/csv": text}},
                "parameters": [
                    {"name": "coverage", "in": "query", "schema": {"type": "string"}, "description": "Coverages beside 0.9, separated by commas"},
                    {"name": "networks", "in": "query", "schema": {"type": "integer", "minimum": 1}},
                ],
                "responses": responses,
            }),
        );
    }
    let tensors = json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": {
                "type": "object",
                "required": ["name", "shape", "datatype", "data"],
                "properties": {
                    "name": {"type": "string"},
                    "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                    "datatype": {"type": "string"},
                    "data": {"type": "array"},
                },
            }},
            "outputs": {"type": "array", "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
        },
    });
    let name = json!([{"name": "name", "in": "path", "required": true, "schema": {"type": "string"}}]);
    let object = |summary: &str, codes: &[&str]| {
        let mut responses = failures(codes);
        let content = json!({"application/json": {"schema": {"type": "object"}}});
        responses.insert("200".to_owned(), json!({"description": summary, "content": content}));
        json!({"summary": summary, "responses": responses})
    };
    for (path, summary, codes) in [
        ("/v2", "The server", &[][..]),
        ("/v2/health/live", "Whether it runs", &[]),
        ("/v2/health/ready", "Whether it takes requests", &["503"]),
        ("/v2/models/{name}", "Tensors that a model takes and gives", &["404"]),
        ("/v2/models/{name}/ready", "Whether a model is there", &["404"]),
        ("/models", "All models", &[]),
        ("/models/{name}/file", "A model's file", &["404"]),
        ("/metrics", "What is counted, for Prometheus", &[]),
    ] {
        let mut operation = object(summary, codes);
        if path.contains("{name}") {
            operation["parameters"] = name.clone();
        }
        add(path, "get", operation);
    }
    let mut infer = object("Predict by KServe's protocol", &WRONG);
    infer["parameters"] = name;
    infer["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": tensors}}});
    add("/v2/models/{name}/infer", "post", infer);
    json!({
        "openapi": "3.1.0",
        "info": {"title": "apd", "version": env!("CARGO_PKG_VERSION"), "description": "Predictions with their uncertainty"},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"Failure": {
                "description": "What is wrong, and with which field",
                "content": {"application/json": {"schema": {
                    "type": "object", "required": ["error"], "properties": {"error": {"type": "string"}},
                }}},
            }},
        },
    })
}

fn row_schema(model: &TableModel) -> Value {
    let property = |(name, feature): (&str, &Feature)| {
        let kinds = match feature {
            Feature::Number { .. } => json!({"type": ["number", "null"]}),
            Feature::Category { levels } => json!({"type": ["string", "null"], "examples": levels}),
        };
        (name.to_owned(), kinds)
    };
    let properties: Map<String, Value> = model.schema().features().map(property).collect();
    json!({"type": "object", "required": properties.keys().collect::<Vec<_>>(), "properties": properties})
}

fn answer_schema(model: &TableModel) -> Value {
    let (number, share) = (json!({"type": "number"}), json!({"type": "number", "minimum": 0, "maximum": 1}));
    let mut properties = Map::new();
    match model.fitted().classes() {
        Some(classes) => {
            properties.insert("prediction".to_owned(), json!({"type": "string", "enum": classes}));
            properties.extend(classes.iter().map(|class| (format!("p_{class}"), share.clone())));
            properties.insert("abstain".to_owned(), json!({"type": "boolean"}));
            properties.extend(["entropy", "bald"].map(|score| (score.to_owned(), number.clone())));
        }
        None => {
            let columns = ["mean", "sd", "aleatoric_sd", "epistemic_sd", "lower_90", "upper_90"];
            properties.extend(columns.map(|column| (column.to_owned(), number.clone())));
        }
    }
    properties.insert("ood".to_owned(), share);
    json!({"type": "object", "properties": properties})
}
