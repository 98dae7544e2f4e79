//! Numbers that survive JSON. JSON has no NaN or infinity and serde_json writes them as `null`, which it then refuses to
//! read as a number; an empty reliability bin (accuracy 0/0) must not make a saved report unreadable. So every
//! non-finite number is written as `null` and read back as NaN.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) trait Nullable: Sized {
    type Wire: Serialize + DeserializeOwned;
    fn to_wire(&self) -> Self::Wire;
    fn from_wire(wire: Self::Wire) -> Self;
}

macro_rules! nullable_float {
    ($($float:ty),*) => {$(
        impl Nullable for $float {
            type Wire = Option<$float>;
            fn to_wire(&self) -> Self::Wire {
                self.is_finite().then_some(*self)
            }
            fn from_wire(wire: Self::Wire) -> Self {
                wire.unwrap_or(<$float>::NAN)
            }
        }
    )*};
}
nullable_float!(f32, f64);

impl<A: Nullable, B: Nullable> Nullable for (A, B) {
    type Wire = (A::Wire, B::Wire);
    fn to_wire(&self) -> Self::Wire {
        (self.0.to_wire(), self.1.to_wire())
    }
    fn from_wire(wire: Self::Wire) -> Self {
        (A::from_wire(wire.0), B::from_wire(wire.1))
    }
}

impl<T: Nullable> Nullable for Vec<T> {
    type Wire = Vec<T::Wire>;
    fn to_wire(&self) -> Self::Wire {
        self.iter().map(T::to_wire).collect()
    }
    fn from_wire(wire: Self::Wire) -> Self {
        wire.into_iter().map(T::from_wire).collect()
    }
}

pub(crate) fn serialize<T: Nullable, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_wire().serialize(serializer)
}

pub(crate) fn deserialize<'de, T: Nullable, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Wire::deserialize(deserializer).map(T::from_wire)
}
