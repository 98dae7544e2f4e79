//! A model of a table as a graph of constants: what other runtimes predict with.

mod graph;
mod images;
mod proto;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use apd_bnn::LikelihoodConfig;
use apd_data::Feature;
use apd_distill::Distilled;
use apd_nn::{Activation, Linear, Network};
use apd_points::RawArray;
use prost::Message as _;

use self::graph::Axis::{Of, Rows};
use self::graph::{Graph, ML, Value, float, int, strings};
use self::proto::{IR_VERSION, ModelProto, OperatorSetIdProto, StringStringEntryProto, Type};
use crate::calibration::Calibration;
use crate::{Error, TableModel};

/// Versions of the operators, and of those on strings.
const OPSET: i64 = 17;
const ML_OPSET: i64 = 3;
/// Halvings after which a quantile's bracket is as narrow as its numbers.
const HALVINGS: i64 = 64;
/// A quantile lies within so many of the widest law's deviations of some law's location.
const REACH: f64 = 10.0;

impl TableModel {
    /// The model as ONNX (operators of set 17, none of which is random): preprocessing, every network, averages, calibration.
    ///
    /// **Inputs**, each of them there if the model has such features, in the order of the model's columns: `numbers`, N × their count, doubles,
    /// NaN where one is missing; `categories`, N × their count, strings, empty where one is missing.
    ///
    /// **Outputs**, doubles: of classes `probabilities` (N × classes), `entropy` and `bald` (N, nats); of numbers, in the target's units,
    /// `mean`, `sd`, `aleatoric_sd`, `epistemic_sd`, and the ends `lower` and `upper` of the calibrated 90 % interval (N each). They are those of
    /// [`predict`](Self::predict) to about 10⁻⁶: networks are evaluated in single precision, averages are taken in double.
    ///
    /// The names of the columns and classes are among the file's metadata. Networks stay in the format that the model's file keeps them in, and
    /// the networks of a subspace share their first layer's work.
    ///
    /// **Errors**: a network that is neither a perceptron nor a convolutional one, or has batch normalization; another likelihood than `fit` chooses, a posterior that is drawn at random.
    pub fn to_onnx(&self) -> Result<Vec<u8>, Error> {
        let mut graph = Graph::new("v");
        let inputs = self.encoded(&mut graph);
        let bytes = self.to_bytes()?;
        let outputs = self.network_outputs(&mut graph, &bytes, &inputs)?;
        match (self.calibration(), self.fitted().description.likelihood) {
            (Calibration::Classes { power, .. }, Some(LikelihoodConfig::Categorical)) => {
                let classes = self.fitted().model.outputs();
                classes_of(&mut graph, &outputs, classes, *power);
            }
            (
                calibration @ Calibration::Numbers { .. },
                Some(LikelihoodConfig::HeteroscedasticGaussian(likelihood)),
            ) => {
                let (shift, scale) = self.fitted().description.scaling.as_ref().map_or((0.0, 1.0), |it| it.first());
                let law = Law { floor: likelihood.floor, shift, scale };
                numbers_of(&mut graph, &outputs, law, calibration);
            }
            _ => return Err(refused("its likelihood is none that `fit` chooses".to_owned())),
        }
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "apd".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: format!("Predicts {}.", self.target()),
            graph: Some(graph.into_proto()),
            opset_import: [("", OPSET), (ML, ML_OPSET)]
                .map(|(domain, version)| OperatorSetIdProto { domain: domain.to_owned(), version })
                .to_vec(),
            metadata_props: self.names(),
        };
        Ok(model.encode_to_vec())
    }

    fn names(&self) -> Vec<StringStringEntryProto> {
        let of = |wanted: fn(&Feature) -> bool| {
            let features = self.schema().features().filter(|(_, feature)| wanted(feature));
            features.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        let lists = [
            ("apd.target", vec![self.target().to_owned()]),
            ("apd.numbers", of(|feature| matches!(feature, Feature::Number { .. }))),
            ("apd.categories", of(|feature| matches!(feature, Feature::Category { .. }))),
            ("apd.classes", self.fitted().classes().unwrap_or_default().to_vec()),
        ];
        let entry = |(key, list): (&str, Vec<String>)| StringStringEntryProto {
            key: key.to_owned(),
            value: serde_json::to_string(&list).expect("a list of strings"),
        };
        lists.into_iter().map(entry).collect()
    }

    /// The network's inputs, N × their count, as [`TableSchema::encode`](apd_data::TableSchema::encode) makes them.
    fn encoded(&self, graph: &mut Graph) -> Value {
        let features: Vec<&Feature> = self.schema().features().map(|(_, feature)| feature).collect();
        let (mut means, mut deviations, mut levels_of) = (Vec::new(), Vec::new(), Vec::new());
        for feature in &features {
            match feature {
                Feature::Number { mean, sd, .. } => {
                    means.push(*mean);
                    deviations.push(*sd);
                }
                Feature::Category { levels } => levels_of.push(levels),
            }
        }
        let numbers = means.len();
        let mut parts = Vec::new();
        if numbers > 0 {
            let x = graph.input("numbers", Type::Double, &[Rows, Of(numbers)]);
            let missing = graph.op("IsNaN", &[&x]);
            let (mean, sd) = (graph.doubles(&[numbers], &means), graph.doubles(&[numbers], &deviations));
            let centered = graph.op("Sub", &[&x, &mean]);
            let standardized = graph.op("Div", &[&centered, &sd]);
            let zero = graph.double(0.0);
            let standardized = graph.op("Where", &[&missing, &zero, &standardized]);
            parts.extend([standardized, missing].map(|part| graph.cast(&part, Type::Float)));
        }
        if !levels_of.is_empty() {
            let x = graph.input("categories", Type::String, &[Rows, Of(levels_of.len())]);
            for (column, levels) in levels_of.iter().enumerate() {
                let place = graph.int(column as i64);
                let column = graph.gather(&x, &place, 1);
                let other = levels.len() as i64;
                let codes = graph::ints("values_int64s", &(0..other).collect::<Vec<_>>());
                let attributes = vec![strings("keys_strings", levels), codes, int("default_int64", other)];
                let code = graph.op_of(ML, "LabelEncoder", &[&column], attributes);
                let (depth, values) = (graph.int(other + 1), graph.floats(&[0.0, 1.0]));
                parts.push(graph.op_with("OneHot", &[&code, &depth, &values], vec![int("axis", -1)]));
            }
        }
        let parts = graph.op_with("Concat", &parts.iter().collect::<Vec<_>>(), vec![int("axis", 1)]);
        // Where each input lies among the parts: numbers, whether they are missing, and the places of each category.
        let (mut places, mut number, mut place) = (Vec::new(), 0, 2 * numbers);
        for feature in features {
            match feature {
                Feature::Number { indicator, .. } => {
                    places.push(number as i64);
                    if *indicator {
                        places.push((numbers + number) as i64);
                    }
                    number += 1;
                }
                Feature::Category { .. } => {
                    places.extend((place..place + feature.width()).map(|at| at as i64));
                    place += feature.width();
                }
            }
        }
        let places = graph.ints(&places);
        graph.gather(&parts, &places, 1)
    }

    /// The outputs of every network: S × N × outputs.
    fn network_outputs(&self, graph: &mut Graph, bytes: &[u8], inputs: &Value) -> Result<Value, Error> {
        let fitted = self.fitted();
        let tensors = apd_points::safetensors::parse(bytes).map_err(|e| refused(e.to_string()))?;
        let stored = Stored { arrays: &tensors.arrays };
        let random = || refused("its networks are drawn at random".to_owned());
        // Of each network of a subspace, the coefficients of its directions.
        let components = match &fitted.posterior {
            Distilled::Subsample(_) => None,
            Distilled::Subspace(it) => Some(it.components(fitted.seed, self.networks()).ok_or_else(random)?),
            Distilled::Gan(_) | Distilled::Conditional(_) => return Err(random()),
        };
        if let Some(Network::Cnn(cnn)) = &fitted.description.network {
            let points = match &components {
                None => stored.points(graph)?,
                Some(components) => stored.subspace(graph, components)?.behind(graph, 0),
            };
            return images::outputs(graph, cnn, &points, self.networks(), inputs);
        }
        let Some(mlp) = fitted.model.as_mlp() else {
            return Err(refused("its network is neither a perceptron nor a convolutional one".to_owned()));
        };
        let linears = mlp.linears();
        // The first layer of a subspace's networks is never made: what is made begins behind it.
        let (points, begin, mut hidden) = match &components {
            None => {
                let points = stored.points(graph)?;
                let first = first_of_points(graph, &points, &linears[0], inputs);
                (points, 0, first)
            }
            Some(components) => {
                let subspace = stored.subspace(graph, components)?;
                let first = subspace.first(graph, &linears[0], inputs);
                let behind = linears[0].bias.end;
                (subspace.behind(graph, behind), behind, first)
            }
        };
        for linear in &linears[1..] {
            hidden = activated(graph, mlp.activation, &hidden);
            let [out, inner] = [linear.outputs as i64, linear.inputs as i64];
            let mut part = |from: usize, to: usize, shape: &[i64]| {
                let part = graph.columns(&points, from - begin, to - begin);
                graph.reshape(&part, shape)
            };
            let weight = part(linear.weight.start, linear.weight.end, &[-1, out, inner]);
            let bias = part(linear.bias.start, linear.bias.end, &[-1, 1, out]);
            let weight = graph.transpose(&weight, &[0, 2, 1]);
            let product = graph.op("MatMul", &[&hidden, &weight]);
            hidden = graph.op("Add", &[&product, &bias]);
        }
        Ok(hidden)
    }
}

