//! KServe's protocol, version 2: tensors by name.
//!
//! A model takes a tensor for each of its columns, of N elements (shape `[N]` or `[N, 1]`); or, where all columns are numbers, one tensor `inputs` of
//! N × columns.
//!
//! Reference: *Open Inference Protocol*, KServe, REST, version 2.

use apd::TableModel;
use apd::data::{Column, Feature, MISSING, Table, Values};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Query};
use crate::failure::Failure;
use crate::rows::{Rows, category, check_count, expected, number};

/// The tensor of all columns at once.
const ALL: &str = "inputs";
/// The tensor of the classes' probabilities, which are a column each elsewhere.
const PROBABILITIES: &str = "probabilities";

/// What a model takes and gives.
pub(crate) fn metadata(name: &str, version: &str, model: &TableModel) -> Value {
    let tensor =
        |name: &str, datatype: &str, shape: &[i64]| json!({"name": name, "datatype": datatype, "shape": shape});
    let inputs: Vec<Value> =
        model.schema().features().map(|(name, feature)| tensor(name, datatype(feature), &[-1])).collect();
    let outputs: Vec<Value> = match model.fitted().classes() {
        Some(classes) => vec![
            tensor("prediction", "BYTES", &[-1]),
            json!({"name": PROBABILITIES, "datatype": "FP64", "shape": [-1, classes.len()], "parameters": {"classes": classes.join(",")}}),
            tensor("entropy", "FP64", &[-1]),
            tensor("bald", "FP64", &[-1]),
            tensor("ood", "FP64", &[-1]),
            tensor("abstain", "BOOL", &[-1]),
        ],
        None => ["mean", "sd", "aleatoric_sd", "epistemic_sd", "lower_90", "upper_90", "ood"]
            .map(|name| tensor(name, "FP64", &[-1]))
            .to_vec(),
    };
    json!({"name": name, "versions": [version], "platform": "apd_table", "inputs": inputs, "outputs": outputs})
}

fn datatype(feature: &Feature) -> &'static str {
    match feature {
        Feature::Number { .. } => "FP64",
        Feature::Category { .. } => "BYTES",
    }
}

/// A request, taken apart.
pub(crate) struct Request {
    id: Option<String>,
    rows: Rows,
    query: Query,
    /// The outputs that are wanted, all if nothing is said.
    wanted: Option<Vec<String>>,
}

impl Request {
    /// **Errors**: a field that is missing, or holds something else than it should.
    pub(crate) fn new(body: &[u8], model: &TableModel, most: usize) -> Result<Self, Failure> {
        let body: Value = serde_json::from_slice(body).map_err(|e| Failure::field("body", e))?;
        let Value::Object(body) = &body else {
            return Err(Failure::field("body", expected("an object with `inputs`", &body)));
        };
        let id = match body.get("id") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(other) => return Err(Failure::field("id", expected("a string", other))),
        };
        let mut query = Query::default();
        if let Some(parameters) = body.get("parameters") {
            let Value::Object(parameters) = parameters else {
                return Err(Failure::field("parameters", expected("an object", parameters)));
            };
            if let Some(coverage) = parameters.get("coverage") {
                let share = coverage.as_f64();
                query
                    .coverage
                    .push(share.ok_or_else(|| Failure::field("parameters.coverage", expected("a number", coverage)))?);
            }
            if let Some(networks) = parameters.get("networks") {
                let count = networks.as_u64().filter(|&count| count > 0);
                query.networks =
                    Some(count.ok_or_else(|| Failure::field("parameters.networks", expected("a count", networks)))?
                        as usize);
            }
        }
        let wanted = match body.get("outputs") {
            None => None,
            Some(Value::Array(outputs)) => {
                let name = |(i, output): (usize, &Value)| match output.get("name").and_then(Value::as_str) {
                    Some(name) => Ok(name.to_owned()),
                    None => Err(Failure::field(format_args!("outputs[{i}].name"), "is missing")),
                };
                Some(outputs.iter().enumerate().map(name).collect::<Result<_, Failure>>()?)
            }
            Some(other) => return Err(Failure::field("outputs", expected("a list", other))),
        };
        let inputs = match body.get("inputs") {
            Some(Value::Array(inputs)) => inputs,
            Some(other) => return Err(Failure::field("inputs", expected("a list of tensors", other))),
            None => return Err(Failure::field("inputs", "is missing")),
        };
        Ok(Self { id, rows: table(inputs, model, most)?, query, wanted })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.blocks.iter().map(Table::len).sum()
    }

    /// The answer.
    pub(crate) fn answer(self, name: &str, version: &str, model: &TableModel) -> Result<Vec<u8>, Failure> {
        let Self { id, rows, query, wanted } = self;
        let answer = Answer::new(model, rows, &query)?;
        let mut outputs = outputs(&answer);
        if let Some(wanted) = &wanted {
            if let Some((i, name)) = wanted.iter().enumerate().find(|(_, name)| outputs.iter().all(|(n, _)| n != *name))
            {
                let known = outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
                return Err(Failure::field(
                    format_args!("outputs[{i}].name"),
                    format_args!("`{name}` is none of {known}"),
                ));
            }
            outputs.retain(|(name, _)| wanted.contains(name));
        }
        let outputs: Vec<Value> = outputs.into_iter().map(|(_, tensor)| tensor).collect();
        let mut body = json!({"model_name": name, "model_version": version, "outputs": outputs});
        if !answer.notes.is_empty() {
            body["parameters"] = json!({"notes": answer.notes.join("; ")});
        }
        if let Some(id) = id {
            body["id"] = id.into();
        }
        Ok(body.to_string().into_bytes())
    }
}

