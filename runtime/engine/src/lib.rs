//! Runs a step program over one arena