fn refused(problem: String) -> Error {
    Error::Export { problem }
}

fn activated(graph: &mut Graph, activation: Activation, hidden: &Value) -> Value {
    match activation {
        Activation::Relu => graph.op("Relu", &[hidden]),
        Activation::LeakyRelu(slope) => graph.op_with("LeakyRelu", &[hidden], vec![float("alpha", slope)]),
        Activation::Tanh => graph.op("Tanh", &[hidden]),
    }
}

/// The first layer of points, all of them in one product: S × N × outputs.
fn first_of_points(graph: &mut Graph, points: &Value, linear: &Linear, inputs: &Value) -> Value {
    let [out, inner] = [linear.outputs as i64, linear.inputs as i64];
    let weight = graph.columns(points, linear.weight.start, linear.weight.end);
    let weight = graph.reshape(&weight, &[-1, inner]);
    let weight = graph.transpose(&weight, &[1, 0]);
    let product = graph.op("MatMul", &[inputs, &weight]);
    // The rows may be none: 0 copies their number.
    let product = graph.reshape(&product, &[0, -1, out]);
    let product = graph.transpose(&product, &[1, 0, 2]);
    let bias = graph.columns(points, linear.bias.start, linear.bias.end);
    let bias = graph.reshape(&bias, &[-1, 1, out]);
    graph.op("Add", &[&product, &bias])
}

