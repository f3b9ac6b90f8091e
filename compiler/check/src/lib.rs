//! Names, types, units, evaluation and the static checks
