//! The small process that alone touches PTYs.