/// The tensors of a model's file.
struct Stored<'a> {
    arrays: &'a BTreeMap<String, RawArray<'a>>,
}

impl Stored<'_> {
    fn tensor(&self, graph: &mut Graph, name: &str) -> Result<Option<Value>, Error> {
        let stored = |array| graph.stored(array).ok_or_else(|| refused(format!("`{name}` has a type of its own")));
        self.arrays.get(name).map(stored).transpose()
    }

    /// A matrix that must be there, with its rows' scales if it has some.
    fn matrix(&self, graph: &mut Graph, name: &str) -> Result<Value, Error> {
        let matrix = self.tensor(graph, name)?.ok_or_else(|| refused(format!("`{name}` is missing")))?;
        Ok(match self.tensor(graph, &format!("{name}.scale"))? {
            None => matrix,
            Some(scale) => {
                let scale = graph.reshape(&scale, &[-1, 1]);
                graph.op("Mul", &[&matrix, &scale])
            }
        })
    }

    /// S × d.
    fn points(&self, graph: &mut Graph) -> Result<Value, Error> {
        let mut points = self.matrix(graph, "points")?;
        for (name, op) in [("scale", "Mul"), ("mean", "Add")] {
            if let Some(unit) = self.tensor(graph, name)? {
                points = graph.op(op, &[&points, &unit]);
            }
        }
        Ok(points)
    }

    /// Networks mean + Σ_k c_k·v_k, of which these components are kept.
    fn subspace(&self, graph: &mut Graph, components: &[usize]) -> Result<Subspace, Error> {
        let [mean, directions, centers] = ["mean", "directions", "centres"].map(|name| self.matrix(graph, name));
        let (directions, mean) = (directions?, graph.reshape(&mean?, &[1, -1]));
        let [rank, dim] = self.arrays["directions"].shape[..] else {
            return Err(refused("`directions` is no matrix".to_owned()));
        };
        let places = graph.ints(&components.iter().map(|&place| place as i64).collect::<Vec<_>>());
        let coefficients = graph.gather(&centers?, &places, 0);
        Ok(Subspace { mean, directions, coefficients, networks: components.len(), rank, dim })
    }
}

