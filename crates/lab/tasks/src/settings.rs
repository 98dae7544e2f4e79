//! A section of the settings file, whatever it is about.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::Serialize;
use serde::de::{DeserializeOwned, Visitor};

use crate::error::{Error, Result};

/// The settings of a task: any plain value that serde reads and writes.
pub trait Settings: Any + fmt::Debug + Send + Sync {
    /// This value with what a person wrote in the section `name` over it.
    ///
    /// **Errors**: an unknown key, a value of another type.
    fn laid_over(&self, name: &str, written: toml::Value) -> Result<Box<dyn Settings>>;
    /// The section as a settings file has it.
    fn to_toml(&self, name: &str) -> String;
    /// The section as results have it.
    fn to_json(&self) -> serde_json::Value;
    /// A copy.
    fn boxed(&self) -> Box<dyn Settings>;
}

impl<T: Any + fmt::Debug + Send + Sync + Clone + Serialize + DeserializeOwned> Settings for T {
    fn laid_over(&self, name: &str, written: toml::Value) -> Result<Box<dyn Settings>> {
        let toml::Value::Table(written) = written else {
            return Err(Error::Config(format!("{name}: expected a section, found {written}")));
        };
        let mut table = table(self);
        overlay(&mut table, written);
        let settings: T = table
            .try_into()
            .map_err(|e: toml::de::Error| Error::Config(format!("[{name}]: {e}").trim_end().to_owned()))?;
        Ok(Box::new(settings))
    }

    fn to_toml(&self, name: &str) -> String {
        toml::to_string_pretty(&BTreeMap::from([(name, self)])).expect("settings are a table")
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are JSON")
    }

    fn boxed(&self) -> Box<dyn Settings> {
        Box::new(self.clone())
    }
}

/// The sections of the tasks, in the tasks' order; none yet by default.
#[derive(Debug, Default)]
pub struct Sections(Vec<(&'static str, Box<dyn Settings>)>);

impl Sections {
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(name, _)| *name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &dyn Settings)> {
        self.0.iter().map(|(name, settings)| (*name, &**settings))
    }

    /// Adds a section, or replaces the one of this name.
    pub(crate) fn set(&mut self, name: &'static str, settings: Box<dyn Settings>) {
        match self.0.iter_mut().find(|(there, _)| *there == name) {
            Some((_, there)) => *there = settings,
            None => self.0.push((name, settings)),
        }
    }

    pub(crate) fn get<T: Settings>(&self) -> Option<&T> {
        self.0.iter().find_map(|(_, settings)| (&**settings as &dyn Any).downcast_ref())
    }

    pub(crate) fn get_mut<T: Settings>(&mut self) -> Option<&mut T> {
        self.0.iter_mut().find_map(|(_, settings)| (&mut **settings as &mut dyn Any).downcast_mut())
    }
}

/// As a settings file has them.
impl PartialEq for Sections {
    fn eq(&self, other: &Self) -> bool {
        let texts = |sections: &Self| sections.iter().map(|(name, section)| section.to_toml(name)).collect::<Vec<_>>();
        texts(self) == texts(other)
    }
}

impl Clone for Sections {
    fn clone(&self) -> Self {
        Self(self.0.iter().map(|(name, settings)| (*name, settings.boxed())).collect())
    }
}

/// The keys of a section that is a `T`.
pub(crate) fn keys<T: DeserializeOwned>() -> &'static [&'static str] {
    /// Is asked for a struct, notes its fields and has none of them.
    struct Fields<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Fields<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(serde::de::Error::custom("no struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
            tuple_struct map enum identifier ignored_any
        }
    }

    let mut fields: &[&str] = &[];
    // There is no value: an error, always.
    let _ = T::deserialize(Fields(&mut fields));
    fields
}

/// A value's settings as a table.
pub(crate) fn table(settings: &impl Serialize) -> toml::Table {
    toml::Table::try_from(settings).expect("settings are a table")
}

/// Lays `written` over `table`, table by table; whatever is not a table replaces what was there, and so does another optimizer.
pub(crate) fn overlay(table: &mut toml::Table, written: toml::Table) {
    for (key, value) in written {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value))
                if key != "optimizer" || inner.keys().eq(value.keys()) =>
            {
                overlay(inner, value);
            }
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// **Errors**: a value that is not positive and finite.
pub(crate) fn positive(name: &str, value: f64) -> Result<()> {
    match value > 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(Error::Config(format!("{name} = {value}: must be positive and finite"))),
    }
}

/// **Errors**: a value that is negative or not finite.
pub(crate) fn not_negative(name: &str, value: f64) -> Result<()> {
    match value >= 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(Error::Config(format!("{name} = {value}: must be finite and not negative"))),
    }
}

/// **Errors**: a name that is there twice.
pub(crate) fn distinct(setting: &str, names: &[&str]) -> Result<()> {
    match names.iter().find(|name| names.iter().filter(|other| other == name).count() > 1) {
        Some(twice) => Err(Error::Config(format!("{setting}: `{twice}` is named twice"))),
        None => Ok(()),
    }
}
