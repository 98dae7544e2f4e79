//! Named, seekable random streams: every random number of a run derived from one seed