/// S networks of a subspace: the mean (1 × d), the directions (r × d) and their coefficients (S × r).
struct Subspace {
    mean: Value,
    directions: Value,
    coefficients: Value,
    networks: usize,
    rank: usize,
    dim: usize,
}

impl Subspace {
    /// The networks' parameters from place `begin` on.
    fn behind(&self, graph: &mut Graph, begin: usize) -> Value {
        let [directions, mean] = [&self.directions, &self.mean].map(|it| graph.columns(it, begin, self.dim));
        let product = graph.op("MatMul", &[&self.coefficients, &directions]);
        graph.op("Add", &[&product, &mean])
    }

    /// Their first layer (S × N × outputs), by one product for the mean and each direction.
    fn first(&self, graph: &mut Graph, linear: &Linear, inputs: &Value) -> Value {
        let of_mean = first_of_points(graph, &self.mean, linear, inputs);
        let of_directions = first_of_points(graph, &self.directions, linear, inputs);
        // C (S × r) times r × (N·outputs).
        let flat = graph.reshape(&of_directions, &[self.rank as i64, -1]);
        let product = graph.op("MatMul", &[&self.coefficients, &flat]);
        let product = graph.reshape(&product, &[self.networks as i64, -1, linear.outputs as i64]);
        graph.op("Add", &[&product, &of_mean])
    }
}

/// −Σ p·ln p over the last axis, 0 where p is 0.
fn entropy(graph: &mut Graph, p: &Value) -> Value {
    let least = graph.double(f64::MIN_POSITIVE);
    let positive = graph.op("Max", &[p, &least]);
    let log = graph.op("Log", &[&positive]);
    let terms = graph.op("Mul", &[p, &log]);
    let sum = graph.sum(&terms, false);
    graph.op("Neg", &[&sum])
}

