//! A stream as data: its key and its position.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Stream;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    key: u64,
    position: u64,
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Saved { key: self.key, position: self.position }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Saved { key, position } = Saved::deserialize(deserializer)?;
        let mut stream = Self::new(key);
        stream.seek(position);
        Ok(stream)
    }
}
