//! A graph in the making: operators are appended, and each names what it gives.

use apd_points::{Dtype, RawArray};

use super::proto::{
    AttributeProto, DimensionProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TensorTypeProto, Type,
    TypeProto, ValueInfoProto,
};

/// The domain of operators on strings.
pub(super) const ML: &str = "ai.onnx.ml";

/// The name of a tensor in the graph.
#[derive(Clone, Debug)]
pub(super) struct Value(pub(super) String);

/// The length of a tensor along one axis.
pub(super) enum Axis {
    /// As many as rows are predicted.
    Rows,
    Of(usize),
}

/// Operators in the order in which they run, and constants.
pub(super) struct Graph {
    /// What its names begin with: those of a loop's body must not be those around it.
    prefix: &'static str,
    proto: GraphProto,
    names: usize,
}

impl Graph {
    pub(super) fn new(prefix: &'static str) -> Self {
        Self { prefix, proto: GraphProto { name: "apd".to_owned(), ..GraphProto::default() }, names: 0 }
    }

    pub(super) fn into_proto(self) -> GraphProto {
        self.proto
    }

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("{}{}", self.prefix, self.names)
    }

    /// An input of the whole.
    pub(super) fn input(&mut self, name: &str, kind: Type, axes: &[Axis]) -> Value {
        self.proto.input.push(info(name, kind, axes));
        Value(name.to_owned())
    }

    /// Calls a value by this name, as an output of the whole.
    pub(super) fn output(&mut self, name: &str, kind: Type, axes: &[Axis], value: &Value) {
        self.push("Identity", "", &[value], vec![], vec![name.to_owned()]);
        self.proto.output.push(info(name, kind, axes));
    }

    /// The only result of an operator.
    pub(super) fn op(&mut self, op: &str, inputs: &[&Value]) -> Value {
        self.op_with(op, inputs, vec![])
    }

    pub(super) fn op_with(&mut self, op: &str, inputs: &[&Value], attributes: Vec<AttributeProto>) -> Value {
        self.op_of("", op, inputs, attributes)
    }

    pub(super) fn op_of(
        &mut self,
        domain: &str,
        op: &str,
        inputs: &[&Value],
        attributes: Vec<AttributeProto>,
    ) -> Value {
        let name = self.fresh();
        self.push(op, domain, inputs, attributes, vec![name.clone()]);
        Value(name)
    }

    fn push(&mut self, op: &str, domain: &str, inputs: &[&Value], attribute: Vec<AttributeProto>, output: Vec<String>) {
        let input = inputs.iter().map(|value| value.0.clone()).collect();
        self.proto.node.push(NodeProto { input, output, op_type: op.to_owned(), attribute, domain: domain.to_owned() });
    }

    /// A loop of so many turns; its body makes the next of the carried values.
    pub(super) fn repeat(&mut self, turns: i64, carried: &[&Value], body: GraphProto) -> Vec<Value> {
        let (turns, always) = (self.constant(Type::Int64, &[], turns.to_le_bytes().to_vec()), Value(String::new()));
        let inputs: Vec<&Value> = [&turns, &always].into_iter().chain(carried.iter().copied()).collect();
        let names: Vec<String> = carried.iter().map(|_| self.fresh()).collect();
        self.push("Loop", "", &inputs, vec![graph("body", body)], names.clone());
        names.into_iter().map(Value).collect()
    }

    fn constant(&mut self, kind: Type, shape: &[usize], raw_data: Vec<u8>) -> Value {
        let name = self.fresh();
        let dims = shape.iter().map(|&axis| axis as i64).collect();
        self.proto.initializer.push(TensorProto { dims, data_type: kind as i32, name: name.clone(), raw_data });
        Value(name)
    }

    /// Numbers as a file keeps them: their bytes are not made more.
    pub(super) fn stored(&mut self, array: &RawArray<'_>) -> Option<Value> {
        let kind = match array.dtype {
            Dtype::F32 => Type::Float,
            Dtype::F16 => Type::Float16,
            Dtype::I8 => Type::Int8,
            _ => return None,
        };
        let kept = self.constant(kind, &array.shape, array.data.to_vec());
        Some(if matches!(kind, Type::Float) { kept } else { self.cast(&kept, Type::Float) })
    }

    pub(super) fn doubles(&mut self, shape: &[usize], values: &[f64]) -> Value {
        self.constant(Type::Double, shape, values.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    pub(super) fn double(&mut self, value: f64) -> Value {
        self.doubles(&[], &[value])
    }

    pub(super) fn floats(&mut self, values: &[f32]) -> Value {
        self.constant(Type::Float, &[values.len()], values.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    pub(super) fn ints(&mut self, values: &[i64]) -> Value {
        self.constant(Type::Int64, &[values.len()], values.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    pub(super) fn int(&mut self, value: i64) -> Value {
        self.constant(Type::Int64, &[], value.to_le_bytes().to_vec())
    }

    pub(super) fn cast(&mut self, value: &Value, to: Type) -> Value {
        self.op_with("Cast", &[value], vec![int("to", to as i64)])
    }

    pub(super) fn reshape(&mut self, value: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.op("Reshape", &[value, &shape])
    }

    pub(super) fn transpose(&mut self, value: &Value, axes: &[i64]) -> Value {
        self.op_with("Transpose", &[value], vec![ints("perm", axes)])
    }

    /// Element `place` along an axis, which goes; or the elements at these places, in that order.
    pub(super) fn gather(&mut self, value: &Value, places: &Value, axis: i64) -> Value {
        self.op_with("Gather", &[value, places], vec![int("axis", axis)])
    }

    /// Columns `from..to` of a matrix.
    pub(super) fn columns(&mut self, value: &Value, from: usize, to: usize) -> Value {
        let [from, to, axis] = [from as i64, to as i64, 1].map(|at| self.ints(&[at]));
        self.op("Slice", &[value, &from, &to, &axis])
    }

    /// The mean over the first axis, which stays with length 1 if it is `kept`.
    pub(super) fn mean(&mut self, value: &Value, axis: i64, kept: bool) -> Value {
        self.reduce("ReduceMean", value, axis, kept)
    }

    pub(super) fn reduce(&mut self, op: &str, value: &Value, axis: i64, kept: bool) -> Value {
        self.op_with(op, &[value], vec![ints("axes", &[axis]), int("keepdims", i64::from(kept))])
    }

    /// The sum over the last axis, whose place operators of set 17 want as an input.
    pub(super) fn sum(&mut self, value: &Value, kept: bool) -> Value {
        let axis = self.ints(&[-1]);
        self.op_with("ReduceSum", &[value, &axis], vec![int("keepdims", i64::from(kept))])
    }
}

fn info(name: &str, kind: Type, axes: &[Axis]) -> ValueInfoProto {
    let dimension = |axis: &Axis| match axis {
        Axis::Rows => DimensionProto { dim_value: None, dim_param: Some("N".to_owned()) },
        Axis::Of(length) => DimensionProto { dim_value: Some(*length as i64), dim_param: None },
    };
    let shape = Some(TensorShapeProto { dim: axes.iter().map(dimension).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: kind as i32, shape });
    ValueInfoProto { name: name.to_owned(), kind: Some(TypeProto { tensor_type }) }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), kind, ..AttributeProto::default() }
}

pub(super) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f: Some(f), ..attribute(name, 1) }
}

pub(super) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i: Some(i), ..attribute(name, 2) }
}

fn graph(name: &str, g: GraphProto) -> AttributeProto {
    AttributeProto { g: Some(g), ..attribute(name, 5) }
}

pub(super) fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, 7) }
}

pub(super) fn strings(name: &str, strings: &[String]) -> AttributeProto {
    AttributeProto { strings: strings.iter().map(|text| text.clone().into_bytes()).collect(), ..attribute(name, 8) }
}