fn classes_of(graph: &mut Graph, outputs: &Value, classes: usize, power: f64) {
    let p = graph.op_with("Softmax", &[outputs], vec![int("axis", 2)]);
    let p = graph.cast(&p, Type::Double);
    let mean = graph.mean(&p, 0, false);
    let of_networks = entropy(graph, &p);
    let of_networks = graph.mean(&of_networks, 0, false);
    let of_mean = entropy(graph, &mean);
    let power = graph.double(power);
    let raised = graph.op("Pow", &[&mean, &power]);
    let sum = graph.sum(&raised, true);
    let calibrated = graph.op("Div", &[&raised, &sum]);
    let total = entropy(graph, &calibrated);
    // The share that the networks disagree about stays what it was before probabilities are calibrated.
    let (zero, least) = (graph.double(0.0), graph.double(f64::MIN_POSITIVE));
    let disagreement = graph.op("Sub", &[&of_mean, &of_networks]);
    let disagreement = graph.op("Max", &[&disagreement, &zero]);
    let of_mean = graph.op("Max", &[&of_mean, &least]);
    let share = graph.op("Div", &[&disagreement, &of_mean]);
    let bald = graph.op("Mul", &[&share, &total]);
    graph.output("probabilities", Type::Double, &[Rows, Of(classes)], &calibrated);
    graph.output("entropy", Type::Double, &[Rows], &total);
    graph.output("bald", Type::Double, &[Rows], &bald);
}

/// What makes a number of a network's outputs: σ² = exp(2s) + floor², y = shift + scale·y′.
struct Law {
    floor: f64,
    shift: f64,
    scale: f64,
}

fn numbers_of(graph: &mut Graph, outputs: &Value, law: Law, calibration: &Calibration) {
    let Calibration::Numbers { spread, outliers, .. } = calibration else { unreachable!("numbers are predicted") };
    let outputs = graph.cast(outputs, Type::Double);
    let [first, second] = [0, 1].map(|head| graph.int(head));
    let (location, log_scale) = (graph.gather(&outputs, &first, 2), graph.gather(&outputs, &second, 2));
    let (two, spread, floor) = (graph.double(2.0), graph.double(*spread), graph.double(law.floor.powi(2)));
    let doubled = graph.op("Mul", &[&log_scale, &two]);
    let variance = graph.op("Exp", &[&doubled]);
    let variance = graph.op("Add", &[&variance, &floor]);
    let mean = graph.mean(&location, 0, true);
    let deviations = graph.op("Sub", &[&location, &mean]);
    let deviations = graph.op("Mul", &[&deviations, &spread]);
    let location = graph.op("Add", &[&deviations, &mean]);
    let scale = graph.op("Sqrt", &[&variance]);
    let scale = graph.op("Mul", &[&scale, &spread]);
    // The variances of the laws with their outliers, and of the laws' means.
    let width = Calibration::OUTLIER_WIDTH;
    let factor = graph.double(1.0 + outliers * (width * width - 1.0));
    let squares = graph.op("Mul", &[&scale, &scale]);
    let aleatoric = graph.mean(&squares, 0, false);
    let aleatoric = graph.op("Mul", &[&aleatoric, &factor]);
    let squares = graph.op("Mul", &[&deviations, &deviations]);
    let epistemic = graph.mean(&squares, 0, false);
    let variance = graph.op("Add", &[&aleatoric, &epistemic]);

    let tail = 0.5 - 0.5 * TableModel::COVERAGE;
    let quantiles = quantiles(graph, &location, &scale, *outliers, &[tail, 0.5, 1.0 - tail]);
    let [lower, median, upper] = [0, 1, 2].map(|place| {
        let place = graph.int(place);
        graph.gather(&quantiles, &place, 0)
    });
    let (unit, shift) = (graph.double(law.scale), graph.double(law.shift));
    let factor = graph.double(calibration.factor(TableModel::COVERAGE));
    let mut in_units = |value: &Value| {
        let value = graph.op("Mul", &[value, &unit]);
        graph.op("Add", &[&value, &shift])
    };
    let (median, ends) = (in_units(&median), [lower, upper].map(|end| in_units(&end)));
    let zero = graph.ints(&[0]);
    let mean = graph.op("Squeeze", &[&mean, &zero]);
    let mean = graph.op("Mul", &[&mean, &unit]);
    let mean = graph.op("Add", &[&mean, &shift]);
    graph.output("mean", Type::Double, &[Rows], &mean);
    for (name, variance) in [("sd", variance), ("aleatoric_sd", aleatoric), ("epistemic_sd", epistemic)] {
        let deviation = graph.op("Sqrt", &[&variance]);
        let deviation = graph.op("Mul", &[&deviation, &unit]);
        graph.output(name, Type::Double, &[Rows], &deviation);
    }
    for (name, end) in ["lower", "upper"].into_iter().zip(ends) {
        let distance = graph.op("Sub", &[&end, &median]);
        let distance = graph.op("Mul", &[&distance, &factor]);
        let end = graph.op("Add", &[&median, &distance]);
        graph.output(name, Type::Double, &[Rows], &end);
    }
}