/// A tensor of a request.
struct Tensor<'a> {
    /// Where it stands, as errors call it.
    field: String,
    name: &'a str,
    shape: Vec<usize>,
    data: Vec<&'a Value>,
}

impl<'a> Tensor<'a> {
    fn new(place: usize, tensor: &'a Value) -> Result<Self, Failure> {
        let field = format!("inputs[{place}]");
        let Value::Object(tensor) = tensor else {
            return Err(Failure::field(field, expected("a tensor: name, shape, datatype, data", tensor)));
        };
        let part =
            |part: &str| tensor.get(part).ok_or_else(|| Failure::field(format_args!("{field}.{part}"), "is missing"));
        let text = |name: &str| {
            let value = part(name)?;
            value.as_str().ok_or_else(|| Failure::field(format_args!("{field}.{name}"), expected("a string", value)))
        };
        let (name, datatype, shape) = (text("name")?, text("datatype")?, part("shape")?);
        const TYPES: [&str; 13] = [
            "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64",
            "BYTES",
        ];
        if !TYPES.contains(&datatype) {
            let known = TYPES.join(", ");
            return Err(Failure::field(
                format_args!("{field}.datatype"),
                format_args!("`{datatype}` is none of {known}"),
            ));
        }
        let axes =
            shape.as_array().and_then(|axes| axes.iter().map(|axis| axis.as_u64().map(|axis| axis as usize)).collect());
        let shape: Vec<usize> =
            axes.ok_or_else(|| Failure::field(format_args!("{field}.shape"), expected("a list of lengths", shape)))?;
        let given = part("data")?;
        if !given.is_array() {
            return Err(Failure::field(format_args!("{field}.data"), expected("a list", given)));
        }
        let mut data = Vec::new();
        flatten(given, &mut data);
        let length = shape.iter().try_fold(1_usize, |length, &axis| length.checked_mul(axis));
        if length != Some(data.len()) {
            let problem = format!("{} elements, and the shape is {shape:?}", data.len());
            return Err(Failure::field(format_args!("{field}.data"), problem));
        }
        Ok(Self { field, name, shape, data })
    }
}

/// Elements in row-major order, which lists within lists have too.
fn flatten<'a>(value: &'a Value, out: &mut Vec<&'a Value>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| flatten(value, out)),
        value => out.push(value),
    }
}

