//! Scoring and generation with a KV cache
