use std::fmt;

use serde::{Deserialize, Serialize};

/// The size of images whose pixels are columns of a table, row by row, the channels of a pixel beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Numbers of a pixel: 1 for gray, 3 for red, green and blue.
    pub channels: usize,
}

impl ImageShape {
    /// That of square images of so many numbers, gray or colored; `None` where they are no square.
    ///
    /// ```
    /// use apd_data::ImageShape;
    ///
    /// assert_eq!(ImageShape::square(784), Some(ImageShape { height: 28, width: 28, channels: 1 }));
    /// assert_eq!(ImageShape::square(3 * 32 * 32).unwrap().channels, 3);
    /// assert_eq!(ImageShape::square(10), None);
    /// ```
    pub fn square(numbers: usize) -> Option<Self> {
        let square = |channels: usize| {
            let side = (numbers / channels).isqrt();
            let shape = Self { height: side, width: side, channels };
            (side > 0 && shape.numbers() == Some(numbers)).then_some(shape)
        };
        square(1).or_else(|| square(3))
    }

    /// Numbers of one image; `None` where there are more than memory has addresses.
    pub fn numbers(&self) -> Option<usize> {
        self.height.checked_mul(self.width)?.checked_mul(self.channels)
    }
}

impl fmt::Display for ImageShape {
    /// `28×28`, or `32×32×3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, width, channels } = self;
        write!(f, "{height}×{width}")?;
        if *channels == 1 { Ok(()) } else { write!(f, "×{channels}") }
    }
}