fn table(inputs: &[Value], model: &TableModel, most: usize) -> Result<Rows, Failure> {
    let tensors: Vec<Tensor<'_>> =
        inputs.iter().enumerate().map(|(place, tensor)| Tensor::new(place, tensor)).collect::<Result<_, Failure>>()?;
    let features: Vec<(&str, &Feature)> = model.schema().features().collect();
    let mut columns = Vec::new();
    match &tensors[..] {
        [all] if all.name == ALL && !features.iter().any(|(name, _)| *name == ALL) => {
            let [rows, width] = all.shape[..] else {
                return Err(Failure::field(format!("{}.shape", all.field), "expected rows × columns"));
            };
            if width != features.len() {
                let problem = format!("{width} columns, the model has {}", features.len());
                return Err(Failure::field(format!("{}.shape", all.field), problem));
            }
            check_count(rows, most)?;
            for (j, (name, feature)) in features.iter().enumerate() {
                let cells = (0..rows).map(|row| (row * width + j, all.data[row * width + j]));
                columns.push(column(name, feature, &all.field, cells)?);
            }
        }
        _ => {
            let mut rows = None;
            for (name, feature) in &features {
                let tensor = tensors.iter().find(|tensor| tensor.name == *name).ok_or_else(|| {
                    Failure::field("inputs", format_args!("no tensor is called `{name}`: the model was fitted with it"))
                })?;
                let [count, others @ ..] = &tensor.shape[..] else {
                    return Err(Failure::field(format!("{}.shape", tensor.field), "expected [N] or [N, 1]"));
                };
                let count = *count;
                if others.iter().any(|&length| length != 1) {
                    return Err(Failure::field(format!("{}.shape", tensor.field), "expected [N] or [N, 1]"));
                }
                check_count(count, most)?;
                if *rows.get_or_insert(count) != count {
                    let problem = format!("{count} rows, other tensors have {}", rows.unwrap_or_default());
                    return Err(Failure::field(format!("{}.shape", tensor.field), problem));
                }
                columns.push(column(name, feature, &tensor.field, tensor.data.iter().copied().enumerate())?);
            }
        }
    }
    let known = |tensor: &&Tensor<'_>| tensor.name == ALL || features.iter().any(|(name, _)| *name == tensor.name);
    let unknown = tensors.iter().filter(|tensor| !known(tensor));
    let notes =
        unknown.map(|tensor| format!("tensor `{}`: the model does not know it, and it is not used", tensor.name));
    Ok(Rows { notes: notes.collect(), blocks: vec![Table::new(columns)?] })
}

fn column<'a>(
    name: &str,
    feature: &Feature,
    field: &str,
    cells: impl Iterator<Item = (usize, &'a Value)>,
) -> Result<Column, Failure> {
    let field = |place: usize| format!("{field}.data[{place}]");
    let values = match feature {
        Feature::Number { mean, sd, .. } => {
            let cells = cells.map(|(place, value)| match value {
                Value::Bool(flag) => Ok(f64::from(*flag)),
                value => number(value, *mean, *sd, &field(place)),
            });
            Values::Numbers(cells.collect::<Result<_, Failure>>()?)
        }
        Feature::Category { .. } => {
            Values::Text(cells.map(|(place, value)| category(value, &field(place))).collect::<Result<_, Failure>>()?)
        }
    };
    Ok(Column { name: name.to_owned(), values })
}

/// Every column of an answer as a tensor, the probabilities as one.
fn outputs(answer: &Answer) -> Vec<(String, Value)> {
    let rows = answer.table.len();
    let tensor = |name: &str, datatype: &str, shape: Vec<usize>, data: Value| {
        (name.to_owned(), json!({"name": name, "datatype": datatype, "shape": shape, "data": data}))
    };
    let mut outputs = Vec::new();
    let is_probability =
        |name: &str| answer.classes.iter().flatten().any(|class| name.strip_prefix("p_") == Some(class.as_str()));
    let mut probabilities = Vec::new();
    for column in answer.table.columns() {
        let name = column.name.as_str();
        match &column.values {
            Values::Numbers(numbers) if is_probability(name) => probabilities.push(numbers),
            Values::Numbers(numbers) if name == "abstain" => {
                let flags: Vec<bool> = numbers.iter().map(|&flag| flag != 0.0).collect();
                outputs.push(tensor(name, "BOOL", vec![rows], flags.into()));
            }
            Values::Numbers(numbers) => outputs.push(tensor(name, "FP64", vec![rows], numbers.clone().into())),
            Values::Categories { codes, levels } => {
                let level = |&code: &u32| if code == MISSING { "" } else { levels[code as usize].as_str() };
                outputs.push(tensor(name, "BYTES", vec![rows], codes.iter().map(level).collect()));
            }
            Values::Text(text) => outputs.push(tensor(name, "BYTES", vec![rows], text.clone().into())),
        }
    }
    if let Some(classes) = &answer.classes {
        let data: Vec<f64> = (0..rows).flat_map(|row| probabilities.iter().map(move |column| column[row])).collect();
        let (name, mut tensor) = tensor(PROBABILITIES, "FP64", vec![rows, classes.len()], data.into());
        tensor["parameters"] = Value::Object(Map::from_iter([("classes".to_owned(), classes.join(",").into())]));
        outputs.insert(1.min(outputs.len()), (name, tensor));
    }
    outputs
}

/// **Errors**: another version than the model's.
pub(crate) fn check_version(wanted: Option<&str>, version: &str) -> Result<(), Failure> {
    match wanted {
        Some(wanted) if wanted != version => {
            Err(Failure::new(StatusCode::NOT_FOUND, format!("version `{wanted}` is not there; it is {version}")))
        }
        _ => Ok(()),
    }
}
