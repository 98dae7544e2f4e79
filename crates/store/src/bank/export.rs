use std::io::Write;
use std::path::Path;

use apd_points::{AtomicFile, npy, write_le};

use super::{Bank, LAYOUT_KEY};
use crate::Error;
use crate::manifest::pairs;
use crate::tensors::write_header;

impl Bank {
    /// Writes all rows as one n×d float32 `.npy`, streamed and atomic. Weights and the like stay behind.
    pub fn export_npy(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let mut file = AtomicFile::create(path)?;
        let mut write = || {
            file.write_all(&npy::header(self.len(), self.dim()))?;
            self.rows().try_for_each(|row| write_le(&mut file, row, f32::to_le_bytes))?;
            file.flush()
        };
        write().map_err(Error::io(path))?;
        file.commit()?;
        Ok(())
    }

    /// Writes the bank as one `.safetensors` file, streamed and atomic: `theta` n×d F32, `chain` and `step` I64, `weight`
    /// and `potential` F64, and the layout and metadata in the header. [`Bank::open`] reads it back.
    pub fn export_safetensors(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let mut metadata = self.header.metadata.clone();
        if !self.header.layout.entries.is_empty() {
            let layout = pairs::to_json(&self.header.layout).map_err(|e| Error::io(path)(e.into()))?;
            metadata.insert(LAYOUT_KEY.to_owned(), layout);
        }
        let mut file = AtomicFile::create(path)?;
        let mut write = || {
            write_header(&mut file, self.len(), self.dim(), true, &metadata)?;
            let mut column = |cell: &dyn Fn(super::RowMeta) -> [u8; 8]| {
                (0..self.len()).try_for_each(|i| file.write_all(&cell(self.meta(i))))
            };
            column(&|m| i64::from(m.chain).to_le_bytes())?;
            column(&|m| m.step.to_le_bytes())?;
            column(&|m| m.weight.to_le_bytes())?;
            column(&|m| m.potential.to_le_bytes())?;
            self.rows().try_for_each(|row| write_le(&mut file, row, f32::to_le_bytes))?;
            file.flush()
        };
        write().map_err(Error::io(path))?;
        file.commit()?;
        Ok(())
    }
}