/// Quantiles of mixtures of S laws for each of N rows, Q × N, by bisection. `location` and `scale` are S × N.
fn quantiles(graph: &mut Graph, location: &Value, scale: &Value, outliers: f64, p: &[f64]) -> Value {
    let count = p.len();
    let p = graph.doubles(&[count, 1], p);
    let reach = graph.double(REACH * if outliers > 0.0 { Calibration::OUTLIER_WIDTH } else { 1.0 });
    let widest = graph.reduce("ReduceMax", scale, 0, true);
    let reach = graph.op("Mul", &[&widest, &reach]);
    let [least, most] = ["ReduceMin", "ReduceMax"].map(|op| graph.reduce(op, location, 0, true));
    // As many rows as there are quantiles.
    let zeros = graph.op("Sub", &[&p, &p]);
    let low = graph.op("Sub", &[&least, &reach]);
    let low = graph.op("Add", &[&low, &zeros]);
    let high = graph.op("Add", &[&most, &reach]);
    let high = graph.op("Add", &[&high, &zeros]);

    let mut body = Graph::new("b");
    body.input("turn", Type::Int64, &[]);
    let always = body.input("always", Type::Bool, &[]);
    let [from, to] = ["low", "high"].map(|end| body.input(end, Type::Double, &[Of(count), Rows]));
    body.output("go_on", Type::Bool, &[], &always);
    let (sum, half) = (body.op("Add", &[&from, &to]), body.double(0.5));
    let middle = body.op("Mul", &[&sum, &half]);
    let one = body.ints(&[1]);
    let y = body.op("Unsqueeze", &[&middle, &one]);
    let distance = body.op("Sub", &[&y, location]);
    let z = body.op("Div", &[&distance, scale]);
    let mut cdf = |width: f64, share: f64| {
        let factor = body.double(std::f64::consts::FRAC_1_SQRT_2 / width);
        let z = body.op("Mul", &[&z, &factor]);
        // Runtimes have the error function in single precision.
        let z = body.cast(&z, Type::Float);
        let erf = body.op("Erf", &[&z]);
        let erf = body.cast(&erf, Type::Double);
        let share = body.double(0.5 * share);
        body.op("Mul", &[&erf, &share])
    };
    let mut above_half = cdf(1.0, 1.0 - outliers);
    if outliers > 0.0 {
        let further = cdf(Calibration::OUTLIER_WIDTH, outliers);
        above_half = body.op("Add", &[&above_half, &further]);
    }
    let mean = body.mean(&above_half, 1, false);
    let reached = body.op("Add", &[&mean, &half]);
    let is_above = body.op("GreaterOrEqual", &[&reached, &p]);
    let next = [body.op("Where", &[&is_above, &from, &middle]), body.op("Where", &[&is_above, &middle, &to])];
    for (name, value) in ["next_low", "next_high"].into_iter().zip(&next) {
        body.output(name, Type::Double, &[Of(count), Rows], value);
    }
    graph.repeat(HALVINGS, &[&low, &high], body.into_proto()).remove(1)
}
